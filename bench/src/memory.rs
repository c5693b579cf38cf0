//! Memory of idle workspaces: what the machine has less of when many run.

use anyhow::{Context as _, Result};
use coditect_api::session::OpenedSession;

use crate::report::Question;
use crate::server::{Client, Server};

/// The machine's memory before workspaces were started.
pub(crate) struct Weighing {
    question: Question,
    server: u32,
    /// Agents that ran before.
    others: Vec<u32>,
    before_kib: u64,
}

const PRIVATE: &str = "agent and bash, private (Pss)";
/// After the last start: what was freed with a delay is free then.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(3);

impl Weighing {
    /// Before the first of them starts.
    pub(crate) fn begin(server: &Server, title: &str) -> Result<Self> {
        let question = Question::new(title, "MiB", PRIVATE);
        let server = server.pid();
        Ok(Self { question, server, others: agents_of(server)?, before_kib: available_kib()? })
    }

    /// When all of them are idle; divides what has disappeared by their number.
    pub(crate) async fn end(mut self, client: &Client, ids: &[String]) -> Result<Question> {
        tokio::time::sleep(SETTLE).await;
        let gone_kib = self.before_kib.saturating_sub(available_kib()?);
        let (mut pss_kib, mut cgroup_bytes) = (0, 0);
        for pid in agents_of(self.server)?.into_iter().filter(|pid| !self.others.contains(pid)) {
            pss_kib += pss_of_tree(pid)?;
        }
        for id in ids {
            let workspace: serde_json::Value = client.get(&format!("/api/v5/workspaces/{id}")).await?;
            cgroup_bytes += workspace["usage"]["memory_bytes"].as_u64().context("no usage")?;
        }
        let count = ids.len();
        let per = |kib: f64| kib / 1024.0 / count as f64;
        self.question.value(PRIVATE, count, per(pss_kib as f64));
        self.question.value(
            "charged to the workspace's cgroup (page cache and kernel included)",
            count,
            per(cgroup_bytes as f64 / 1024.0),
        );
        self.question.value("gone from the machine's available memory", count, per(gone_kib as f64));
        self.question.note("Each runs its agent and one bash on a terminal, idle. Pss counts shared pages (the agent's and bash's code) once over all workspaces; prepared sandboxes of the warm pool count with them.");
        Ok(self.question)
    }
}

/// Opens one terminal in a workspace and leaves it alone.
pub(crate) async fn idle_terminal(client: &Client, opened: &OpenedSession) -> Result<()> {
    let agent = Client::new(&client.base, &opened.access.grant);
    let path = format!("{}/v1/terminals", opened.access.path);
    let _: serde_json::Value = agent.post(&path, &serde_json::json!({})).await?;
    Ok(())
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
