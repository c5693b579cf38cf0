//! One module per command.

use std::process::ExitCode;

use crate::cli::{Arguments, Command};
use crate::config::{Config, Environment};
use crate::output::Failure;

mod audit;
mod base;
mod check_config;
pub(crate) mod doctor;
mod tier;
mod user;
mod workspace;

/// Runs the command that was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    // In a sandbox there is no configuration.
    if let Command::Inside(what) = &arguments.command {
        return doctor::inside(what);
    }
    let environment: Environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(crate::config::ENV_PREFIX))
        .collect();
    let config = Config::load(arguments.config.as_deref(), &environment)?;
    match arguments.command {
        Command::Serve(options) => crate::serve::run(config, &options),
        Command::Doctor(options) => doctor::run(&options, &config, arguments.json),
        Command::Inside(what) => doctor::inside(&what),
        Command::CheckConfig => check_config::run(&config, arguments.json),
        Command::Base(command) => base::run(command, &config, arguments.json),
        Command::Audit(command) => client_runtime()?.block_on(audit::run(command, &config, arguments.json)),
        Command::User(command) => client_runtime()?.block_on(user::run(command, &config, arguments.json)),
        Command::Tier(command) => client_runtime()?.block_on(tier::run(command, &config, arguments.json)),
        Command::Workspace(command) => client_runtime()?.block_on(workspace::run(command, &config, arguments.json)),
    }
}

fn client_runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
