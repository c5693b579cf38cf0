//! How long a launch takes: measured on demand, asserted never.

use std::time::{Duration, Instant};

use coditect_sandbox::control;

use super::harness::World;

const LAUNCHES: usize = 200;

#[test]
#[ignore = "a measurement: cargo test -p coditect-sandbox --release -- --ignored --nocapture launches_take"]
fn launches_take() {
    let world = World::new();
    let mut times: Vec<Duration> = Vec::with_capacity(LAUNCHES);
    for _ in 0..LAUNCHES {
        let spec = world.spec();
        let started = Instant::now();
        let record = world.launcher.launch(&spec).unwrap();
        times.push(started.elapsed());
        control::stop(&record, Duration::ZERO).unwrap();
    }
    times.sort_unstable();
    println!(
        "{LAUNCHES} launches: min {:?}, p50 {:?}, p99 {:?}",
        times[0],
        times[LAUNCHES / 2],
        times[LAUNCHES * 99 / 100]
    );
}
