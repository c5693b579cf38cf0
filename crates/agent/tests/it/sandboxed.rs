//! The agent where it belongs: as pid 1 of a real sandbox.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use coditect_sandbox::fds;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::agent::{Agent, DEADLINE, eventually, runs};
use super::attach::Client;

#[tokio::test]
async fn pid_1_serves_terminals_reaps_orphans_and_ends_everything_with_itself() {
    let agent = Agent::sandboxed();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("cat /proc/1/comm > one; id -u > uid; tty > tty; pwd > pwd; stty size > size; echo do''ne").await;
    client.until_text("done\r\n").await;
    let read = |name: &str| std::fs::read_to_string(agent.workspace(name)).unwrap().trim().to_owned();
    assert!(read("one").starts_with("coditect-agent"), "{}", read("one"));
    assert_eq!((read("uid").as_str(), read("pwd").as_str(), read("size").as_str()), ("1000", "/workspace", "24 80"));
    assert!(read("tty").starts_with("/dev/pts/"));

    // Daemons that left their parents and sessions behind, some ended already.
    client.run("for i in $(seq 20); do (setsid true &); done; (setsid sh -c 'trap \"\" TERM HUP; sleep 1009' &)").await;
    client
        .run(
            "while ps -e -o stat=,comm= | grep -q '^Z' || ! pgrep -f 'sleep 100[9]'; do sleep 0.05; done; echo cl''ean",
        )
        .await;
    client.until_text("clean\r\n").await;

    let shell = agent.request("GET", &format!("/v1/terminals/{terminal}"), Value::Null).await.1["pid"].clone();
    assert!(shell.as_u64().unwrap() < 10_000, "the shell's id is the sandbox's own: {shell}");
    assert_eq!(agent.request("POST", "/host/shutdown", Value::Null).await.0, 202);
    eventually("the sandbox ends", || !agent.lives()).await;
    let pid = agent.pid();
    eventually("the agent ends", || !runs(pid)).await;
}

#[tokio::test]
async fn a_port_inside_is_seen_with_its_process_and_reached_from_outside() {
    let agent = Agent::sandboxed();
    let mut events = agent.web_socket("/v1/events").await;
    let mut server = agent.web_socket("/v1/exec").await;
    std::fs::write(agent.workspace("page"), "hello from inside").unwrap();
    server.send_json(json!({"argv": ["python3", "-m", "http.server", "3000", "--bind", "127.0.0.1"]})).await;
    let port = loop {
        let Some(Message::Text(text)) = events.next().await else { panic!("no events") };
        let event: Value = serde_json::from_str(&text).unwrap();
        if let Some(port) = event["ports"].as_array().and_then(|ports| ports.first()) {
            break port.clone();
        }
    };
    assert_eq!(port["port"], 3000);
    assert!(port["pid"].is_u64() && port["command"].as_str().unwrap().starts_with("python"), "{port}");

    let mut socket = UnixStream::connect(agent.ports_socket()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.write_all(&3000_u16.to_be_bytes()).unwrap();
    let mut status = [9];
    let (_, fd) = fds::recv_fd(&socket, &mut status).unwrap();
    assert_eq!(status, [0]);
    let mut stream = TcpStream::from(fd.unwrap());
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET /page HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello from inside"), "{answer}");
}
