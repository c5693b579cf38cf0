//! What a hostile tenant tries: attempts to leave a sandbox, to look out of it or to take more than its share, each run
//! *inside* a sandbox by whatever program links this.
//!
//! One process per attempt: some end the process that makes them. The caller starts [`run_json`] in a sandbox, reads what
//! it printed with [`judge`], and looks after each whether the neighbours still work; half of the attempts do harm only
//! there.
//!
//! **Invariants**: an attempt that succeeds harms nobody by it: nothing is written to what was opened, no foreign
//! process gets a signal, nothing is left running or lying about.
//! **Not here**: sandboxes to attack and their neighbours ([`crate::launcher`], crate `host`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod calls;
mod files;
mod hogs;
mod network;
mod privileges;
mod processes;

/// Stands before a report in what an attempt printed, so that it is found between other lines.
const REPORT_MARK: &str = "escape-report: ";
/// Of what an attempt that reported nothing printed, this much is kept, in bytes.
const WORDS_MAX_BYTES: usize = 400;

/// What kind of wall an attempt runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// System calls that reach too far into the kernel.
    Kernel,
    /// Files and devices of the machine and of others.
    Files,
    /// Processes of the machine and of others.
    Processes,
    /// Identities, capabilities, namespaces, mounts.
    Privileges,
    /// Sockets and packets.
    Network,
    /// More than one's share.
    Resources,
}

/// One attempt.
#[derive(Debug)]
pub struct Attempt {
    /// Unique among all, in kebab case.
    pub name: &'static str,
    /// Which wall it tries.
    pub class: Class,
    /// What is tried, in one line for a person.
    pub about: &'static str,
    /// Whether being ended by the kernel is a way to be refused.
    pub deadly: bool,
    run: fn(&Target) -> Outcome,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered with an error: which.
    Refused(String),
    /// It was allowed and came to nothing, or ended at a limit: which.
    Held(String),
    /// It got what no tenant should have: what.
    Escaped(String),
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The attempt's name.
    pub name: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What there is to attack; the attacker is told all of it. Whatever is empty is not tried.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// Processes that are not the sandbox's.
    pub foreign_processes: Vec<ForeignProcess>,
    /// Stands in the command lines of processes of the host and of neighbours, and nowhere in the sandbox.
    pub foreign_marker: String,
    /// Files that are the host's or a neighbour's, by their paths on the host.
    pub foreign_paths: Vec<PathBuf>,
    /// What stands in those files.
    pub foreign_secret: String,
    /// Whether the paths of mounts must not name places of the host. Where a volume is a plain directory they do.
    pub mounts_are_hidden: bool,
    /// Names of abstract Unix sockets on which the host or a neighbour listens.
    pub abstract_sockets: Vec<String>,
    /// Addresses of the host, of neighbours and of metadata services that must not be reached.
    pub addresses: Vec<SocketAddr>,
    /// Processes and threads the sandbox may have; 0: not told.
    pub pids: u32,
    /// Memory it may use, in bytes; 0: not told.
    pub memory_bytes: u64,
    /// Files one process may have open; 0: not told.
    pub open_files: u64,
    /// Terminals it may have; 0: not told.
    pub terminals: u32,
    /// Bytes its volume may hold, where that is enforced.
    pub storage_bytes: Option<u64>,
    /// Files and directories its volume may hold, where that is enforced.
    pub inodes: Option<u64>,
    /// How long an attempt keeps a resource busy, in milliseconds.
    pub hog_ms: u64,
}

/// A process outside the sandbox.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ForeignProcess {
    /// Its number, as the host counts.
    pub pid: u32,
    /// When it began, in clock ticks since boot.
    pub start_time_ticks: u64,
}

impl ForeignProcess {
    /// The process that has this number here.
    ///
    /// # Errors
    /// There is none.
    pub fn here(pid: u32) -> std::io::Result<Self> {
        Ok(Self { pid, start_time_ticks: crate::record::start_time_ticks(pid)? })
    }
}

