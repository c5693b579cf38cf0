//! What the way through router and agent adds to a bare PTY: one keystroke's echo, and 50 MB of output.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use coditect_api::session::OpenedSession;

use crate::channel::{self, Terminal};
use crate::report::Question;
use crate::server::{Client, Server};
use crate::stats::Samples;

const CAT_BYTES: u64 = 50 * 1000 * 1000;
/// Printed by the shell when it is done; the command line that asks for it does not contain it as such.
const DONE: &str = "c0d1tect-done";
const ASK_DONE: &str = "printf 'c0d1tect''-done\\n'";

/// Keystroke echo.
pub(crate) async fn keystroke(server: &Server, rounds: usize) -> Result<Question> {
    let mut question = Question::new("Keystroke echo", "us", "bare PTY (cat)");
    let mut pty = BarePty::open(&["cat"])?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.push(pty.echo(b"x")?);
    }
    question.durations("bare PTY (cat)", &Samples::new(times));
    let client = server.account("keys@bench.test").await?;
    let opened = client.open(&client.workspace("keys").await?.id).await?;
    let mut terminal = shell(&client, &opened).await?;
    terminal.send(format!("{ASK_DONE}; exec cat\n").as_bytes()).await?;
    terminal.until(DONE.as_bytes()).await?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        terminal.send(b"x").await?;
        terminal.until(b"x").await?;
        times.push(start.elapsed());
    }
    question.durations("Coditect: WebSocket -> router -> agent -> PTY and back", &Samples::new(times));
    question.note("Both echoes come from the kernel's line discipline. The bare PTY is read in the same process: no socket, no second process, no terminal model. It is the physical limit.");
    Ok(question)
}

/// `cat` of 50 MB.
pub(crate) async fn cat(server: &Server, rounds: usize) -> Result<Question> {
    let mut question = Question::new("`cat` of 50 MB through a terminal", "ms", "bare PTY");
    let client = server.account("cat@bench.test").await?;
    let opened = client.open(&client.workspace("cat").await?.id).await?;
    let mut terminal = shell(&client, &opened).await?;
    let make = "base64 /dev/urandom | head -c 50000000 > /workspace/50mb";
    terminal.send(format!("{make}; {ASK_DONE}\n").as_bytes()).await?;
    terminal.until(DONE.as_bytes()).await?;
    let file = tempfile::NamedTempFile::new()?;
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("base64 /dev/urandom | head -c 50000000 > {}", file.path().display())])
        .status()?;
    anyhow::ensure!(status.success(), "the file cannot be made");
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let path = file.path().display().to_string();
        let mut pty = BarePty::open(&["cat", &path])?;
        let start = Instant::now();
        let read = pty.drain()?;
        bare.push(start.elapsed());
        anyhow::ensure!(read >= CAT_BYTES, "the bare PTY lost output: {read}");
        let start = Instant::now();
        terminal.send(format!("cat /workspace/50mb; {ASK_DONE}\n").as_bytes()).await?;
        let read = terminal.until(DONE.as_bytes()).await?;
        ours.push(start.elapsed());
        anyhow::ensure!(read >= CAT_BYTES, "output was lost: {read}");
    }
    question.durations("bare PTY", &Samples::new(bare));
    question.durations("Coditect: one client that acknowledges at once (tier pro, 1 core)", &Samples::new(ours));
    question.note("Every byte arrives; the agent also keeps the terminal's screen, within its tier's CPU.");
    Ok(question)
}

/// From registering a new account to the first prompt.
pub(crate) async fn register_to_prompt(server: &Server, rounds: usize) -> Result<Question> {
    let mut question = Question::new("Registering to the first prompt", "ms", "register, create, open, prompt");
    let (mut all, mut without) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let start = Instant::now();
        let body = serde_json::json!({
            "email": format!("new{round}@bench.test"), "name": "New", "password": "benchmarks measure, they do not guess",
        });
        let login: coditect_api::auth::LoggedIn =
            Client::new(&server.base, "").post("/api/v5/auth/register", &body).await?;
        let client = Client::new(&server.base, &login.access_token.context("no token")?);
        let registered = start.elapsed();
        let opened = client.open(&client.workspace("first").await?.id).await?;
        let mut terminal = shell(&client, &opened).await?;
        terminal.until(b"$").await?;
        all.push(start.elapsed());
        without.push(start.elapsed() - registered);
    }
    question.durations("register, create, open, prompt", &Samples::new(all));
    question.durations("create, open, prompt (without the password hash)", &Samples::new(without));
    question.note("Free tier: 0.2 of a core. Registering hashes the password with Argon2id (19 MiB, two passes).");
    Ok(question)
}

/// Opens a terminal of a workspace through the router.
pub(crate) async fn shell(client: &Client, opened: &OpenedSession) -> Result<Terminal> {
    let made: coditect_api::terminal::Terminal = {
        let agent = Client::new(&client.base, &opened.access.grant);
        let body = serde_json::json!({ "cols": 120, "rows": 30 });
        agent.post(&format!("{}/v1/terminals", opened.access.path), &body).await?
    };
    let path = format!("{}/v1/terminals/{}/attach?client=bench-{}&since=0", opened.access.path, made.id, made.pid);
    Terminal::attach(channel::open_tcp(&client.base, &path, &opened.access.grant).await?).await
}

/// A program on a PTY that this process itself reads.
struct BarePty {
    master: std::fs::File,
    child: std::process::Child,
}

impl BarePty {
    fn open(argv: &[&str]) -> Result<Self> {
        let pty = coditect_sandbox::pty::open(120, 30)?;
        let mut command = std::process::Command::new(argv[0]);
        command.args(&argv[1..]);
        let child = coditect_sandbox::pty::spawn(&mut command, pty.slave)?;
        rustix::io::ioctl_fionbio(&pty.master, false)?;
        Ok(Self { master: std::fs::File::from(pty.master), child })
    }

    fn echo(&mut self, key: &[u8]) -> Result<Duration> {
        let start = Instant::now();
        self.master.write_all(key)?;
        let mut buffer = [0; 64];
        let read = self.master.read(&mut buffer)?;
        let elapsed = start.elapsed();
        anyhow::ensure!(&buffer[..read] == key, "the echo is something else");
        Ok(elapsed)
    }

    /// Reads until the program has ended; answers the bytes read.
    fn drain(&mut self) -> Result<u64> {
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0;
        // A PTY whose last user is gone answers EIO.
        while let Ok(read) = self.master.read(&mut buffer) {
            if read == 0 {
                break;
            }
            total += read as u64;
        }
        Ok(total)
    }
}

impl Drop for BarePty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
