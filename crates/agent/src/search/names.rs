//! `GET /v1/search/files`: the files whose path matches what somebody typed, best first, as editors' quick open.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use axum::response::{IntoResponse, Response};
use coditect_api::search::{NameMatch, RESULTS_MAX};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::walk::{self, Globs};
use crate::error::Result;
use crate::files::work::{SEARCH, run, stream};
use crate::files::{Params, path};

/// Results when the client does not say how many.
const LIMIT_DEFAULT: usize = 100;
/// What a match inside the file's own name counts more than one spread over its directories.
const IN_NAME_BONUS: u32 = 10_000;
/// What the file's whole name counts more.
const WHOLE_NAME_BONUS: u32 = 10_000;
/// Longest relative path that is matched, in characters: the matcher's work grows with it.
const PATH_MAX_CHARS: usize = 1024;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamesQuery {
    root: String,
    #[serde(default)]
    query: String,
    limit: Option<usize>,
    #[serde(default)]
    ignored: bool,
}

pub(super) async fn search(Params(query): Params<NamesQuery>) -> Result<Response> {
    let root = path::decode_field("root", &query.root)?;
    super::check_query(&query.query)?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, RESULTS_MAX);
    let found = run(&SEARCH, move |cancel| {
        let files = walk::files(&root, query.ignored, Globs::none())?.take_while(|_| !cancel.is_set());
        let typed = query.query.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(if typed.is_empty() { latest(files, limit) } else { Scorer::new(&typed, root).best(files, limit) })
    })
    .await?;
    let body = stream(&SEARCH, move |pipe| {
        for line in &found {
            serde_json::to_writer(&mut *pipe, line)?;
            pipe.write_all(b"\n")?;
        }
        Ok(())
    })
    .await?;
    Ok((super::lines_headers(), body).into_response())
}

/// Nothing typed yet: what was worked on last.
fn latest(files: impl Iterator<Item = ignore::DirEntry>, limit: usize) -> Vec<NameMatch> {
    let mut newest: BinaryHeap<Reverse<(SystemTime, Reverse<PathBuf>)>> = BinaryHeap::new();
    for file in files {
        let modified = file.metadata().ok().and_then(|metadata| metadata.modified().ok());
        newest.push(Reverse((modified.unwrap_or(SystemTime::UNIX_EPOCH), Reverse(file.into_path()))));
        if newest.len() > limit {
            newest.pop();
        }
    }
    let matches = newest.into_sorted_vec().into_iter();
    matches
        .map(|Reverse((_, Reverse(file)))| NameMatch { path: path::encode(&file), score: 0, indices: Vec::new() })
        .collect()
}

/// What makes one match better than another; larger is better.
type Rank = (u32, Reverse<usize>, Reverse<PathBuf>);

struct Scorer {
    root: PathBuf,
    pattern: Pattern,
    typed: String,
    matcher: Matcher,
    chars: Vec<char>,
}

impl Scorer {
    fn new(typed: &str, root: PathBuf) -> Self {
        // `\ ` would be an escaped blank to the pattern; people who type a backslash mean a path.
        let typed = typed.replace('\\', "/");
        let pattern = Pattern::new(&typed, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
        Self {
            root,
            pattern,
            typed: typed.to_lowercase(),
            matcher: Matcher::new(Config::DEFAULT.match_paths()),
            chars: Vec::new(),
        }
    }

    fn best(mut self, files: impl Iterator<Item = ignore::DirEntry>, limit: usize) -> Vec<NameMatch> {
        let mut best: BinaryHeap<Reverse<Rank>> = BinaryHeap::new();
        for file in files {
            let text = walk::relative(&self.root, file.path());
            let Some(score) = self.score(&text) else { continue };
            let worse = best.len() >= limit
                && best.peek().is_some_and(|Reverse(least)| (score, Reverse(text.len())) < (least.0, least.1));
            if !worse {
                best.push(Reverse((score, Reverse(text.len()), Reverse(file.into_path()))));
                if best.len() > limit {
                    best.pop();
                }
            }
        }
        let ranked = best.into_sorted_vec();
        ranked
            .into_iter()
            .map(|Reverse((score, _, Reverse(file)))| {
                let indices = self.indices(&walk::relative(&self.root, &file));
                NameMatch { path: path::encode(&file), score, indices }
            })
            .collect()
    }

    fn score(&mut self, text: &str) -> Option<u32> {
        let name = &text[text.rfind('/').map_or(0, |slash| slash + 1)..];
        if let Some(score) = self.plain_score(name) {
            let whole = name.to_lowercase() == self.typed;
            return Some(score + IN_NAME_BONUS + if whole { WHOLE_NAME_BONUS } else { 0 });
        }
        self.plain_score(text)
    }

    fn plain_score(&mut self, text: &str) -> Option<u32> {
        let text = haystack(text, &mut self.chars)?;
        self.pattern.score(text, &mut self.matcher)
    }

    /// Which characters of the relative path matched.
    fn indices(&mut self, text: &str) -> Vec<u32> {
        let name_start = text.rfind('/').map_or(0, |slash| slash + 1);
        let in_name = self.plain_score(&text[name_start..]).is_some();
        let start = if in_name { name_start } else { 0 };
        let mut found = Vec::new();
        if let Some(part) = haystack(&text[start..], &mut self.chars) {
            self.pattern.indices(part, &mut self.matcher, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        let skipped = u32::try_from(text[..start].chars().count()).unwrap_or(0);
        found.into_iter().map(|index| index + skipped).collect()
    }
}

/// The text as the matcher takes it, one element per character.
fn haystack<'a>(text: &'a str, chars: &'a mut Vec<char>) -> Option<Utf32Str<'a>> {
    if text.is_ascii() {
        return (text.len() <= PATH_MAX_CHARS).then_some(Utf32Str::Ascii(text.as_bytes()));
    }
    chars.clear();
    chars.extend(text.chars().take(PATH_MAX_CHARS + 1));
    (chars.len() <= PATH_MAX_CHARS).then_some(Utf32Str::Unicode(chars))
}
