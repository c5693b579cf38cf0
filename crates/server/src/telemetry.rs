//! Where the log goes: standard error, for people or as JSON.

use anyhow::{Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts logging for the whole process. Call once.
pub(crate) fn start(config: &Config) -> Result<()> {
    use std::io::IsTerminal as _;
    let filter = EnvFilter::try_new(&config.log)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).compact().try_init(),
    }
    .map_err(|error| anyhow!("the log cannot be started: {error}"))
}
