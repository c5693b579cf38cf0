//! Watching a real file system: an image of the test's own.

use std::process::Command;

use super::*;

const DEADLINE: Duration = Duration::from_secs(60);

/// An ext4 image mounted where a host mounts the image of a volume.
struct Image {
    dir: tempfile::TempDir,
    mount: PathBuf,
    workspace: WorkspaceId,
}

fn done(program: &str, words: &[&std::ffi::OsStr]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Image {
    fn new(seed: u8) -> Self {
        let dir = tempfile::Builder::new().prefix("coditect-watch-test-").tempdir().unwrap();
        let workspace = WorkspaceId::from_bytes([seed; 16]);
        let (image, mount) = (dir.path().join("image"), dir.path().join("mounts").join(workspace.label()));
        std::fs::create_dir_all(&mount).unwrap();
        std::fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
        done("mkfs.ext4", &["-q".as_ref(), "-N".as_ref(), "150000".as_ref(), image.as_ref()]);
        done("mount", &["-o".as_ref(), "loop".as_ref(), image.as_ref(), mount.as_ref()]);
        for name in ["workspace", "home"] {
            std::fs::create_dir(mount.join(name)).unwrap();
        }
        Self { dir, mount, workspace }
    }

    /// Begins to watch as if `agent` were the sandbox's first process.
    /// Watches; answers when what happens from now on is seen.
    async fn watch(&self, agent: u32, room: usize) -> (mpsc::Receiver<FileReport>, CancellationToken) {
        let (sender, receiver) = mpsc::channel(room);
        let end = CancellationToken::new();
        let target =
            Target { workspace: self.workspace, state_dir: self.dir.path().to_owned(), pid: agent, adopted: false };
        tokio::spawn(run(target, sender, end.clone()));
        // The first report says that it has begun.
        let begun = std::time::Instant::now();
        while receiver.is_empty() {
            assert!(begun.elapsed() < DEADLINE, "the watch does not begin");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        (receiver, end)
    }

    async fn shell(&self, script: &str) {
        let mut command = tokio_command(script, &self.mount.join("workspace"));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn tokio_command(script: &str, at: &Path) -> Command {
    let mut command = Command::new("/bin/bash");
    command.args(["-euc", script]).current_dir(at);
    command
}

impl Drop for Image {
    fn drop(&mut self) {
        // Nothing of the watch may hold it.
        done("umount", &[self.mount.as_ref()]);
    }
}

async fn next(reports: &mut mpsc::Receiver<FileReport>) -> FileReport {
    tokio::time::timeout(DEADLINE, reports.recv()).await.unwrap().unwrap()
}

/// Everything that is reported until the watch has ended.
async fn rest(mut reports: mpsc::Receiver<FileReport>, end: &CancellationToken) -> Vec<FileReport> {
    end.cancel();
    let mut found = Vec::new();
    while let Some(report) = tokio::time::timeout(DEADLINE, reports.recv()).await.unwrap() {
        found.push(report);
    }
    found
}

fn total(reports: &[FileReport], action: Action) -> u64 {
    reports.iter().filter(|report| report.action == action).map(|report| report.count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_on_a_volume_of_its_own_is_reported() {
    let image = Image::new(1);
    let (mut reports, end) = image.watch(u32::MAX, 64).await;
    let first = next(&mut reports).await;
    assert_eq!((first.action, first.note), (Action::FilesWatched, Some(WHOLE)));
    image
        .shell(
            "mkdir -p src/deep; echo one > src/a; mv src/a src/deep/b; chmod 600 src/deep/b; ln src/deep/b src/c; \
             echo two >> src/c; rm src/c; printf x > $'src/bad\\n\\xff name'; echo rc >> ../home/.profile; rmdir src 2>/dev/null \
             || true; mkdir gone; touch gone/x; rm -r gone",
        )
        .await;
    let reports = rest(reports, &end).await;
    let of = |action: Action, directory: &str| {
        let found: Vec<_> = reports
            .iter()
            .filter(|report| report.action == action && report.directory.as_deref() == Some(directory))
            .collect();
        assert_eq!(found.len(), 1, "{action} in {directory}: {reports:#?}");
        found[0].clone()
    };
    let made = of(Action::FileCreated, "/workspace/src");
    assert_eq!(made.source, Some(Source::Program));
    assert!(made.names.contains(&"bad\\u{a}\\xff name".to_owned()), "{made:?}");
    let moved = of(Action::FileRenamed, "/workspace/src");
    assert_eq!((moved.count, &moved.names), (1, &vec!["a → /workspace/src/deep/b".to_owned()]));
    assert!(of(Action::FileAttributes, "/workspace/src/deep").names.contains(&"b".to_owned()));
    assert!(of(Action::FileDeleted, "/workspace/src").names.contains(&"c".to_owned()));
    assert!(of(Action::FileModified, "/home/dev").names.contains(&".profile".to_owned()));
    assert!(of(Action::FileCreated, "/workspace").names.contains(&"gone".to_owned()));
    assert!(total(&reports, Action::FileDeleted) >= 3);
    assert!(!reports.iter().any(|report| report.action == Action::FilesLost));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_told_by_the_process() {
    let image = Image::new(2);
    // A process that waits before it writes stands for the agent.
    let mut command = tokio_command("read line || true; echo x > from-agent", &image.mount.join("workspace"));
    let mut agent = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let (mut reports, end) = image.watch(agent.id(), 64).await;
    next(&mut reports).await;
    drop(agent.stdin.take());
    agent.wait().unwrap();
    let script =
        "echo y > from-shell; cp /bin/bash ./git; ./git -c 'for n in {1..20}; do echo x > g$n; sleep 0.02; done'; true";
    image.shell(script).await;
    image.shell("git init -q repository").await;
    let reports = rest(reports, &end).await;
    let source = |name: &str| {
        let report = reports
            .iter()
            .find(|report| report.action == Action::FileModified && report.names.iter().any(|listed| listed == name));
        report.unwrap_or_else(|| panic!("{name}: {reports:#?}")).source
    };
    assert_eq!(source("from-agent"), Some(Source::Api));
    assert_eq!(source("from-shell"), Some(Source::Program));
    let by_git = |directory: &str| {
        reports
            .iter()
            .any(|report| report.source == Some(Source::Git) && report.directory.as_deref() == Some(directory))
    };
    assert!(by_git("/workspace") && by_git("/workspace/repository/.git"), "{reports:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_files_are_few_reports_that_count_them_or_say_that_some_were_lost() {
    let image = Image::new(3);
    let (mut reports, end) = image.watch(u32::MAX, 4096).await;
    next(&mut reports).await;
    image
        .shell(
            "python3 -c '\nimport os\nfor d in range(100):\n  os.mkdir(f\"d{d}\")\n  for n in range(1000):\n    \
             os.close(os.open(f\"d{d}/f{n}\", os.O_CREAT | os.O_WRONLY))\n'",
        )
        .await;
    let reports = rest(reports, &end).await;
    let (made, lost) = (total(&reports, Action::FileCreated), reports.iter().any(|r| r.action == Action::FilesLost));
    println!("{} reports, {made} made, lost: {lost}", reports.len());
    assert!(reports.len() < 200, "{}", reports.len());
    assert!(made == 100_100 || (lost && made < 100_100), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overflow_of_the_kernels_queue_is_said() {
    let image = Image::new(4);
    let target =
        Target { workspace: image.workspace, state_dir: image.dir.path().to_owned(), pid: u32::MAX, adopted: false };
    // Nobody reads while more happens than the queue holds.
    let mut watch = Watch::open(target).unwrap();
    image.shell("for n in {1..20000}; do : > f$n; done").await;
    while !watch.drain().unwrap().0 {}
    let reports = watch.reports();
    drop(watch);
    assert!(reports.iter().any(|report| report.action == Action::FilesLost), "{reports:#?}");
    assert!((16_000..20_000).contains(&total(&reports, Action::FileCreated)), "{reports:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_takes_reports_memory_stays_and_counting_goes_on() {
    let image = Image::new(5);
    let (mut reports, end) = image.watch(u32::MAX, 1).await;
    image.shell("for n in {1..3000}; do : > f$n; done").await;
    image.shell("for n in {1..3000}; do : > f$n; done").await;
    end.cancel();
    let mut found = Vec::new();
    while let Some(report) = tokio::time::timeout(DEADLINE, reports.recv()).await.unwrap() {
        found.push(report);
    }
    assert_eq!(total(&found, Action::FileCreated), 3000);
    assert!(total(&found, Action::FileModified) >= 3000);
}
