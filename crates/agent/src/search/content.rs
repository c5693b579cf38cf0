//! `GET /v1/search/content`: lines that match, sent as they are found.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use axum::response::{IntoResponse, Response};
use coditect_api::search::{ContentEvent, RESULTS_MAX};
use grep_matcher::{LineTerminator, Matcher as _};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use rustix::fs::{Mode, OFlags};

use super::line;
use super::walk::{self, Globs};
use crate::error::{Error, Result};
use crate::files::work::{Pipe, SEARCH, SHORT, run, stream};
use crate::files::{Params, path};

/// Results when the client does not say how many.
const LIMIT_DEFAULT: usize = 2000;
/// Largest compiled pattern and largest cache of its automaton, in bytes.
const PATTERN_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting of a pattern.
const PATTERN_NEST_MAX: u32 = 100;
/// Longest line that is searched, in bytes; a file with a longer one is searched up to there.
const LINE_MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Case {
    #[default]
    Smart,
    Sensitive,
    Insensitive,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentQuery {
    root: String,
    query: String,
    #[serde(default)]
    case: Case,
    #[serde(default)]
    word: bool,
    #[serde(default)]
    regex: bool,
    include: Option<String>,
    exclude: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    ignored: bool,
}

pub(super) async fn search(Params(query): Params<ContentQuery>) -> Result<Response> {
    let root = path::decode_field("root", &query.root)?;
    super::check_query(&query.query)?;
    if query.query.is_empty() {
        return Err(Error::invalid_value("query", "say what to search for"));
    }
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, RESULTS_MAX);
    let (files, matcher) = run(&SHORT, move |_| {
        let matcher = compile(&query)?;
        let globs = Globs::parse(&root, query.include.as_deref(), query.exclude.as_deref())?;
        Ok((walk::files(&root, query.ignored, globs)?, matcher))
    })
    .await?;
    let body = stream(&SEARCH, move |pipe| {
        let mut found =
            Found { pipe, matcher: &matcher, file: PathBuf::new(), files: 0, matches: 0, limit, truncated: false };
        let mut searcher = searcher();
        for file in files {
            found.pipe.check()?;
            found.look_into(file.path(), &mut searcher)?;
            if found.truncated {
                break;
            }
        }
        let (files, matches, truncated) = (found.files, found.matches, found.truncated);
        write_line(pipe, &ContentEvent::End { files, matches, truncated })
    })
    .await?;
    Ok((super::lines_headers(), body).into_response())
}

fn compile(query: &ContentQuery) -> Result<RegexMatcher> {
    let mut builder = RegexMatcherBuilder::new();
    match query.case {
        Case::Smart => builder.case_smart(true),
        Case::Insensitive => builder.case_insensitive(true),
        Case::Sensitive => &mut builder,
    };
    builder
        .fixed_strings(!query.regex)
        .word(query.word)
        .multi_line(true)
        // `$` stands before `\r\n` too.
        .crlf(true)
        .size_limit(PATTERN_MAX_BYTES)
        .dfa_size_limit(PATTERN_MAX_BYTES)
        .nest_limit(PATTERN_NEST_MAX)
        .build(&query.query)
        .map_err(|error| Error::invalid_value("query", format!("the pattern is not understood: {error}")))
}

fn searcher() -> Searcher {
    SearcherBuilder::new()
        .line_number(true)
        .line_terminator(LineTerminator::crlf())
        .binary_detection(BinaryDetection::quit(0))
        .heap_limit(Some(LINE_MAX_BYTES))
        .build()
}

struct Found<'a> {
    pipe: &'a mut Pipe,
    matcher: &'a RegexMatcher,
    file: PathBuf,
    files: u64,
    matches: u64,
    limit: usize,
    truncated: bool,
}

impl Found<'_> {
    fn look_into(&mut self, file: &Path, searcher: &mut Searcher) -> io::Result<()> {
        // What is gone, forbidden or no longer a file is no part of the answer.
        let Ok(opened) = open(file) else { return Ok(()) };
        self.files += 1;
        file.clone_into(&mut self.file);
        let reader = UntilGone { file: opened, pipe: self.pipe.watch() };
        let matcher = self.matcher;
        match searcher.search_reader(matcher, reader, &mut *self) {
            Ok(()) => {}
            Err(error)
                if error.kind() == io::ErrorKind::ConnectionAborted || error.kind() == io::ErrorKind::TimedOut =>
            {
                return Err(error);
            }
            // Unreadable part-way, or a line beyond all bounds: what was found so far stands.
            Err(_) => {}
        }
        // What one file had is shown before the next is read.
        self.pipe.send()
    }
}

impl Sink for &mut Found<'_> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        if self.matches >= self.limit as u64 {
            self.truncated = true;
            return Ok(false);
        }
        self.matches += 1;
        let bytes = found.bytes();
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut ranges = Vec::new();
        let _: std::result::Result<(), grep_matcher::NoError> = self.matcher.find_iter(line, |range| {
            ranges.push((range.start(), range.end()));
            ranges.len() < line::RANGES_MAX
        });
        let (text, ranges) = line::render(line, &ranges);
        let event = ContentEvent::Match {
            path: path::encode(&self.file),
            line: found.line_number().unwrap_or(0),
            text,
            ranges,
        };
        write_line(self.pipe, &event)?;
        Ok(true)
    }
}

fn write_line(pipe: &mut Pipe, event: &ContentEvent) -> io::Result<()> {
    serde_json::to_writer(&mut *pipe, event)?;
    pipe.write_all(b"\n")
}

/// Opens a regular file; one that was swapped for a FIFO meanwhile must not hold the thread.
fn open(file: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(file, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// A file that ends when the client has left, so that a huge one without matches does not hold the thread either.
struct UntilGone {
    file: File,
    pipe: crate::files::work::Gone,
}

impl Read for UntilGone {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pipe.is_gone() {
            return Err(crate::files::work::gone());
        }
        self.file.read(buffer)
    }
}
