//! Stands for the agent in tests: the same two entry points, and instead of the agent's services one that runs what it
//! is told. `launcher` is the launcher's helper; `agent` is pid 1 of a sandbox and answers, on its HTTP socket's
//! descriptor, each line `["program","argument",…]` with the exit code, a newline, and what the program printed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};

use coditect_sandbox::{fds, launcher, spec, unbound};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("launcher") => launcher::main(launcher::HELPER_FD),
        Some("agent") => serve(),
        _ => ExitCode::from(64),
    }
}

fn serve() -> ExitCode {
    // As the agent does: what runs beside pid 1 must not read its memory or descriptors.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).expect("a plain prctl");
    // Without a configuration it is one of those made ahead.
    if std::env::args().nth(2).is_none() && unbound::wait().expect("what a launcher's helper says").is_none() {
        return ExitCode::SUCCESS;
    }
    let listener = fds::inherited_listener(spec::AGENT_FD).expect("the launcher hands over the agent's socket");
    let _ports = fds::inherited_listener(spec::PORTS_FD).expect("the launcher hands over the port socket");
    for client in listener.incoming().flatten() {
        std::thread::spawn(move || {
            // A test that went away is no matter to the others.
            let _ = answer(client);
        });
    }
    ExitCode::SUCCESS
}

fn answer(client: UnixStream) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line)?;
    let argv: Vec<String> = serde_json::from_str(&line)?;
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null());
    let (code, output) = match command.output() {
        Ok(output) => {
            use std::os::unix::process::ExitStatusExt as _;
            let status = output.status;
            let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            (code, [output.stdout, output.stderr].concat())
        }
        Err(error) => (127, error.to_string().into_bytes()),
    };
    let mut client = &client;
    client.write_all(format!("{code}\n").as_bytes())?;
    client.write_all(&output)
}
