//! What a terminal shows: byte for byte while connected, and the same screen for whoever comes back.

use serde_json::json;

use super::agent::Agent;
use super::attach::{Client, emulator, scrollback};

#[tokio::test]
async fn bytes_pass_unchanged_in_both_directions() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.raw("exec cat").await;
    let all: Vec<u8> = (0..=255).collect();
    client.type_bytes(&all).await;
    // A character and a colour, each cut in two frames.
    client.type_bytes(b"\xe6\xbc").await;
    client.type_bytes(b"\xa2\x1b[38;2;12;3").await;
    client.type_bytes(b"4;56mcolour").await;
    let sent = [&all[..], "漢\x1b[38;2;12;34;56mcolour".as_bytes()].concat();
    client.until("the echo", |client| client.output.len() >= sent.len()).await;
    assert_eq!(client.output, sent);
    assert_eq!(client.screen.screen().fgcolor(), vt100::Color::Rgb(12, 34, 56));
    client.until("the acknowledgement", |client| client.input_offset >= sent.len() as u64).await;
}

#[tokio::test]
async fn the_shell_has_the_users_environment_and_nothing_else() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("env | sort > env; pwd > pwd; tty -s && ps -o sid= -p $$ > sid; echo $$ >> sid; echo do''ne").await;
    client.until_text("done").await;
    let read = |name: &str| std::fs::read_to_string(agent.workspace(name)).unwrap();
    let env = read("env");
    for line in [
        "TERM=xterm-256color",
        "COLORTERM=truecolor",
        "LANG=C.UTF-8",
        "USER=dev",
        &format!("HOME={}", agent.config.home),
    ] {
        assert!(env.lines().any(|have| have == line), "{line} in {env}");
    }
    assert!(env.contains(&format!("CODITECT_WORKSPACE={}", agent.config.workspace_id)));
    assert!(!env.contains("CARGO"), "{env}");
    assert_eq!(read("pwd").trim(), agent.config.workspace);
    let sid = read("sid");
    let mut ids = sid.split_whitespace();
    assert_eq!(ids.next(), ids.next());
}

#[tokio::test]
async fn a_resize_reaches_the_program_and_every_client() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut one = Client::attach(&agent, &terminal, "a", Some(0)).await;
    let mut two = Client::attach(&agent, &terminal, "b", Some(0)).await;
    one.resize(132, 43).await;
    one.until("the new size", |client| client.size == (132, 43)).await;
    two.until("the new size", |client| client.size == (132, 43)).await;
    one.run("stty size").await;
    one.until_text("\r\n43 132\r\n").await;
    two.resize(61, 17).await;
    one.until("the newer size", |client| client.size == (61, 17)).await;
    let (_, shown) = agent.request("GET", &format!("/v1/terminals/{terminal}"), json!(null)).await;
    assert_eq!((&shown["cols"], &shown["rows"], &shown["clients"]), (&json!(61), &json!(17), &json!(2)));
}

#[tokio::test]
async fn a_client_that_returns_in_time_gets_exactly_the_missing_bytes() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut stays = Client::attach(&agent, &terminal, "stays", Some(0)).await;
    let mut goes = Client::attach(&agent, &terminal, "goes", None).await;
    goes.run("echo be''fore").await;
    goes.until_text("before").await;
    let (seen, seen_from) = (goes.output.clone(), goes.offset);
    let since = goes.end();
    drop(goes);
    stays.run("for i in $(seq 1 3000); do printf '\\033[3%dmline %d\\n' $((i%8)) $i; done; echo a''fter").await;
    stays.until_text("after").await;
    let mut back = Client::attach(&agent, &terminal, "goes", Some(since)).await;
    assert_eq!((back.renderings, back.offset), (0, since));
    back.until("the end", |client| client.end() >= stays.end()).await;
    let from = usize::try_from(seen_from - stays.offset).unwrap();
    // The next prompt may have come to one of the two only.
    let together = [seen, back.output].concat();
    assert!(together.starts_with(&stays.output[from..]), "the bytes differ");
    assert_eq!(back.renderings, 0);
}

#[tokio::test]
async fn a_client_that_returns_late_gets_the_screen_as_it_is() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut stays = Client::attach(&agent, &terminal, "stays", Some(0)).await;
    assert_eq!(stays.offset, 0);
    let goes = Client::attach(&agent, &terminal, "goes", Some(0)).await;
    drop(goes);
    stays.run("seq -f '%-70.0f and \x1b[1;34mblue\x1b[0m' 1 9000; printf 'to''p'; tput setaf 3; printf '\\033]2;the title\\007'; printf 'e\\314\\201nd\\n'").await;
    stays.until_text("top").await;
    stays.until_text("nd\r\n").await;
    stays.until("the prompt", |client| client.output.ends_with(b"$ ")).await;
    assert!(stays.end() > 512 * 1024, "{}", stays.end());
    let mut back = Client::attach(&agent, &terminal, "goes", Some(100)).await;
    back.until("the rendering", |client| client.renderings == 1).await;
    assert_eq!(back.end(), stays.end());
    let mut reference = emulator((80, 24));
    reference.process(&stays.output);
    assert_eq!(back.screen.screen().contents(), reference.screen().contents());
    assert_eq!(back.screen.screen().state_formatted(), reference.screen().state_formatted());
    assert_eq!(scrollback(&mut back.screen), scrollback(&mut reference));
    assert_eq!(back.title, "the title");
    // From there on it has the stream like everybody else.
    back.run("echo go''on").await;
    back.until_text("goon").await;
    stays.until_text("goon").await;
}

