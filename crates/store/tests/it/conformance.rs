//! The suite over every backend of this crate, and over each through faults.

use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coditect_model::ambient::Clock;
use coditect_store::conformance::{Subject, check};
use coditect_store::{FaultPlan, SqliteOptions, Store};

/// Runs the suite with a seed that stays, so that a build is comparable with the last one, and one that does not.
/// To replay a failure, put the seed that it names here.
fn suite(name: &'static str, faulty: bool, histories: u32, open: &(dyn Fn(Arc<dyn Clock>, u64) -> Store + Sync)) {
    let fresh = std::hash::RandomState::new().build_hasher().finish();
    for seed in [0xc0d1, fresh] {
        println!("{name}: seed {seed:#x}");
        let stores = AtomicU64::new(0);
        let numbered = |clock| open(clock, seed.wrapping_add(stores.fetch_add(1, Ordering::Relaxed)));
        check(Subject { name, open: &numbered, faulty }, seed, histories);
    }
}

fn sqlite(clock: Arc<dyn Clock>, folder: &Path) -> Store {
    // A new file each time: the stores of one suite never meet.
    static FILES: AtomicU64 = AtomicU64::new(0);
    let file = folder.join(format!("{}.db", FILES.fetch_add(1, Ordering::Relaxed)));
    Store::open_sqlite(&file, SqliteOptions::default(), clock).unwrap()
}

#[test]
fn memory() {
    suite("memory", false, 1000, &|clock, _| Store::memory(clock));
}

#[test]
fn memory_through_faults() {
    suite("faulty memory", true, 100, &|clock, seed| Store::memory(clock).faulty(FaultPlan::stormy(seed)));
}

#[test]
fn sqlite_file() {
    let folder = tempfile::tempdir().unwrap();
    suite("sqlite", false, 150, &|clock, _| sqlite(clock, folder.path()));
}

#[test]
fn sqlite_file_through_faults() {
    let folder = tempfile::tempdir().unwrap();
    suite("faulty sqlite", true, 40, &|clock, seed| sqlite(clock, folder.path()).faulty(FaultPlan::stormy(seed)));
}
