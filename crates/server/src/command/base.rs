//! `coditect base`: the root file systems that workspaces on this machine see.

use std::process::ExitCode;

use anyhow::anyhow;
use coditect_api::error::ErrorKind;
use coditect_host::{BaseError, Bases};

use crate::cli::Base;
use crate::config::Config;
use crate::output::{self, Failure};

pub(crate) fn run(command: Base, config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let bases = Bases::below(&config.data_dir.join("host"), &config.base);
    match command {
        Base::Add { name, source } => {
            crate::serve::make_private(&config.data_dir)?;
            bases.add(&name, &source).map_err(failure)?;
            say(json, format_args!("The base {name} is added. `coditect base default {name}` gives it to workspaces."));
        }
        Base::List => list(&bases, config, json)?,
        Base::Default { name } => {
            bases.set_default(&name).map_err(failure)?;
            say(json, format_args!("Every workspace takes the base {name} at its next start."));
        }
        Base::Remove { name } => {
            bases.remove(&name, &config.run_dir).map_err(failure)?;
            say(json, format_args!("The base {name} is removed."));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(bases: &Bases, config: &Config, json: bool) -> Result<(), Failure> {
    let found = bases.list(&config.run_dir).map_err(failure)?;
    if json {
        let found: Vec<_> = found
            .into_iter()
            .map(|base| {
                serde_json::json!({
                    "name": base.name, "path": base.path, "default": base.is_default, "used_by": base.used_by,
                })
            })
            .collect();
        return output::json(&found);
    }
    let rows = found.into_iter().map(|base| {
        let default = if base.is_default { "default" } else { "" };
        vec![base.name, default.to_owned(), base.used_by.len().to_string(), base.path.display().to_string()]
    });
    output::table(&["BASE", "", "RUNNING", "DIRECTORY"], rows);
    Ok(())
}

fn say(json: bool, text: std::fmt::Arguments<'_>) {
    if !json {
        output::line(text);
    }
}

fn failure(error: BaseError) -> Failure {
    let kind = match &error {
        BaseError::Name(_) | BaseError::NotABase(_) => ErrorKind::InvalidValue,
        BaseError::Exists(_) | BaseError::IsDefault(_) | BaseError::InUse { .. } => ErrorKind::Conflict,
        BaseError::Unknown(_) => ErrorKind::NotFound,
        BaseError::Io(..) => return Failure::from(anyhow!(error)),
    };
    Failure::Refused { kind, message: error.to_string() }
}