impl Target {
    fn hog(&self) -> Duration {
        Duration::from_millis(self.hog_ms)
    }
}

/// All of them, in the order in which they are best made: those that wear the sandbox down come last.
pub fn attempts() -> impl Iterator<Item = &'static Attempt> {
    [calls::ATTEMPTS, files::ATTEMPTS, processes::ATTEMPTS, privileges::ATTEMPTS, network::ATTEMPTS, hogs::ATTEMPTS]
        .into_iter()
        .flatten()
}

/// The attempt of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attempt> {
    attempts().find(|attempt| attempt.name == name)
}

impl Attempt {
    /// Makes the attempt, here and now. Only for processes inside a sandbox, and for a process of its own.
    #[must_use]
    pub fn run(&self, target: &Target) -> Report {
        Report { name: self.name.to_owned(), outcome: (self.run)(target) }
    }
}

/// Makes the attempt of this name against a [`Target`] in JSON and answers the line to be printed for [`judge`].
///
/// # Errors
/// There is no such attempt, or the target is not one.
pub fn run_json(name: &str, target: &str) -> Result<String, String> {
    let attempt = find(name).ok_or_else(|| format!("there is no attempt `{name}`"))?;
    let target: Target = serde_json::from_str(target).map_err(|error| format!("the target: {error}"))?;
    let report = serde_json::to_string(&attempt.run(&target)).map_err(|error| error.to_string())?;
    Ok(format!("{REPORT_MARK}{report}"))
}

/// What came of an attempt, from its process's exit code (128 + signal number when a signal ended it) and from what it
/// printed. Whoever says nothing and had no reason to die has not been held.
#[must_use]
pub fn judge(attempt: &Attempt, exit_code: i32, printed: &str) -> Report {
    let report = printed
        .lines()
        .find_map(|line| line.split_once(REPORT_MARK))
        .and_then(|(_, json)| serde_json::from_str::<Report>(json.trim()).ok())
        .filter(|report| report.name == attempt.name);
    let outcome = match report {
        Some(report) => return report,
        None if attempt.deadly && exit_code > 128 => {
            Outcome::Held(format!("the kernel ended it with signal {}", exit_code - 128))
        }
        None => {
            let start = printed.len().saturating_sub(WORDS_MAX_BYTES);
            let start = (start..=printed.len()).find(|&at| printed.is_char_boundary(at)).unwrap_or(0);
            Outcome::Escaped(format!("unknown: exit code {exit_code} without a report: {}", &printed[start..]))
        }
    };
    Report { name: attempt.name.to_owned(), outcome }
}

/// Collects what several tries of one kind came to: one that got through is enough.
struct Tries {
    refused: Vec<String>,
    escaped: Vec<String>,
}

impl Tries {
    fn new() -> Self {
        Self { refused: Vec::new(), escaped: Vec::new() }
    }

    /// A try that must fail, by name.
    fn expect_error<T>(&mut self, what: &str, result: Result<T, impl std::fmt::Display>) {
        match result {
            Ok(_) => self.escaped.push(format!("{what}: it worked")),
            Err(error) => self.refused.push(format!("{what}: {error}")),
        }
    }

    /// A fact that must not be.
    fn expect(&mut self, what: &str, safe: bool) {
        if safe { self.refused.push(what.to_owned()) } else { self.escaped.push(format!("not so: {what}")) }
    }

    fn outcome(self) -> Outcome {
        if !self.escaped.is_empty() {
            return Outcome::Escaped(self.escaped.join("; "));
        }
        // A word for each kind of answer is enough.
        let mut words: Vec<String> = self.refused;
        let count = words.len();
        words.truncate(3);
        let more = if count > words.len() { format!("; and {} more", count - words.len()) } else { String::new() };
        if count == 0 {
            Outcome::Held("nothing to attack was named".to_owned())
        } else {
            Outcome::Refused(words.join("; ") + &more)
        }
    }
}

#[cfg(test)]
mod tests;
