//! Memory of idle workspaces: what the machine has less of when many run.

use anyhow::{Context as _, Result};

use crate::report::Question;
use crate::server::{Client, Server};

/// Starts `count` workspaces with one terminal each and divides what disappeared from the machine's free memory.
pub(crate) async fn measure(server: &Server, count: usize) -> Result<Question> {
    let mut question = Question::new("Memory per idle workspace", "MiB", "agent and bash, private (Pss)");
    let client = server.account("memory@bench.test").await?;
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(client.workspace(&format!("idle {number}")).await?.id);
    }
    let before = available_kib()?;
    let mut pss_kib = 0;
    let mut cgroup_bytes = 0;
    for id in &ids {
        let opened = client.open(id).await?;
        let agent = Client::new(&client.base, &opened.access.grant);
        let _: serde_json::Value =
            agent.post(&format!("{}/v1/terminals", opened.access.path), &serde_json::json!({})).await?;
    }
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let after = available_kib()?;
    for pid in agents_of(server.pid())? {
        pss_kib += pss_of_tree(pid)?;
    }
    for id in &ids {
        let workspace: serde_json::Value = client.get(&format!("/api/v5/workspaces/{id}")).await?;
        cgroup_bytes += workspace["usage"]["memory_bytes"].as_u64().context("no usage")?;
    }
    let per = |kib: f64| kib / 1024.0 / count as f64;
    question.value("agent and bash, private (Pss)", count, per(pss_kib as f64));
    question.value(
        "charged to the workspace's cgroup (page cache and kernel included)",
        count,
        per(cgroup_bytes as f64 / 1024.0),
    );
    question.value("gone from the machine's available memory", count, per(before.saturating_sub(after) as f64));
    question.note("Each runs its agent and one bash on a terminal, idle. Pss counts shared pages (the agent's and bash's code) once over all workspaces.");
    Ok(question)
}

fn available_kib() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).context("MemAvailable")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

/// Processes called `coditect-agent` that are pid 1 of a namespace of their own and were started by this server's
/// launcher.
fn agents_of(server: u32) -> Result<Vec<u32>> {
    let launchers = children_of(server)?;
    let mut agents = Vec::new();
    for launcher in launchers {
        agents.extend(children_of(launcher)?);
    }
    Ok(agents)
}

fn children_of(parent: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        children.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}

fn pss_of_tree(root: u32) -> Result<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{root}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:"));
    let own: u64 = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let mut total = own;
    for child in children_of(root)? {
        total += pss_of_tree(child)?;
    }
    Ok(total)
}
