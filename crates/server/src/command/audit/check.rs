//! Checks an exported log, line by line: the signed head first, then the entries.
//!
//! **Invariants**: one line in memory at a time, and no longer than [`LINE_MAX_BYTES`].

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use coditect_model::audit::Log;
use coditect_model::audit::chain::{Head, Hex, Link, Place, Verdict, Verifier};
use serde::Deserialize;

use crate::output::{self, Failure};

/// Longest line of an export, in bytes: more than any entry can have.
const LINE_MAX_BYTES: usize = 1 << 20;
/// Bytes of a file read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The first line.
#[derive(Deserialize)]
struct First {
    head: Head,
    /// Shown, never believed.
    #[serde(rename = "public_key")]
    _public_key: Hex<32>,
}

/// A log that was checked.
pub(super) struct Checked {
    pub(super) log: Log,
    head: Head,
    verdict: Verdict,
}

/// A check under way.
pub(super) struct Reader {
    key: Hex<32>,
    anchor: Option<Place>,
    rest: Vec<u8>,
    lines: u64,
    state: Option<(Head, Verifier)>,
}

impl Reader {
    pub(super) fn new(key: Hex<32>, anchor: Option<Place>) -> Self {
        Self { key, anchor, rest: Vec::new(), lines: 0, state: None }
    }

    /// Checks a file.
    pub(super) fn of_file(path: &Path, key: &Hex<32>, anchor: Option<Place>) -> Result<Checked, Failure> {
        let named = |error| Failure::Usage(format!("{}: {error}", path.display()));
        let mut file = std::fs::File::open(path).map_err(named)?;
        let mut reader = Self::new(*key, anchor);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk).map_err(named)? {
                0 => return reader.finish(),
                read => reader.take(&chunk[..read])?,
            }
        }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.rest);
            self.line(&line)?;
        }
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > LINE_MAX_BYTES {
            return Err(self.unreadable("it is longer than any entry"));
        }
        Ok(())
    }

    fn unreadable(&self, why: impl std::fmt::Display) -> Failure {
        Failure::Usage(format!("line {} is not one of an exported audit log: {why}", self.lines + 1))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        match &mut self.state {
            None => {
                let first: First = serde_json::from_slice(line).map_err(|error| self.unreadable(error))?;
                let verifier = Verifier::new(first.head.clone(), &self.key).with_anchor(self.anchor);
                self.state = Some((first.head, verifier));
            }
            Some((_, verifier)) => match serde_json::from_slice::<Link>(line) {
                Ok(link) => verifier.take(&link),
                Err(error) => return Err(self.unreadable(error)),
            },
        }
        self.lines += 1;
        Ok(())
    }

    /// Compares the end with the head.
    pub(super) fn finish(mut self) -> Result<Checked, Failure> {
        if !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.line(&line)?;
        }
        match self.state {
            Some((head, verifier)) => Ok(Checked { log: head.log, head, verdict: verifier.finish() }),
            None => Err(Failure::Usage("there is no audit log in it".to_owned())),
        }
    }
}

/// Prints what was found. Exit code 5 when something is wrong: the log is not as it was signed.
pub(super) fn show(logs: &[Checked], json: bool) -> Result<ExitCode, Failure> {
    let bad = logs.iter().filter(|checked| checked.verdict.problem_count > 0).count();
    if json {
        let logs: Vec<_> = logs
            .iter()
            .map(|checked| {
                let problems: Vec<String> = checked.verdict.problems.iter().map(ToString::to_string).collect();
                serde_json::json!({
                    "log": checked.log,
                    "intact": checked.verdict.problem_count == 0,
                    "checked": checked.verdict.checked,
                    "cut": checked.head.cut,
                    "last": checked.verdict.last,
                    "problems": problems,
                    "problem_count": checked.verdict.problem_count,
                })
            })
            .collect();
        output::json(&logs)?;
    } else {
        for Checked { log, head, verdict } in logs {
            let word = if verdict.problem_count == 0 { "intact" } else { "NOT INTACT" };
            let last = verdict.last;
            output::line(format_args!(
                "{word}: {log}: {} entries, the last is {}:{}",
                verdict.checked, last.seq, last.hash
            ));
            if head.cut.seq > 0 {
                output::line(format_args!("  entries up to {} were removed, as the retention says", head.cut.seq));
            }
            for problem in &verdict.problems {
                output::line(format_args!("  {problem}"));
            }
            let more = verdict.problem_count - u64::try_from(verdict.problems.len()).unwrap_or(u64::MAX);
            if more > 0 {
                output::line(format_args!("  and {more} more"));
            }
        }
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(5) })
}
