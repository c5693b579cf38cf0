//! `make bench`: measures Coditect beside public tools in one run, and prints ratios.
//!
//! Arguments name the questions to answer (`start prompt keys cat burst together neighbour store`); none means all.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

mod channel;
mod crowd;
mod memory;
mod report;
mod server;
mod start;
mod stats;
mod store;
mod terminal;

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let asks = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let server = server::Server::start().await?;
    let mut questions = Vec::new();
    if asks("start") {
        questions.push(start::measure(&server, 200).await?);
    }
    if asks("prompt") {
        questions.push(terminal::register_to_prompt(&server, 25).await?);
    }
    if asks("keys") {
        questions.push(terminal::keystroke(&server, 2000).await?);
    }
    if asks("cat") {
        questions.push(terminal::cat(&server, 7).await?);
    }
    if asks("burst") {
        questions.push(crowd::burst(&server, 100).await?);
    }
    if asks("together") {
        questions.extend(crowd::together(&server, 500).await?);
    }
    if asks("neighbour") {
        questions.push(crowd::neighbour(&server, 400).await?);
    }
    server.stop()?;
    if asks("store") {
        questions.push(store::measure(Duration::from_secs(5)).await?);
    }
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("out");
    report::finish(questions, &format!("{}\n\n{}", machine(), features().await?), &out)
}

/// What this machine lets Coditect hold while it is measured, and what not.
async fn features() -> Result<String> {
    let dir = tempfile::Builder::new().prefix("coditect-bench-features-").tempdir()?;
    let probed = coditect_sandbox::probe::probe(dir.path(), Path::new("/"));
    let host = start::host(dir.path(), "features", coditect_model::warm::Policy::OFF)?;
    let (storage, network) = (host.storage_report(), host.network().report().mode);
    host.close().await;
    let list = |titles: Vec<&str>| if titles.is_empty() { "nothing".to_owned() } else { titles.join(", ") };
    Ok(format!(
        "On: {}; volumes: {} ({}); network: {network:?}. Not on: {}.",
        list(probed.enforced.iter().map(|feature| feature.title()).collect()),
        storage.kind.name(),
        if storage.bytes_enforced { "a hard size" } else { "no hard size" },
        list(probed.not_enforced.iter().map(|(feature, _)| feature.title()).collect()),
    ))
}

/// The machine in one line, for whoever reads the figures elsewhere.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown CPU");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = read("/proc/meminfo");
    let kib: u64 = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores of {}, {} GiB, Linux {}",
        model.trim_start_matches([':', ' ', '\t']),
        kib >> 20,
        kernel.trim()
    )
}
