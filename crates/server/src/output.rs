//! What commands print: text for people or JSON for programs, and failures with their exit codes.

use std::io::Write as _;
use std::process::ExitCode;

use coditect_api::error::{ErrorDetail, ErrorKind};
use serde::Serialize;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server answered with an error.
    Answer(Box<ErrorDetail>),
    /// The server cannot be reached.
    Unreachable(String),
    /// What was asked of this machine itself is refused.
    Refused {
        /// For programs, and for the exit code.
        kind: ErrorKind,
        /// For people.
        message: String,
    },
    /// The command was used wrongly.
    Usage(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<crate::config::Problems> for Failure {
    fn from(problems: crate::config::Problems) -> Self {
        Self::Usage(problems.to_string())
    }
}

/// Prints a failure to standard error and answers its exit code.
pub(crate) fn report(failure: &Failure, json: bool) -> ExitCode {
    let (kind, message, code) = match failure {
        Failure::Answer(detail) => (detail.kind, detail.message.clone(), detail.kind.exit_code()),
        Failure::Refused { kind, message } => (*kind, message.clone(), kind.exit_code()),
        Failure::Unreachable(message) => (ErrorKind::Unavailable, message.clone(), 7),
        Failure::Usage(message) => (ErrorKind::InvalidRequest, message.clone(), 2),
        Failure::Other(error) => (ErrorKind::Internal, format!("{error:#}"), 1),
    };
    let mut out = std::io::stderr().lock();
    let _ = if json {
        writeln!(out, "{}", serde_json::json!({ "error": { "kind": kind, "message": message } }))
    } else {
        writeln!(out, "coditect: {message}")
    };
    ExitCode::from(code)
}

/// Prints one line to standard output. A reader that has gone away is not an error.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?);
    Ok(())
}

/// Prints a table with a heading row.
pub(crate) fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(heading.to_vec());
    for row in rows {
        // What users named themselves or their workspaces must not move the cursor of the terminal it is printed on.
        table.add_row(row.into_iter().map(|cell| cell.replace(char::is_control, "\u{fffd}")));
    }
    line(table);
}

/// A spinner on standard error for what takes time; silent when nobody watches.
pub(crate) fn progress(message: &str, json: bool) -> indicatif::ProgressBar {
    use std::io::IsTerminal as _;
    if json || !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new_spinner().with_message(message.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
