//! `coditect audit`: reads, exports and verifies the audit logs.

use std::io::Write as _;
use std::process::ExitCode;

use coditect_api::audit::AuditPage;
use coditect_api::error::ErrorKind;
use coditect_api::user::User;
use coditect_model::audit::Log;
use coditect_model::audit::chain::{Hex, Place};
use futures_util::StreamExt as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::{Audit, AuditLog, Remote};
use crate::client::Client;
use crate::config::Config;
use crate::output::{self, Failure};

mod check;

use check::{Checked, Reader, show};

pub(crate) async fn run(command: Audit, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    match command {
        Audit::List { log, actor, action, workspace, limit, remote } => {
            let query =
                [("actor", actor), ("action", action), ("workspace", workspace), ("limit", Some(limit.to_string()))];
            list(&Client::new(&remote, config)?, &log, query, json).await
        }
        Audit::Export { log, output, remote } => export(&Client::new(&remote, config)?, &log, output.as_deref()).await,
        Audit::Verify { log, file: Some(file), key, anchor, remote } => {
            let anchor = place(anchor.as_deref())?;
            let key = match key {
                Some(text) => parse_key(&text)?,
                // The key inside the file proves nothing: whoever forged the file would have put their own there.
                None => server_key(&remote, config, &log).await?,
            };
            let reader = Reader::of_file(&file, &key, anchor)?;
            show(&[reader], json)
        }
        Audit::Verify { log, file: None, key, anchor, remote } => {
            let client = Client::new(&remote, config)?;
            let anchor = place(anchor.as_deref())?;
            let key = key.as_deref().map(parse_key).transpose()?;
            let mut checked = Vec::new();
            for log in logs(&client, &log).await? {
                checked.push(verify(&client, &log, key, anchor).await?);
            }
            show(&checked, json)
        }
    }
}

/// Everything a request says about which log it means.
fn query_of(log: &AuditLog) -> String {
    let mut query = String::new();
    if let Some(log) = &log.log {
        query.push_str(&format!("&log={log}"));
    }
    if let Some(tenant) = &log.tenant {
        query.push_str(&format!("&tenant_id={tenant}"));
    }
    query
}

fn parse_key(text: impl AsRef<str>) -> Result<Hex<32>, Failure> {
    text.as_ref().trim().parse().map_err(|error| Failure::Usage(format!("--key: {error}")))
}

fn place(text: Option<&str>) -> Result<Option<Place>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let parsed =
        text.split_once(':').and_then(|(seq, hash)| Some(Place { seq: seq.parse().ok()?, hash: hash.parse().ok()? }));
    let wrong = || Failure::Usage("--anchor wants NUMBER:HASH, as the server's log has them".to_owned());
    parsed.ok_or_else(wrong).map(Some)
}

async fn server_key(remote: &Remote, config: &Config, log: &AuditLog) -> Result<Hex<32>, Failure> {
    let missing = "give the installation's audit key with --key, or let a running server say it";
    let client = Client::new(remote, config).map_err(|failure| match failure {
        Failure::Unreachable(text) => Failure::Usage(format!("{missing}: {text}")),
        other => other,
    })?;
    let query = match query_of(log) {
        query if query.is_empty() => "&log=installation".to_owned(),
        query => query,
    };
    let page: AuditPage = client.get(&format!("/api/v5/audit?limit=1{query}")).await?;
    parse_key(page.public_key)
}

