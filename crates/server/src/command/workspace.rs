//! `coditect workspace`: list, start, stop, exec.

use std::process::ExitCode;

use coditect_api::error::{ErrorDetail, ErrorKind};
use coditect_api::workspace::Workspace as Record;
use coditect_model::workspace::State;

use crate::cli::Workspace;
use crate::client::Client;
use crate::config::Config;
use crate::output::{self, Failure};

mod exec;

/// How long a start or stop is waited for in one request, in milliseconds.
const WAIT_MS: u32 = 30_000;

pub(crate) async fn run(command: Workspace, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    match command {
        Workspace::List { remote } => match Client::new(&remote, config) {
            Ok(client) => match client.all("/api/v5/workspaces?all=true").await {
                Ok(workspaces) => list(&workspaces, json),
                Err(Failure::Unreachable(_)) if remote.server.is_none() => list_sandboxes(config, json),
                Err(failure) => Err(failure),
            },
            Err(Failure::Unreachable(_)) => list_sandboxes(config, json),
            Err(failure) => Err(failure),
        },
        Workspace::Start { workspace, remote } => {
            change(&Client::new(&remote, config)?, &workspace, "start", "starting", json).await
        }
        Workspace::Stop { workspace, remote } => {
            change(&Client::new(&remote, config)?, &workspace, "stop", "stopping", json).await
        }
        Workspace::Exec { workspace, cwd, argv, remote } => {
            let client = Client::new(&remote, config)?;
            let id = find(&client, &workspace).await?.id;
            exec::run(&client, &id, argv, cwd).await
        }
    }
}

fn list(workspaces: &[Record], json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::json(&workspaces)?;
    } else if workspaces.is_empty() {
        output::line("No workspaces yet.");
    } else {
        let rows = workspaces.iter().map(|workspace| {
            let usage = workspace.usage.clone().unwrap_or_default();
            let running = workspace.usage.is_some();
            let memory = format!("{} / {} MiB", usage.memory_bytes >> 20, workspace.limits.memory_bytes >> 20);
            let cpu = format!("{} / {} m", usage.cpu_millis, workspace.limits.cpu_millis);
            vec![
                workspace.id.clone(),
                workspace.name.clone(),
                state_word(workspace.state).to_owned(),
                if running { cpu } else { String::new() },
                if running { memory } else { String::new() },
                workspace.owner_id.clone(),
            ]
        });
        output::table(&["ID", "NAME", "STATE", "CPU", "MEMORY", "OWNER"], rows);
    }
    Ok(ExitCode::SUCCESS)
}

/// With the server stopped, sandboxes go on; this is what it will adopt when it starts.
fn list_sandboxes(config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let sandboxes = coditect_host::Host::list_records(&config.run_dir).map_err(anyhow::Error::from)?;
    if json {
        let items: Vec<_> = sandboxes
            .iter()
            .map(|s| serde_json::json!({ "id": s.workspace.to_string(), "state": "running", "pid": s.pid, "adopted": false }))
            .collect();
        output::json(&items)?;
    } else if sandboxes.is_empty() {
        output::line("The server is not running, and no workspace is.");
    } else {
        output::line(
            "The server is not running. These workspaces still are; `coditect serve` adopts them, `coditect serve --stop-all` ends them:",
        );
        let rows = sandboxes.iter().map(|s| vec![s.workspace.to_string(), "running".to_owned(), s.pid.to_string()]);
        output::table(&["ID", "STATE", "PID"], rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Running => "running",
        State::Stopping => "stopping",
        State::Stopped => "stopped",
        State::Failed => "failed",
        State::Deleting => "deleting",
    }
}

async fn find(client: &Client, wanted: &str) -> Result<Record, Failure> {
    if wanted.starts_with("ws_") {
        return client.get(&format!("/api/v5/workspaces/{wanted}")).await;
    }
    let all: Vec<Record> = client.all("/api/v5/workspaces?all=true").await?;
    let mut named = all.into_iter().filter(|workspace| workspace.name == wanted);
    let refuse = |kind, message| {
        Err(Failure::Answer(Box::new(ErrorDetail {
            kind,
            message,
            request_id: String::new(),
            details: serde_json::Map::new(),
        })))
    };
    match (named.next(), named.next()) {
        (Some(workspace), None) => Ok(workspace),
        (None, _) => {
            refuse(ErrorKind::NotFound, format!("no workspace is called {wanted}; `coditect workspace list` shows all"))
        }
        (Some(_), Some(_)) => {
            refuse(ErrorKind::Conflict, format!("several workspaces are called {wanted}; use the id (ws_…)"))
        }
    }
}

async fn change(client: &Client, wanted: &str, verb: &str, doing: &str, json: bool) -> Result<ExitCode, Failure> {
    let workspace = find(client, wanted).await?;
    let bar = output::progress(&format!("{doing} {}", workspace.name), json);
    let path = format!("/api/v5/workspaces/{}/{verb}?wait_ms={WAIT_MS}", workspace.id);
    let after: Record = client.post(&path, &serde_json::json!({})).await?;
    bar.finish_and_clear();
    if json {
        output::json(&after)?;
    } else {
        output::line(format_args!("{} ({}) is {}.", after.name, after.id, state_word(after.state)));
    }
    if after.state == State::Failed {
        let reason = after.reason.unwrap_or_else(|| "no reason is known".to_owned());
        return Err(Failure::Unreachable(format!("the workspace did not start: {reason}")));
    }
    Ok(ExitCode::SUCCESS)
}
