//! Every target over its kept corpus (`fuzz/corpus`), and over seeded mutations of it.
//!
//! A failure prints the seed and the input. `CODITECT_FUZZ_SEED=7` runs with that seed alone, `CODITECT_FUZZ_ROUNDS=100000`
//! with more mutations; `CODITECT_FUZZ_INPUT=file` runs one input.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![expect(clippy::disallowed_methods, reason = "how a person replays a failure")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use coditect_fuzzing::mutation::{Random, mutate};
use coditect_fuzzing::{TARGETS, Target, good_tokens};

/// Mutations of each target's corpus in an ordinary test run.
const ROUNDS: u64 = 2000;
/// What those of an ordinary run begin with.
const SEED: u64 = 20_261_121;
/// All corpora together, in bytes: they are part of the source.
const CORPUS_MAX_BYTES: usize = 1 << 20;

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The kept inputs of a target, in the order of their names.
fn corpus(target: Target) -> Vec<Vec<u8>> {
    let directory = home().join(target.name);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn run(target: Target, input: &[u8], origin: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        panic!("{} fails on {origin}: {:?}", target.name, String::from_utf8_lossy(input));
    }
}

#[test]
fn every_parser_bears_its_corpus_and_mutations_of_it() {
    if let Ok(path) = std::env::var("CODITECT_FUZZ_INPUT") {
        let input = std::fs::read(&path).unwrap();
        let name = PathBuf::from(&path).parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let target = coditect_fuzzing::target(&name).unwrap_or_else(|| panic!("no target is called {name}"));
        return run(target, &input, &path);
    }
    let (seed, rounds) =
        (number("CODITECT_FUZZ_SEED").unwrap_or(SEED), number("CODITECT_FUZZ_ROUNDS").unwrap_or(ROUNDS));
    std::thread::scope(|scope| {
        for &target in TARGETS {
            scope.spawn(move || {
                let mut corpus = corpus(target);
                assert!(
                    !corpus.is_empty(),
                    "fuzz/corpus/{} is empty: a fuzzer needs something to begin with",
                    target.name
                );
                for (index, input) in corpus.iter().enumerate() {
                    run(target, input, &format!("number {index} of its corpus"));
                }
                if target.name == "control_token" {
                    corpus.extend(good_tokens().into_iter().map(String::into_bytes));
                }
                for round in 0..rounds {
                    let input = mutate(&corpus, &mut Random::new(seed.wrapping_add(round)));
                    run(
                        target,
                        &input,
                        &format!("CODITECT_FUZZ_SEED={} CODITECT_FUZZ_ROUNDS=1", seed.wrapping_add(round)),
                    );
                }
            });
        }
    });
}

#[test]
fn good_tokens_are_believed_where_they_are_meant_for() {
    let target = coditect_fuzzing::target("control_token").unwrap();
    let tokens = good_tokens();
    assert_eq!(tokens.len(), 4);
    for token in tokens {
        (target.run)(token.as_bytes());
    }
}

#[test]
fn every_target_has_a_corpus_and_the_other_way_round() {
    let entries = std::fs::read_dir(home()).unwrap().map(|entry| entry.unwrap());
    let corpora: BTreeSet<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "two targets have one name");
    assert_eq!(corpora, targets, "directories of fuzz/corpus and targets");
    let bytes: usize = TARGETS.iter().flat_map(|target| corpus(*target)).map(|input| input.len()).sum();
    assert!(bytes < CORPUS_MAX_BYTES, "{bytes} bytes of corpus are kept: too many");
}
