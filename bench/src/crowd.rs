//! Many workspaces on one machine: a hundred starts at once, five hundred that run together, and what one user feels
//! while strangers beside them burn what they may.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::channel::{self, Socket, Terminal};
use crate::memory;
use crate::report::Question;
use crate::server::{Client, Server};
use crate::stats::Samples;
use crate::terminal::shell;

/// Workspaces that burn at the same time.
const BURNERS: usize = 8;
/// What each of them runs, under the name it has in the table. All are bounded by their tier, not by good will.
const BURNS: [(&str, &str); 4] = [
    ("CPU: 4 endless loops each", "for i in 1 2 3 4; do while :; do :; done & done; wait"),
    ("processes: forking to the limit", "f() { f | f & f; }; while :; do (f) 2>/dev/null; done"),
    (
        "disk: writing and syncing 64 MiB over and over",
        "while :; do dd if=/dev/zero of=/workspace/junk bs=1M count=64 conv=fsync 2>/dev/null; done",
    ),
    ("memory: filling it until the kernel ends the program", "while :; do tail -c 4G /dev/zero; done >/dev/null 2>&1"),
];
/// Time the burners get before the measurement begins.
const WARM_UP: Duration = Duration::from_secs(2);

/// `count` workspaces opened in one moment.
pub(crate) async fn burst(server: &Server, count: usize) -> Result<Question> {
    let reference = "each session's answer (the median of all)";
    let mut question = Question::new(&format!("{count} workspaces started at once"), "ms", reference);
    let client = server.account("burst@bench.test").await?;
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(client.workspace(&format!("burst {number}")).await?.id);
    }
    let mut opening = JoinSet::new();
    let start = Instant::now();
    for id in &ids {
        let (client, id) = (client.clone(), id.clone());
        opening.spawn(async move {
            let opened = client.open(&id).await?;
            let answered = start.elapsed();
            let path = format!("{}/v1/exec", opened.access.path);
            channel::run_true(channel::open_tcp(&client.base, &path, &opened.access.grant).await?).await?;
            Ok::<_, anyhow::Error>((answered, start.elapsed()))
        });
    }
    let (mut answered, mut usable) = (Vec::new(), Vec::new());
    while let Some(result) = opening.join_next().await {
        let (first, second) = result??;
        answered.push(first);
        usable.push(second);
    }
    let all = start.elapsed();
    question.durations(reference, &Samples::new(answered));
    question.durations("each: `true` has ended", &Samples::new(usable));
    question.durations("all of them: the last `true` has ended", &Samples::new(vec![all]));
    question.note("All requests are sent in the same moment; times count from there. Existing workspaces without a volume yet, tier pro.");
    end(&client, &ids).await?;
    Ok(question)
}

/// `count` workspaces that run together: how starting slows down, and what each takes.
pub(crate) async fn together(server: &Server, count: usize) -> Result<Vec<Question>> {
    let client = server.account("together@bench.test").await?;
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(client.workspace(&format!("together {number}")).await?.id);
    }
    let weight = memory::Weighing::begin(server, &format!("Memory per workspace, {count} at once"))?;
    let mut times = Vec::new();
    for id in &ids {
        let start = Instant::now();
        let opened = client.open(id).await?;
        times.push(start.elapsed());
        memory::idle_terminal(&client, &opened).await?;
    }
    let (first, last) = ("the first 50", "the last 50");
    let mut starts = Question::new(&format!("Session open while {count} workspaces come to run"), "ms", first);
    ensure!(times.len() >= 100, "at least a hundred workspaces");
    starts.durations(first, &Samples::new(times[..50].to_vec()));
    starts.durations("all", &Samples::new(times.clone()));
    starts.durations(last, &Samples::new(times[times.len() - 50..].to_vec()));
    starts.note("One after the other; those before go on running, each with a bash on a terminal.");
    let weight = weight.end(&client, &ids).await?;
    end(&client, &ids).await?;
    Ok(vec![starts, weight])
}

/// A neighbour's keystrokes while others burn.
pub(crate) async fn neighbour(server: &Server, rounds: usize) -> Result<Question> {
    let quiet = "nobody else does anything";
    let mut question = Question::new("Keystroke echo of one user while others burn", "us", quiet);
    let user = server.account("neighbour@bench.test").await?;
    let id = user.workspace("neighbour").await?.id;
    let mut terminal = shell(&user, &user.open(&id).await?).await?;
    terminal.send(b"stty -echo; echo re''ady; while read -rn1 key; do printf '<%s>' \"$key\"; done\n").await?;
    terminal.until(b"ready").await?;
    question.durations(quiet, &Samples::new(keys(&mut terminal, rounds).await?));
    let others = server.account("burners@bench.test").await?;
    let mut ids = Vec::new();
    for number in 0..BURNERS {
        ids.push(others.workspace(&format!("burner {number}")).await?.id);
    }
    for (name, script) in BURNS {
        let mut burning = Vec::new();
        for id in &ids {
            burning.push(run(&others, id, script).await?);
        }
        tokio::time::sleep(WARM_UP).await;
        question.durations(&format!("{BURNERS} others, {name}"), &Samples::new(keys(&mut terminal, rounds).await?));
        drop(burning);
        end(&others, &ids).await?;
    }
    question.note("A bash in the user's workspace answers each key (read -n1, printf), so that the shell must be scheduled too. Tier pro for all: the burners may use four times the machine's two cores in sum. 20 keys a second.");
    end(&user, &[id]).await?;
    Ok(question)
}

async fn keys(terminal: &mut Terminal, rounds: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        terminal.send(b"x").await?;
        terminal.until(b"<x>").await?;
        times.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(times)
}

/// Starts a command; it goes on until the answer is dropped.
async fn run(client: &Client, id: &str, script: &str) -> Result<Socket> {
    let opened = client.open(id).await?;
    let path = format!("{}/v1/exec", opened.access.path);
    let socket = channel::open_tcp(&client.base, &path, &opened.access.grant).await?;
    channel::command(socket, &["bash", "-c", script]).await
}

/// Deletes workspaces, and waits until they are gone.
async fn end(client: &Client, ids: &[String]) -> Result<()> {
    for id in ids {
        let stop = format!("/api/v5/workspaces/{id}/stop?wait_ms=20000");
        let stopped: serde_json::Value = client.post(&stop, &serde_json::json!({})).await?;
        stopped["state"].as_str().context("a state")?;
    }
    Ok(())
}
