//! `coditect check-config`: a configuration that gets here is valid; print what it comes to.

use std::process::ExitCode;

use crate::config::{Config, LogFormat, Registration};
use crate::output::{self, Failure};

pub(crate) fn run(config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let registration = match config.registration {
        Registration::Open => "open",
        Registration::Invitation => "invitation",
    };
    let log_format = match config.log_format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    // What is not set is decided at the start, and TOML has no word for that.
    let mut storage = serde_json::json!({ "kind": config.storage.kind.map_or("auto", |kind| kind.name()) });
    for (key, bytes) in [("reserve_bytes", config.storage.reserve_bytes), ("pool_bytes", config.storage.pool_bytes)] {
        if let Some(bytes) = bytes {
            storage[key] = bytes.into();
        }
    }
    let value = serde_json::json!({
        "listen": config.listen,
        "public_url": config.public_url.to_string(),
        "workspace_domain": config.workspace_domain,
        "data_dir": config.data_dir,
        "run_dir": config.run_dir,
        "base": config.base,
        "agent_binary": config.agent_binary,
        "registration": registration,
        "trusted_proxies": config.trusted_proxies,
        "access_token_ttl_s": config.access_token_ttl_s,
        "login_ttl_s": config.login_ttl_s,
        "log": config.log,
        "log_format": log_format,
        "shutdown_deadline_s": config.shutdown_deadline_s,
        "storage": storage,
        "tiers": config.tiers,
    });
    if json {
        output::json(&value)?;
    } else {
        let table: toml::Value = toml::Value::try_from(value).map_err(anyhow::Error::from)?;
        output::line("# The configuration is valid. In force:");
        output::line(toml::to_string_pretty(&table).map_err(anyhow::Error::from)?);
    }
    Ok(ExitCode::SUCCESS)
}