#[tokio::test]
async fn a_full_screen_program_is_there_again_and_leaves_the_shell_behind() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut first = Client::attach(&agent, &terminal, "a", Some(0)).await;
    first.run("seq 1 200 > numbers; echo sh''ell").await;
    first.until_text("shell").await;
    first.run("less numbers").await;
    first.until("less", |client| client.screen.screen().alternate_screen()).await;
    first.until_shown("numbers").await;
    first.type_bytes(b"50g").await;
    first.until_shown("72").await;
    let mut second = Client::attach(&agent, &terminal, "b", None).await;
    second.until("the rendering", |client| client.renderings == 1 && client.end() >= first.end()).await;
    first.until("the same output", |client| client.end() >= second.end()).await;
    assert!(second.screen.screen().alternate_screen());
    assert_eq!(second.screen.screen().state_formatted(), first.screen.screen().state_formatted());
    second.type_bytes(b"q").await;
    second.until("the shell", |client| !client.screen.screen().alternate_screen()).await;
    second.until_shown("shell").await;
}

#[tokio::test]
async fn queries_are_asked_once_and_never_from_history() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut first = Client::attach(&agent, &terminal, "a", Some(0)).await;
    first.run("printf '\\033[6n\\033[c\\033]11;?\\007as''ked'").await;
    first.until_text("asked").await;
    assert!(first.text().contains("\x1b[6n"));
    // A client without history gets a rendering even though all bytes are still there.
    for since in [None, Some(0)] {
        let since = since.map(|since: u64| format!("&since={since}")).unwrap_or_default();
        let mut second = agent.web_socket(&format!("/v1/terminals/{terminal}/attach?client=b{since}")).await;
        let mut rendered = Vec::new();
        while !super::attach::contains(&rendered, b"asked") {
            if let Some(tokio_tungstenite::tungstenite::Message::Binary(bytes)) = second.next().await {
                rendered.extend(bytes);
            }
        }
        let rendered = String::from_utf8(rendered).unwrap();
        for query in ["\x1b[6n", "\x1b[c", "\x1b]11"] {
            assert!(!rendered.contains(query), "{rendered:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_acknowledge_costs_no_memory_and_hinders_nobody() {
    let agent = Agent::start();
    let (flooded, other) = (agent.terminal().await, agent.terminal().await);
    let mut deaf = Client::attach(&agent, &flooded, "deaf", Some(0)).await;
    deaf.acknowledges = false;
    deaf.run("yes coditect").await;
    deaf.until("the window", |client| client.end() >= 512 * 1024).await;
    let before = agent.private_memory();
    let mut usable = Client::attach(&agent, &other, "a", Some(0)).await;
    for round in 0..20 {
        usable.run(&format!("echo round''{round}")).await;
        usable.until_text(&format!("round{round}")).await;
    }
    assert_eq!(deaf.end(), 512 * 1024);
    assert!(futures_util::FutureExt::now_or_never(deaf.socket.next()).is_none(), "more than the window was sent");
    let grown = agent.private_memory().saturating_sub(before);
    assert!(grown < 4 * 1024 * 1024, "grew by {grown} bytes");
    assert!(agent.private_memory() < 24 * 1024 * 1024, "{}", agent.private_memory());
    // It can still interrupt, and gets the rest when it listens again.
    deaf.type_bytes(&[3]).await;
    deaf.acknowledges = true;
    deaf.ack().await;
    deaf.until("the prompt", |client| {
        client.output.ends_with(b"$ ") || client.screen.screen().contents().ends_with("$")
    })
    .await;
}

#[tokio::test]
async fn a_slow_client_never_stalls_another_and_gets_the_screen_when_it_listens_again() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut slow = Client::attach(&agent, &terminal, "slow", Some(0)).await;
    slow.acknowledges = false;
    let mut fast = Client::attach(&agent, &terminal, "fast", None).await;
    fast.run("yes 0123456789 | head -c 4000000; echo do''ne").await;
    fast.until_shown("done").await;
    fast.until("the prompt", |client| client.output.ends_with(b"$ ")).await;
    // Whatever the fast one missed it was shown; nothing waited for the slow one.
    slow.until("its window", |client| client.end() >= 512 * 1024).await;
    slow.acknowledges = true;
    slow.ack().await;
    slow.until("the screen", |client| client.renderings == 1).await;
    slow.until("the end", |client| client.end() >= fast.end()).await;
    assert_eq!(slow.screen.screen().state_formatted(), fast.screen.screen().state_formatted());
}

#[tokio::test]
async fn a_single_client_misses_nothing_of_a_flood() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.raw("seq 1 400000; printf END").await;
    client.until("the end", |client| client.output.ends_with(b"END$ ")).await;
    assert_eq!((client.offset > 0, client.renderings), (true, 0));
    let expected: String = (1..=400_000).map(|number| format!("{number}\n")).collect();
    assert!(client.output == format!("{expected}END$ ").into_bytes(), "the bytes differ");
}

#[tokio::test]
async fn the_title_is_told_when_it_changes_and_is_clean() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("printf '\\033]0;one\\007'; printf '\\033]2;t\\001w\\342\\200\\256o%0300d\\007' 5").await;
    client.until("the title", |client| client.title.starts_with("tw")).await;
    assert!(client.title.chars().count() <= 200 && !client.title.chars().any(char::is_control));
}
