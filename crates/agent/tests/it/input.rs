//! What a client types arrives once, in order, whatever happens to its connection.

use serde_json::json;

use super::agent::{Agent, eventually};
use super::attach::Client;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit).unwrap()
    }
}

#[tokio::test]
async fn input_is_taken_exactly_once_however_often_the_connection_is_cut() {
    for seed in 1..=6_u64 {
        let agent = Agent::start();
        let terminal = agent.terminal().await;
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let data: Vec<u8> = (0..120_000).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
        client.raw(&format!("head -c {} > got", data.len())).await;
        client.until("the acknowledgement of the command", |client| client.input_offset > 0).await;
        let base = client.input_offset;
        let mut sent = 0;
        let mut cuts = 0;
        while usize::try_from(client.input_offset - base).unwrap() < data.len() {
            let cut = random.below(8) == 0;
            if cut {
                cuts += 1;
                // Sometimes the old connection is still there when the new one comes.
                let old = (random.below(2) == 0).then_some(client);
                client = Client::attach(&agent, &terminal, "a", None).await;
                drop(old);
                sent = usize::try_from(client.input_offset - base).unwrap();
            }
            if sent < data.len() {
                let count = (1 + random.below(9000)).min(data.len() - sent);
                client.type_bytes(&data[sent..sent + count]).await;
                sent += count;
            } else {
                assert!(client.receive().await);
            }
        }
        assert!(cuts > 0);
        let got = agent.workspace("got");
        eventually("the file", || std::fs::metadata(&got).is_ok_and(|meta| meta.len() == data.len() as u64)).await;
        assert!(std::fs::read(&got).unwrap() == data, "seed {seed}: the bytes differ");
    }
}

#[tokio::test]
async fn a_newer_connection_of_the_same_client_ends_the_older() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut old = Client::attach(&agent, &terminal, "a", Some(0)).await;
    let mut new = Client::attach(&agent, &terminal, "a", None).await;
    assert_eq!(old.socket.close_code().await, 4000);
    new.run("echo he''re").await;
    new.until_shown("here").await;
    let (_, shown) = agent.request("GET", &format!("/v1/terminals/{terminal}"), json!(null)).await;
    assert_eq!(shown["clients"], 1);
}

#[tokio::test]
async fn what_was_typed_before_the_tab_was_closed_is_done() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("sleep 0.2").await;
    client.run("touch made").await;
    client.socket.inner.close(None).await.unwrap();
    drop(client);
    let made = agent.workspace("made");
    eventually("the file", || made.exists()).await;
}

#[tokio::test]
async fn what_was_typed_while_output_flowed_to_a_closing_tab_is_done() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("while :; do echo flood; done &").await;
    client.until_text("flood").await;
    for round in 0..20 {
        // Its writes fail from here on, while what it typed is still on its way.
        client.run(&format!("touch made-{round}")).await;
        drop(client);
        let made = agent.workspace(&format!("made-{round}"));
        eventually("the file", || made.exists()).await;
        client = Client::attach(&agent, &terminal, "a", None).await;
    }
}

#[tokio::test]
async fn an_interrupt_gets_through_when_the_terminal_takes_no_more() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    // Without line editing the kernel keeps what nobody reads, and then takes no more.
    client.run("stty -icanon -echo; echo STU''CK; sleep 1000").await;
    client.until_text("STUCK").await;
    client.until("the acknowledgement", |client| client.input_offset > 0).await;
    let junk = vec![b'#'; 20_000];
    for _ in 0..3 {
        client.type_bytes(&junk).await;
    }
    // The interrupt overtakes what was typed before it, and drops it.
    client.type_bytes(&[3]).await;
    client.until("everything taken", |client| client.input_offset > 60_000).await;
    client.until_text("STUCK\r\n\r\n$ ").await;
    client.run("echo us''able").await;
    client.until_text("usable").await;
    assert!(!client.text().contains("###"), "what was typed before the interrupt reached the shell");
}

#[tokio::test]
async fn a_paste_larger_than_every_buffer_arrives_whole() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.raw("sleep 0.3; head -c 1000000 | md5sum; stty sane").await;
    let data: Vec<u8> = (0..1_000_000_u32).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
    let mut expected = std::process::Command::new("md5sum")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut expected.stdin.take().unwrap(), &data).unwrap();
    let expected = String::from_utf8(expected.wait_with_output().unwrap().stdout).unwrap();
    for chunk in data.chunks(50_000) {
        client.type_bytes(chunk).await;
    }
    client.until_text(expected.split_whitespace().next().unwrap()).await;
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_the_connection_and_nothing_else() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let path = format!("/v1/terminals/{terminal}/attach?client=bad");
    for frame in [
        "not json",
        "{}",
        r#"{"type":"unknown"}"#,
        r#"{"type":"ack","offset":-1}"#,
        r#"{"type":"ack","offset":1,"more":1}"#,
        r#"{"type":"resize","cols":0,"rows":10}"#,
        r#"{"type":"resize","cols":1001,"rows":10}"#,
        r#"{"type":"resize","cols":70000,"rows":10}"#,
    ] {
        let mut socket = agent.web_socket(&path).await;
        socket.send(frame).await;
        assert_eq!(socket.close_code().await, 1008, "{frame}");
    }
    let mut socket = agent.web_socket(&path).await;
    socket.send(vec![b'x'; 65_537]).await;
    assert_eq!(socket.close_code().await, 1009);
    // An acknowledgement of what was never sent opens no window.
    let mut client = Client::attach(&agent, &terminal, "good", None).await;
    client.socket.send_json(json!({"type": "ack", "offset": u64::MAX})).await;
    client.run("echo al''ive").await;
    client.until_shown("alive").await;
}
