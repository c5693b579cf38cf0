//! The real `coditect serve` on a port and a data directory of its own, which proves at its end that nothing is left.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::front::{Ask, DEADLINE, Front, until};

/// Two cores of room: what is tested is refusal, not waiting for a share.
const SETTINGS: [(&str, &str); 3] = [
    ("CODITECT_TIERS__FREE__CPU_MILLIS", "2000"),
    ("CODITECT_TIERS__FREE__CONCURRENT_SESSIONS", "8"),
    ("CODITECT_LOG", "info"),
];
/// How often another port is tried when somebody else took the one that was free a moment ago.
const PORT_TRIES: usize = 5;

pub(crate) struct Installation {
    pub(crate) front: Front,
    dir: tempfile::TempDir,
    data_dir: PathBuf,
    environment: BTreeMap<String, String>,
    server: Option<Child>,
    output: Arc<Mutex<String>>,
}

impl Installation {
    /// Starts a server with further settings and waits until it is ready.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        assert!(rustix::process::geteuid().is_root(), "sandboxes with ids of their own need root: run this as root");
        let agent = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/test/coditect-agent");
        assert!(agent.exists(), "{} is missing: run `cargo xtask agent target/test/coditect-agent`", agent.display());
        let dir = tempfile::Builder::new().prefix("coditect-attack-").tempdir().unwrap();
        // Whoever gets as far as here must be stopped by the installation's own directories.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let data_dir = dir.path().join("data");
        let mut environment = BTreeMap::from([
            ("PATH".to_owned(), std::env::var_os("PATH").unwrap().into_string().unwrap()),
            ("CODITECT_DATA_DIR".to_owned(), data_dir.display().to_string()),
            ("CODITECT_AGENT_BINARY".to_owned(), agent.display().to_string()),
        ]);
        for (name, value) in SETTINGS.iter().chain(settings) {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let output = Arc::default();
        let mut made = Self { front: Front { port: 0 }, dir, data_dir, environment, server: None, output };
        for attempt in 1.. {
            made.front.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let listen = format!("127.0.0.1:{port},[::1]:{port}", port = made.front.port);
            made.environment.insert("CODITECT_LISTEN".to_owned(), listen);
            if made.serve() {
                break;
            }
            let taken = made.log().contains("is in use by another program") && attempt < PORT_TRIES;
            assert!(taken, "the server ended:\n{}", made.log());
        }
        made
    }

    /// Starts the server again on the same port.
    pub(crate) fn start_again(&mut self) {
        assert!(self.serve(), "the server ended:\n{}", self.log());
    }

    fn serve(&mut self) -> bool {
        self.output.lock().unwrap().clear();
        let mut child = self.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pipes: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for mut pipe in pipes {
            let output = self.output.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    output.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
            });
        }
        let mut ended = false;
        until("the server is ready", || {
            ended = child.try_wait().unwrap().is_some();
            ended
                || self.log().contains("Coditect is ready at")
                    && self.front.ask(&Ask::get("/health/ready")).status == 200
        });
        self.server = (!ended).then_some(child);
        !ended
    }

    /// The program with this installation's settings.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coditect"));
        command.args(words).env_clear().envs(&self.environment).current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Runs the command line to its end.
    pub(crate) fn cli(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Everything the server printed and logged.
    pub(crate) fn log(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.server.as_ref().unwrap())
    }

    /// Ends the server with a signal; sandboxes go on.
    pub(crate) fn end_server(&mut self, signal: Signal) {
        if let Some(mut server) = self.server.take() {
            kill_process(Pid::from_child(&server), signal).unwrap();
            server.wait().unwrap();
        }
    }

    /// What the kernel says of the server's memory, in KiB (`VmHWM:`, `VmRSS:`).
    pub(crate) fn memory_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The record of a running workspace.
    pub(crate) fn record(&self, label: &str) -> serde_json::Value {
        let text = std::fs::read(self.data_dir.join("run").join(label).join("sandbox.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Everything of this installation that still exists on the machine.
    fn leftovers(&self) -> Vec<String> {
        let mut left = Vec::new();
        let name = self.dir.path().display().to_string();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&[read("environ"), read("cmdline")].concat()).replace('\0', " ");
            if pid != std::process::id() && text.contains(&name) {
                left.push(format!("process {pid}: {text}"));
            }
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(mounts.lines().filter(|line| line.contains(&name)).map(|line| format!("mount: {line}")));
        for device in std::fs::read_dir("/sys/block").unwrap().flatten() {
            let file = std::fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
            if file.contains(&name) {
                left.push(format!("loop device: {} {file}", device.path().display()));
            }
        }
        for run in std::fs::read_dir(self.data_dir.join("run")).into_iter().flatten().flatten() {
            left.push(format!("run directory: {}", run.path().display()));
        }
        if let Ok(id) = std::fs::read_to_string(self.data_dir.join("host/id")) {
            let instance = format!("coditect-{}", &id.trim()["host_".len().."host_".len() + 8]);
            groups_below(Path::new("/sys/fs/cgroup"), &instance, &mut left);
            let tables = Command::new("nft").args(["list", "tables"]).output();
            let tables = tables.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            let instance = instance.replace('-', "_");
            left.extend(tables.lines().filter(|line| line.replace('-', "_").contains(&instance)).map(str::to_owned));
        }
        left
    }
}

fn groups_below(dir: &Path, instance: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if dir.file_name().is_some_and(|name| name.to_string_lossy() == instance) {
                found.push(format!("control group: {}", entry.path().display()));
            }
            groups_below(&entry.path(), instance, found);
        }
    }
}

impl Drop for Installation {
    #[expect(clippy::print_stdout, reason = "shown with the failed test, whose cause it holds")]
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        self.end_server(Signal::TERM);
        let ended = self.cli(&["serve", "--stop-all"]);
        if panicking {
            // The log is what explains a failed step.
            println!("--- the server's log\n{}", self.log());
            return;
        }
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let begun = std::time::Instant::now();
        while !self.leftovers().is_empty() {
            assert!(begun.elapsed() < DEADLINE, "left behind: {:#?}", self.leftovers());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// Directories of the host that hold something a tenant must never change or see: a canary, and its proof.
pub(crate) struct Canary {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) word: String,
    inode: u64,
}

impl Canary {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("coditect-canary-").tempdir().unwrap();
        let word = format!("canary-{}", dir.path().file_name().unwrap().to_string_lossy());
        std::fs::write(dir.path().join("canary"), &word).unwrap();
        let inode = std::fs::metadata(dir.path().join("canary")).unwrap().ino();
        Self { dir, word, inode }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("canary")
    }

    /// The one file is there, unchanged, and nothing else is.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(std::fs::read_to_string(self.path()).unwrap(), self.word);
        assert_eq!(std::fs::metadata(self.path()).unwrap().ino(), self.inode);
        assert_eq!(std::fs::read_dir(self.dir.path()).unwrap().count(), 1, "something was put beside it");
    }
}
