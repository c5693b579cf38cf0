//! `coditect tier`: what users of each tier may use, changed while the server runs.

use std::process::ExitCode;

use coditect_api::tier::{Limits, SetTier, Tier as Record, TierSource};

use crate::cli::{Tier, TierChange};
use crate::client::Client;
use crate::config::Config;
use crate::output::{self, Failure};

pub(crate) async fn run(command: Tier, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    match command {
        Tier::List { remote } => {
            let tiers = all(&Client::new(&remote, config)?).await?;
            if json {
                output::json(&tiers)?;
            } else {
                show(tiers);
            }
        }
        Tier::Set { name, change, remote } => {
            let client = Client::new(&remote, config)?;
            let present = all(&client).await?.into_iter().find(|tier| tier.name == name);
            let wanted = merge(present.map(|tier| tier.limits), *change)?;
            let set: Record = client.put(&format!("/api/v5/tiers/{}", encode(&name)), &wanted).await?;
            if json {
                output::json(&set)?;
            } else {
                output::line(format_args!("The tier {} is set; running workspaces get it now.", set.name));
                show(vec![set]);
            }
        }
        Tier::Remove { name, remote } => {
            Client::new(&remote, config)?.delete(&format!("/api/v5/tiers/{}", encode(&name))).await?;
            if !json {
                output::line(format_args!("What was set for the tier {name} is taken back."));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn all(client: &Client) -> Result<Vec<Record>, Failure> {
    client.all("/api/v5/tiers?").await
}

fn show(tiers: Vec<Record>) {
    let heading = [
        "TIER",
        "CPU",
        "MEMORY",
        "STORAGE",
        "OPEN AT ONCE",
        "WORKSPACES",
        "PROCESSES",
        "OPEN FILES",
        "TERMINALS",
        "FILES",
        "NETWORK",
        "DISK",
        "FROM",
    ];
    let rows = tiers.into_iter().map(|Record { name, limits, source }| {
        let source = match source {
            TierSource::Configuration => "configuration",
            TierSource::Changed => "set here, over the configuration",
            TierSource::Added => "set here",
        };
        vec![
            name,
            format!("{} m", limits.cpu_millis),
            format!("{} MiB", limits.memory_bytes >> 20),
            format!("{} MiB", limits.storage_bytes >> 20),
            limits.concurrent_sessions.to_string(),
            limits.workspaces.to_string(),
            limits.pids.to_string(),
            limits.open_files.to_string(),
            limits.terminals.to_string(),
            limits.inodes.to_string(),
            format!("{} kbit/s", limits.network_kbit),
            format!("{} MiB/s", limits.disk_bytes_per_second >> 20),
            source.to_owned(),
        ]
    });
    output::table(&heading, rows);
}

/// What is there, with what was asked for over it.
fn merge(present: Option<Limits>, change: TierChange) -> Result<SetTier, Failure> {
    let missing = || {
        Failure::Usage(
            "a tier that is added needs --cpu-millis, --memory, --storage and --concurrent-sessions".to_owned(),
        )
    };
    let present = present.as_ref();
    Ok(SetTier {
        cpu_millis: change.cpu_millis.or(present.map(|p| p.cpu_millis)).ok_or_else(missing)?,
        memory_bytes: change.memory.or(present.map(|p| p.memory_bytes)).ok_or_else(missing)?,
        storage_bytes: change.storage.or(present.map(|p| p.storage_bytes)).ok_or_else(missing)?,
        concurrent_sessions: change
            .concurrent_sessions
            .or(present.map(|p| p.concurrent_sessions))
            .ok_or_else(missing)?,
        pids: change.pids.or(present.map(|p| p.pids)),
        open_files: change.open_files.or(present.map(|p| p.open_files)),
        terminals: change.terminals.or(present.map(|p| p.terminals)),
        workspaces: change.workspaces.or(present.map(|p| p.workspaces)),
        inodes: change.inodes.or(present.map(|p| p.inodes)),
        network_kbit: change.network_kbit.or(present.map(|p| p.network_kbit)),
        disk_bytes_per_second: change.disk_per_second.or(present.map(|p| p.disk_bytes_per_second)),
    })
}

/// A name as part of a path; the server says which names are names.
fn encode(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let parts =
        name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    parts.collect()
}
