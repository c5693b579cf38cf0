//! Shares that are measured from outside while one takes all it can.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use coditect_sandbox::escape::Outcome;

use super::world::World;
use crate::output::Failure;

/// How long processor time is burnt, in seconds.
const BURN_S: u64 = 3;
/// Processes that burn it.
const BURNERS: usize = 4;
/// What is measured may be above the limit by a tenth: the kernel gives shares out in slices.
const TOLERANCE: u64 = 10;

/// Name, what was tried, and what came of it.
type Measured = (&'static str, &'static str, Outcome);

/// Measures the share of the processor that a sandbox gets which wants all of it.
pub(super) async fn measure(world: &World, progress: &indicatif::ProgressBar) -> Result<Vec<Measured>> {
    let about = "more processor time than its share, measured from outside";
    progress.set_message(about);
    let used =
        || world.host.usage(world.attacker).map(|usage| usage.cpu_ms).context("the attacker's sandbox has ended");
    let (before, began) = (used()?, Instant::now());
    world.run_inside(world.attacker, &["burn", &BURN_S.to_string()]).await?;
    let (burnt_ms, took_ms) = (used()?.saturating_sub(before), u64::try_from(began.elapsed().as_millis())?.max(1));
    let share = burnt_ms * 1000 / took_ms;
    let limit = u64::from(world.limits.cpu_millis);
    let detail = format!("{share} of {limit} thousandths of a core");
    let outcome = if share <= limit + limit / TOLERANCE { Outcome::Held(detail) } else { Outcome::Escaped(detail) };
    Ok(vec![("processor-share", about, outcome)])
}

/// Inside: burns processor time on several threads.
pub(super) fn burn(seconds: u64) -> Result<ExitCode, Failure> {
    let end = Instant::now() + Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        for _ in 0..BURNERS {
            scope.spawn(|| while Instant::now() < end {});
        }
    });
    Ok(ExitCode::SUCCESS)
}
