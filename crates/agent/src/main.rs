//! The `coditect-agent` binary: pid 1 of a sandbox, and the small helper that launches sandboxes.

use std::io::Write as _;
use std::process::ExitCode;

use coditect_agent::ambient::log;
use coditect_sandbox::agent_config::AgentConfig;

const USAGE: &str = "usage: coditect-agent agent [CONFIG] | coditect-agent launcher\n\
    Both are started by `coditect serve`, with the sockets they need.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (role, config, rest) = (arguments.next(), arguments.next(), arguments.next());
    match (role.as_deref(), config, rest) {
        (Some("launcher"), None, None) => coditect_sandbox::launcher::main(3),
        // Made ahead: whose it is comes later, or never.
        (Some("agent"), None, None) => match coditect_agent::serve::wait_for_identity() {
            Ok(Some(config)) => agent(config),
            Ok(None) => ExitCode::SUCCESS,
            Err(error) => {
                log(&format!("the agent cannot become a workspace's: {error}"));
                ExitCode::FAILURE
            }
        },
        (Some("agent"), Some(config), None) => match serde_json::from_str::<AgentConfig>(&config) {
            Ok(config) => agent(config),
            Err(error) => {
                log(&format!("the configuration is not an AgentConfig: {error}"));
                ExitCode::from(2)
            }
        },
        (Some("--version"), None, None) => {
            // Whoever asks and goes away does not need the answer.
            let _ = writeln!(std::io::stdout(), "coditect-agent {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            log(USAGE);
            ExitCode::from(2)
        }
    }
}

fn agent(config: AgentConfig) -> ExitCode {
    match coditect_agent::serve::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&format!("the agent cannot run: {error}"));
            ExitCode::FAILURE
        }
    }
}