async fn list(
    client: &Client,
    log: &AuditLog,
    query: [(&str, Option<String>); 4],
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut path = format!("/api/v5/audit?{}", query_of(log).trim_start_matches('&'));
    for (name, value) in query {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(&value)));
        }
    }
    let page: AuditPage = client.get(&path).await?;
    if json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    if page.items.is_empty() {
        output::line("Nothing in the log fits.");
        return Ok(ExitCode::SUCCESS);
    }
    output::table(
        &["NO", "TIME", "ACTION", "ACTOR", "WORKSPACE", "ABOUT"],
        page.items.into_iter().map(|entry| {
            let about = entry.subject.into_iter().chain(entry.address).chain(entry.names);
            let details = entry.details.into_iter().map(|(name, value)| format!("{name}={value}"));
            let about: Vec<String> = about.chain(details).collect();
            let workspace = entry.workspace.unwrap_or_default();
            vec![entry.seq.to_string(), moment(entry.at), entry.action, entry.actor, workspace, about.join(" ")]
        }),
    );
    if let Some(next) = page.next {
        output::line(format_args!("There are older ones, before number {next}."));
    }
    Ok(ExitCode::SUCCESS)
}

/// Milliseconds since the epoch as people read them.
fn moment(ms: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| ms.to_string())
}

/// A value of a query: what could end it is escaped.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn export(client: &Client, log: &AuditLog, path: Option<&std::path::Path>) -> Result<ExitCode, Failure> {
    let response = client.stream(&format!("/api/v5/audit/export?{}", query_of(log).trim_start_matches('&'))).await?;
    let mut out: Box<dyn std::io::Write> = match path {
        Some(path) => Box::new(std::io::BufWriter::new(std::fs::File::create_new(path)?)),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        out.write_all(&chunk.map_err(cut_short)?)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn cut_short(error: reqwest::Error) -> Failure {
    Failure::Unreachable(format!("the export broke off: {error}; try again"))
}

/// The logs to verify: the one named, or every one that the caller may read.
async fn logs(client: &Client, named: &AuditLog) -> Result<Vec<AuditLog>, Failure> {
    let log = |log: &str, tenant: Option<&String>| AuditLog { log: Some(log.to_owned()), tenant: tenant.cloned() };
    if named.log.is_some() {
        return Ok(vec![named.clone()]);
    }
    if named.tenant.is_some() {
        return Ok(vec![log("actions", named.tenant.as_ref()), log("files", named.tenant.as_ref())]);
    }
    match client.all::<User>("/api/v5/users?all=true").await {
        Ok(users) => {
            let tenants: std::collections::BTreeSet<String> = users.into_iter().map(|user| user.tenant_id).collect();
            let mut logs = vec![log("installation", None)];
            for tenant in &tenants {
                logs.extend([log("actions", Some(tenant)), log("files", Some(tenant))]);
            }
            Ok(logs)
        }
        Err(Failure::Answer(detail)) if detail.kind == ErrorKind::Forbidden => {
            Ok(vec![log("actions", None), log("files", None)])
        }
        Err(failure) => Err(failure),
    }
}

/// Exports a log and checks it here: the server is not believed about its own log.
async fn verify(
    client: &Client,
    log: &AuditLog,
    key: Option<Hex<32>>,
    anchor: Option<Place>,
) -> Result<Checked, Failure> {
    let query = query_of(log);
    let page: AuditPage = client.get(&format!("/api/v5/audit?limit=1{query}")).await?;
    let key = match key {
        Some(key) => key,
        None => parse_key(&page.public_key)?,
    };
    let response = client.stream(&format!("/api/v5/audit/export?{}", query.trim_start_matches('&'))).await?;
    let mut reader = Reader::new(key, anchor);
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        reader.take(&chunk.map_err(cut_short)?)?;
    }
    let checked = reader.finish()?;
    let asked = match (log.log.as_deref(), log.tenant.as_deref()) {
        (Some("installation"), _) => Some(Log::Installation),
        (Some("files"), Some(tenant)) => tenant.parse().ok().map(Log::Files),
        (_, Some(tenant)) => tenant.parse().ok().map(Log::Actions),
        _ => None,
    };
    if asked.is_some_and(|asked| asked != checked.log) {
        return Err(anyhow::anyhow!("the server sent the log {} instead of the one asked for", checked.log).into());
    }
    Ok(checked)
}
