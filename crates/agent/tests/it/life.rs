//! The agent's own beginning and end.

use std::process::Command;

use serde_json::{Value, json};

use super::agent::{Agent, eventually, runs};
use super::attach::Client;

#[tokio::test]
async fn told_to_stop_it_hangs_up_and_ends() {
    for by_signal in [true, false] {
        let agent = Agent::start();
        let terminal = agent.terminal().await;
        let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
        let script = "trap 'echo saved > saved; exit' HUP; echo $$ > pid; (trap '' HUP; sleep 1007) & echo $! >> pid; \
            echo re''ady; while :; do sleep 0.05; done";
        std::fs::write(agent.workspace("script"), script).unwrap();
        client.run("exec sh script").await;
        client.until_text("ready").await;
        let mut socket = agent.web_socket("/v1/exec").await;
        socket.send_json(json!({"argv": ["sh", "-c", "echo $$ >> pid; echo up; sleep 1008"]})).await;
        socket.next().await;
        let text = std::fs::read_to_string(agent.workspace("pid")).unwrap();
        let pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(pids.len(), 3);
        if by_signal {
            let pid = rustix::process::Pid::from_raw(agent.pid().cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        } else {
            assert_eq!(agent.request("POST", "/host/shutdown", Value::Null).await.0, 202);
        }
        let saved = agent.workspace("saved");
        eventually("the shell hears of it", || saved.exists()).await;
        assert_eq!(client.socket.close_code().await, 1001);
        let shell = pids[0];
        assert_eq!(agent.exit_code().await, Some(0));
        eventually("the shell ends", || !runs(shell)).await;
        eventually("the command ends", || !runs(pids[2])).await;
        // As pid 1 the agent's end would end this one too; here the test does.
        let left = rustix::process::Pid::from_raw(pids[1].cast_signed()).unwrap();
        let _ = rustix::process::kill_process(left, rustix::process::Signal::KILL);
    }
}

#[tokio::test]
async fn nothing_of_it_can_be_read_by_its_own_user() {
    let agent = Agent::start();
    agent.terminal().await;
    let dumpable = std::fs::metadata(format!("/proc/{}/environ", agent.pid())).unwrap();
    // A process that is not dumpable belongs to root in /proc, whoever runs it.
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&dumpable), 0);
    let limits = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let threads = limits.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap().trim().parse::<u32>().unwrap();
    assert!(threads <= 3, "{threads} threads when idle");
}

#[test]
fn bad_arguments_are_refused_in_words() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_coditect-agent")).args(arguments).output().unwrap();
        assert!(!output.stderr.is_empty(), "{arguments:?}");
        output.status.code()
    };
    for arguments in [&[][..], &["dance"], &["agent", "{}"], &["agent", "{}", "more"]] {
        assert_eq!(run(arguments), Some(2), "{arguments:?}");
    }
    // It would wait for an identity, but nobody has given it a socket to wait on.
    assert_eq!(run(&["agent"]), Some(1));
}
