//! `coditect doctor`: what this machine and this configuration are good for, what is missing, and the command that mends it.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::Doctor;
use crate::config::Config;
use crate::output::{self, Failure};

mod installation;
mod isolation;
mod machine;
mod settings;

pub(crate) use isolation::inside;

/// What is examined, in the order in which it is told.
const AREAS: [&str; 8] = ["kernel", "isolation", "limits", "clock", "storage", "network", "installation", "addresses"];

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It was not, and is now.
    Mended,
    /// Coditect works, but less of it holds, or not for as many.
    Warning,
    /// Coditect does not work like this, or not safely.
    Failed,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Mended => "mended",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
        }
    }
}

/// One line of the examination.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Check {
    /// What it is about: one of [`AREAS`].
    pub(crate) area: &'static str,
    /// What was looked at.
    pub(crate) name: String,
    /// What became of it.
    pub(crate) level: Level,
    /// What was found.
    pub(crate) found: String,
    /// What that means for workspaces, where it is not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) means: Option<String>,
    /// The command or setting that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Check {
    fn ok(area: &'static str, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { area, name: name.into(), level: Level::Ok, found: found.into(), means: None, mend: None }
    }

    fn warning(area: &'static str, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::ok(area, name, found) }
    }

    fn failed(area: &'static str, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { level: Level::Failed, ..Self::ok(area, name, found) }
    }

    fn means(mut self, means: impl Into<String>) -> Self {
        self.means = Some(means.into());
        self
    }

    fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

#[derive(Serialize)]
struct Examination<'a> {
    checks: &'a [Check],
    /// For `/etc/sysctl.d`, where settings were raised or should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    sysctl_drop_in: Option<String>,
    failed: usize,
    warnings: usize,
}

pub(crate) fn run(options: &Doctor, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    if options.isolation {
        return isolation::run(config, json);
    }
    let mut checks = machine::checks(config);
    let (shared, drop_in) = settings::checks(options.fix);
    checks.extend(shared);
    checks.extend(installation::checks(config, options.fix));
    checks.sort_by_key(|check| AREAS.iter().position(|area| *area == check.area));
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    let (failed, warnings) = (count(Level::Failed), count(Level::Warning));
    if json {
        output::json(&Examination { checks: &checks, sysctl_drop_in: drop_in, failed, warnings })?;
    } else {
        print(&checks);
        if let Some(text) = drop_in {
            output::line("\nTo keep the settings over a restart, put this into /etc/sysctl.d/60-coditect.conf:\n");
            output::line(text);
        }
        output::line(format_args!("\n{}", verdict(failed, warnings, options.fix)));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `serve` says at its start: of the same examination what the probe of the sandboxes has not said already.
pub(crate) fn at_start(config: &Config) -> Vec<Check> {
    let mut checks = machine::checks_beside_the_probe();
    checks.extend(settings::checks(false).0);
    checks.extend(installation::checks(config, false));
    checks.retain(|check| check.level >= Level::Warning);
    checks
}

fn verdict(failed: usize, warnings: usize, fixed: bool) -> String {
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let mend = if fixed { "" } else { " `coditect doctor --fix` applies what can be applied." };
    match (failed, warnings) {
        (0, 0) => "This machine is ready. `coditect doctor --isolation` shows by trying what it holds.".to_owned(),
        (0, _) => format!("Coditect works here, with {warnings} warning{}.{mend}", s(warnings)),
        _ => format!("{failed} thing{} must be mended before Coditect is safe to run here.{mend}", s(failed)),
    }
}

fn print(checks: &[Check]) {
    let mut area = "";
    for check in checks {
        if check.area != area {
            output::line(format_args!("\n{}", check.area));
            area = check.area;
        }
        output::line(format_args!("  {:8} {}: {}", check.level.word(), check.name, check.found));
        for (word, text) in [("means", &check.means), ("mend", &check.mend)] {
            if let Some(text) = text {
                output::line(format_args!("           {word:5} {text}"));
            }
        }
    }
}
