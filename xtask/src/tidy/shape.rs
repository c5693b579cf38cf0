//! Files that people can hold in their head: sizes, names, opening sentences, where `unsafe` may be.

use std::path::Path;

use anyhow::Result;

/// Lines at which a file must be split.
const LINES_MAX: usize = 800;
/// Files that are over the limit today, with their size. Entries may only shrink or go.
const OVER: &[(&str, usize)] = &[];
/// Words no file name may have: they say nothing about what is inside.
const EMPTY_WORDS: &[&str] = &["utils", "util", "helpers", "common", "misc", "manager"];
/// The only place where `unsafe` may be written.
const UNSAFE_HOME: &str = "crates/sandbox/src/sys";

pub(super) fn check(root: &Path, complaints: &mut Vec<String>) -> Result<()> {
    for path in super::files(root, &[".rs", ".ts", ".tsx", ".mjs"])? {
        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        let lines = text.lines().count();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let generated = name.ends_with("generated.ts");
        let limit = OVER.iter().find(|(file, _)| *file == name).map_or(LINES_MAX, |(_, size)| *size);
        if lines > limit && !generated {
            complaints.push(format!("{name}: {lines} lines, more than {limit}; split it by what it does"));
        }
        if EMPTY_WORDS.contains(&stem.as_str()) {
            complaints.push(format!("{name}: name it after what is in it"));
        }
        if stem == "mod" && name.ends_with(".rs") {
            complaints.push(format!("{name}: use foo.rs beside foo/ instead"));
        }
        if name.ends_with(".rs") {
            if !text.starts_with("//!") {
                complaints.push(format!("{name}: open with `//!` and one sentence of purpose"));
            }
            let writes_unsafe = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| code.contains(word))
            });
            if writes_unsafe && !name.starts_with(UNSAFE_HOME) && !name.starts_with("xtask/") {
                complaints.push(format!("{name}: `unsafe` belongs in {UNSAFE_HOME}"));
            }
        }
    }
    Ok(())
}
