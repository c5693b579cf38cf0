//! What the user's programs start with: environment, shell, working directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use coditect_sandbox::agent_config::AgentConfig;

use crate::error::{Error, Result};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Tried in this order when the configured shell is not there.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// Shells that take `-l` for "read the login files".
const LOGIN_SHELLS: [&str; 5] = ["bash", "zsh", "fish", "ksh", "mksh"];

/// `program` with the user's environment and nothing of the agent's own.
pub fn command(config: &AgentConfig, program: &str, cwd: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", &config.home)
        .env("USER", &config.user)
        .env("LOGNAME", &config.user)
        .env("SHELL", shell(config))
        .env("LANG", "C.UTF-8")
        .env("CODITECT_WORKSPACE", config.workspace_id.to_string())
        .current_dir(cwd);
    command
}

/// The user's interactive shell, as a terminal runs it.
pub fn interactive(config: &AgentConfig, cwd: &Path) -> Command {
    let shell = shell(config);
    let mut command = command(config, shell, cwd);
    command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
    let name = Path::new(shell).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if LOGIN_SHELLS.contains(&name) {
        command.arg("-l");
    }
    command
}

fn shell(config: &AgentConfig) -> &str {
    let configured = Some(config.shell.as_str()).filter(|shell| Path::new(shell).exists());
    configured.or_else(|| SHELLS.into_iter().find(|shell| Path::new(shell).exists())).unwrap_or(SHELLS[1])
}

/// The directory a program is to start in.
///
/// # Errors
/// It is not an absolute path of a directory.
pub fn cwd(config: &AgentConfig, asked: Option<&str>) -> Result<PathBuf> {
    let path = PathBuf::from(asked.unwrap_or(&config.workspace));
    if !path.is_absolute() || path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::invalid_value("cwd", "The working directory must be an absolute path."));
    }
    if path.is_dir() {
        return Ok(path);
    }
    if asked.is_none() {
        // The user may have removed it; a terminal to mend that must still open.
        return Ok(PathBuf::from("/"));
    }
    Err(Error::invalid_value("cwd", format!("{} is not a directory.", path.display())))
}
