//! `coditect doctor --isolation`: two sandboxes of its own, one of which tries everything, while the other must not notice.
//!
//! **Invariants**: nothing of the installation is touched; what was made is gone at the end, also after an interruption.

use std::process::ExitCode;
use std::time::Duration;

use coditect_sandbox::escape::{self, Outcome};
use coditect_sandbox::probe;
use serde::Serialize;

use crate::cli::Inside;
use crate::config::Config;
use crate::output::{self, Failure};

mod prey;
mod quota;
mod world;

use prey::Prey;
use world::World;

/// What no sandbox on a shared kernel can promise.
const OUT_OF_SCOPE: [&str; 5] = [
    "bugs of the kernel: whoever breaks it is out, whatever holds above",
    "side channels between programs that share a processor, its caches or the disk's",
    "what makes the whole machine slow: heat, memory bandwidth, the disk's own queue",
    "whoever can read the data directory, or become root on this machine: that is the operator",
    "what a workspace's own programs do to that workspace",
];

/// One line of the result.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    about: String,
    #[serde(flatten)]
    outcome: Outcome,
    /// How long the neighbour took to answer afterwards, in milliseconds; absent: it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    neighbour_ms: Option<u64>,
}

impl Line {
    fn holds(&self) -> bool {
        !matches!(self.outcome, Outcome::Escaped(_)) && self.neighbour_ms.is_some()
    }
}

#[derive(Serialize)]
struct Examination {
    machine: Vec<String>,
    lines: Vec<Line>,
    not_enforced: Vec<String>,
    out_of_scope: [&'static str; 5],
    left_behind: Vec<String>,
    holds: bool,
}

pub(super) fn run(config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let capabilities = probe::probe(&config.data_dir, &config.base);
    if let Some(reason) = capabilities.fatal {
        return Err(anyhow::anyhow!("this machine cannot isolate workspaces: {reason}").into());
    }
    let mut not_enforced: Vec<String> =
        capabilities.not_enforced.iter().map(|(feature, reason)| format!("{}: {reason}", feature.title())).collect();
    not_enforced.extend(coditect_sandbox::control::prepare());
    let mut machine = vec![
        format!("Linux {}", rustix::system::uname().release().to_string_lossy()),
        format!("control groups {}", capabilities.cgroup.kind()),
    ];
    machine.extend(capabilities.enforced.iter().map(|feature| feature.title().to_owned()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut examination = runtime.block_on(examine(config, json, &mut machine, &mut not_enforced))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    examination.machine = machine;
    examination.not_enforced = not_enforced;
    if json {
        output::json(&examination)?;
    } else {
        print(&examination);
    }
    Ok(if examination.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(
    config: &Config,
    json: bool,
    machine: &mut Vec<String>,
    not_enforced: &mut Vec<String>,
) -> anyhow::Result<Examination> {
    let world = World::new(config)?;
    world.describe(machine, not_enforced);
    let tried = tokio::select! {
        tried = try_everything(&world, json) => tried,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; the two sandboxes are gone")),
    };
    let left_behind = world.end().await;
    let lines = tried.map_err(|error| {
        if left_behind.is_empty() { error } else { error.context(format!("left behind: {}", left_behind.join(", "))) }
    })?;
    let holds = left_behind.is_empty() && lines.iter().all(Line::holds);
    let (machine, not_enforced) = (Vec::new(), Vec::new());
    Ok(Examination { machine, lines, not_enforced, out_of_scope: OUT_OF_SCOPE, left_behind, holds })
}

async fn try_everything(world: &World, json: bool) -> anyhow::Result<Vec<Line>> {
    let progress = output::progress("starting two sandboxes", json);
    world.start().await?;
    let prey = Prey::set_out(world).await?;
    let target = serde_json::to_string(&prey.target)?;
    let mut lines = Vec::new();
    for attempt in escape::attempts() {
        progress.set_message(attempt.about);
        let (code, printed) = world.run_inside(world.attacker, &["attempt", attempt.name, &target]).await?;
        let report = escape::judge(attempt, code, &printed);
        lines.push(line(attempt.name, attempt.about, report.outcome, world).await);
    }
    for (name, about, outcome) in quota::measure(world, &progress).await? {
        lines.push(line(name, about, outcome, world).await);
    }
    progress.finish_and_clear();
    Ok(lines)
}

async fn line(name: &str, about: &str, outcome: Outcome, world: &World) -> Line {
    let neighbour_ms = world.victim_answers().await.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    Line { name: name.to_owned(), about: about.to_owned(), outcome, neighbour_ms }
}

/// What runs inside the two sandboxes: this program, called by [`World::run_inside`].
pub(crate) fn inside(what: &Inside) -> Result<ExitCode, Failure> {
    match what {
        Inside::Attempt { name, target } => {
            output::line(escape::run_json(name, target).map_err(Failure::Usage)?);
            Ok(ExitCode::SUCCESS)
        }
        Inside::Prey { marker, port } => prey::wait_inside(marker, *port),
        Inside::Burn { seconds } => quota::burn(*seconds),
    }
}

fn print(examination: &Examination) {
    output::line(format_args!("This machine: {}.\n", examination.machine.join(", ")));
    output::table(
        &["", "ATTEMPT", "WHAT WAS TRIED", "WHAT CAME OF IT", "NEIGHBOUR"],
        examination.lines.iter().map(|line| {
            let (word, detail) = match &line.outcome {
                Outcome::Refused(detail) => ("refused", detail),
                Outcome::Held(detail) => ("held", detail),
                Outcome::Escaped(detail) => ("DOES NOT HOLD", detail),
            };
            let neighbour = line.neighbour_ms.map_or_else(|| "DID NOT ANSWER".to_owned(), |ms| format!("{ms} ms"));
            vec![word.to_owned(), line.name.clone(), line.about.clone(), shortened(detail), neighbour]
        }),
    );
    for (heading, words) in [
        ("Not enforced on this machine:", examination.not_enforced.as_slice()),
        ("Left behind:", examination.left_behind.as_slice()),
    ] {
        if !words.is_empty() {
            output::line(format_args!("\n{heading}"));
            words.iter().for_each(|word| output::line(format_args!("  - {word}")));
        }
    }
    output::line("\nOut of scope, here and everywhere:");
    examination.out_of_scope.iter().for_each(|word| output::line(format_args!("  - {word}")));
    let failed = examination.lines.iter().filter(|line| !line.holds()).count();
    let verdict = match failed {
        0 if examination.holds => format!("All {} hold.", examination.lines.len()),
        0 => "All hold, but something was left behind.".to_owned(),
        _ => format!("{failed} of {} do NOT hold.", examination.lines.len()),
    };
    output::line(format_args!("\n{verdict}"));
}

/// Characters of a detail that a table shows; `--json` has all of it.
const DETAIL_MAX_CHARS: usize = 100;

fn shortened(text: &str) -> String {
    if text.chars().count() <= DETAIL_MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(DETAIL_MAX_CHARS).chain(['…']).collect()
}
