//! A neighbour at a terminal while an attacker takes all it can get: every key is answered. How fast is printed, and is
//! what `make bench` measures properly.

use coditect_sandbox::escape::{self, Outcome, Target};

use super::attempts::{attempt, move_in};
use super::terminal::{Terminal, percentiles};
use super::world::{World, limits};

const KEYS: usize = 40;
const HOG_MS: u64 = 2500;
const HOGS: [&str; 6] = ["cpu-hog", "fork-bomb", "memory-hog", "disk-filler", "temporary-filler", "inode-filler"];

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_a_neighbour_is_answered_while_an_attacker_takes_all_it_can_get() {
    let world = World::new().await;
    move_in(&world).await;
    let limits = limits();
    let target = Target { pids: limits.pids, memory_bytes: limits.memory_bytes, hog_ms: HOG_MS, ..Target::default() };
    let target = serde_json::to_string(&target).unwrap();
    let mut terminal = Terminal::open(&world, world.victim).await;
    let mut alone = Vec::new();
    for _ in 0..KEYS {
        alone.push(terminal.keystroke().await);
    }
    println!("alone:            {}", percentiles(&mut alone));
    for name in HOGS {
        let hog = escape::find(name).unwrap();
        let mut beside = Vec::new();
        let mut running = std::pin::pin!(attempt(&world, hog, &target));
        let report = loop {
            tokio::select! {
                report = &mut running => break report,
                took = terminal.keystroke() => beside.push(took),
            }
        };
        // A key that was under way when the attempt ended was taken, and its echo comes before the next one's.
        terminal.keystroke().await;
        assert!(!matches!(report.outcome, Outcome::Escaped(_)), "{report:?}");
        assert!(!beside.is_empty(), "not one key was answered beside {name}");
        println!("{name:17} {}; {:?}", percentiles(&mut beside), report.outcome);
    }
    world.victim_works().await;
    drop(terminal);
    world.end().await;
}
