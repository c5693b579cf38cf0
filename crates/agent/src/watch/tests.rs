//! Watching real directories.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_api::agent::{Change, ChangeKind, Event};

use super::{DIRECTORIES_MAX, Subscription, Watcher};
use crate::files::path;

/// How long anything may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(20);

/// A watched directory, past its first event (it was made just now, so it counts as recently changed).
async fn watched() -> (tempfile::TempDir, Watcher, Subscription) {
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let watcher = Watcher::new();
    let mut subscription = watcher.subscribe();
    subscription.set(vec![directory.path().to_owned()]);
    until(&mut subscription, directory.path(), ChangeKind::Modified).await;
    (directory, watcher, subscription)
}

/// Waits until this change was told; answers all changes up to it.
async fn until(subscription: &mut Subscription, path: &Path, kind: ChangeKind) -> Vec<Change> {
    let wanted = Change { path: path::encode(path), kind };
    let mut seen = Vec::new();
    let wait = async {
        loop {
            if let Event::Changed { changes } = subscription.next().await {
                seen.extend(changes);
                if seen.contains(&wanted) {
                    return;
                }
            }
        }
    };
    if tokio::time::timeout(DEADLINE, wait).await.is_err() {
        panic!("{wanted:?} was not told, only {seen:?}");
    }
    seen
}

async fn next(subscription: &mut Subscription) -> Event {
    tokio::time::timeout(DEADLINE, subscription.next()).await.expect("an event in time")
}

/// Instances of inotify among this process's descriptors that watch `directory`.
fn kernel_watches(directory: &Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let wanted = format!("ino:{:x} ", directory.metadata().unwrap().ino());
    let infos = Path::new("/proc/self/fdinfo").read_dir().unwrap();
    infos
        .filter_map(|info| std::fs::read_to_string(info.ok()?.path()).ok())
        .flat_map(|text| {
            text.lines().filter(|line| line.starts_with("inotify ")).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|line| line.contains(&wanted))
        .count()
}

async fn until_watches(directory: &Path, count: usize) {
    let wait = async {
        while kernel_watches(directory) != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the kernel's watches follow in time");
}

#[tokio::test]
async fn create_modify_rename_and_delete_are_told() {
    let (directory, _watcher, mut subscription) = watched().await;
    let file = directory.path().join("100% file");
    std::fs::write(&file, "one").unwrap();
    until(&mut subscription, &file, ChangeKind::Created).await;
    std::fs::write(&file, "two").unwrap();
    until(&mut subscription, &file, ChangeKind::Modified).await;
    let renamed = directory.path().join("renamed");
    std::fs::rename(&file, &renamed).unwrap();
    let seen = until(&mut subscription, &renamed, ChangeKind::Created).await;
    assert!(seen.contains(&Change { path: path::encode(&file), kind: ChangeKind::Removed }), "{seen:?}");
    std::fs::remove_file(&renamed).unwrap();
    until(&mut subscription, &renamed, ChangeKind::Removed).await;
    // What lies deeper is not told, nor are temporary names.
    std::fs::write(directory.path().join(".coditect-tmp-x"), "").unwrap();
    let sub = directory.path().join("sub");
    std::fs::create_dir(&sub).unwrap();
    until(&mut subscription, &sub, ChangeKind::Created).await;
    std::fs::write(sub.join("deep"), "").unwrap();
    std::fs::write(directory.path().join("last"), "").unwrap();
    let seen = until(&mut subscription, &directory.path().join("last"), ChangeKind::Created).await;
    assert!(!seen.iter().any(|change| change.path.contains("deep") || change.path.contains("tmp-x")), "{seen:?}");
}

#[tokio::test]
async fn a_directory_that_vanishes_is_told_and_can_be_watched_again() {
    let (directory, _watcher, mut subscription) = watched().await;
    let sub = directory.path().join("sub");
    subscription.set(vec![sub.clone()]);
    until(&mut subscription, &sub, ChangeKind::Removed).await;
    subscription.set(vec![]);
    std::fs::create_dir(&sub).unwrap();
    until_watches(directory.path(), 0).await;
    subscription.set(vec![sub.clone()]);
    until_watches(&sub, 1).await;
    std::fs::remove_dir(&sub).unwrap();
    until(&mut subscription, &sub, ChangeKind::Removed).await;
    let moved = directory.path().join("moved");
    std::fs::create_dir(&sub).unwrap();
    subscription.set(vec![]);
    until_watches(&sub, 0).await;
    subscription.set(vec![sub.clone()]);
    until_watches(&sub, 1).await;
    std::fs::rename(&sub, &moved).unwrap();
    until(&mut subscription, &sub, ChangeKind::Removed).await;
    until_watches(&moved, 0).await;
}

#[tokio::test]
async fn clients_share_one_watch_and_the_last_one_closes_it() {
    let (directory, watcher, mut first) = watched().await;
    let alias = tempfile::tempdir_in("/tmp").unwrap();
    let link = alias.path().join("link");
    symlink(directory.path(), &link).unwrap();
    let mut second = watcher.subscribe();
    second.set(vec![link.clone()]);
    until(&mut second, &link, ChangeKind::Modified).await;
    assert_eq!(kernel_watches(directory.path()), 1);
    std::fs::write(directory.path().join("file"), "").unwrap();
    until(&mut first, &directory.path().join("file"), ChangeKind::Created).await;
    until(&mut second, &link.join("file"), ChangeKind::Created).await;
    drop(first);
    std::fs::write(directory.path().join("another"), "").unwrap();
    until(&mut second, &link.join("another"), ChangeKind::Created).await;
    assert_eq!(kernel_watches(directory.path()), 1);
    drop(second);
    until_watches(directory.path(), 0).await;
    // And it all begins again.
    let mut third = watcher.subscribe();
    third.set(vec![directory.path().to_owned()]);
    until_watches(directory.path(), 1).await;
}

#[tokio::test]
async fn what_cannot_be_watched_is_said() {
    let (directory, _watcher, mut subscription) = watched().await;
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    until(&mut subscription, &file, ChangeKind::Created).await;
    subscription.set(vec![file.clone()]);
    let failed = Event::WatchFailed { path: path::encode(&file), reason: "it is not a directory".into() };
    while next(&mut subscription).await != failed {}
    let many: Vec<PathBuf> = (0..=DIRECTORIES_MAX).map(|number| directory.path().join(number.to_string())).collect();
    subscription.set(many.clone());
    loop {
        if let Event::WatchFailed { path, reason } = next(&mut subscription).await {
            assert_eq!(path, path::encode(many.last().unwrap()));
            assert!(reason.contains("512"), "{reason}");
            break;
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_to_read_again() {
    let (directory, _watcher, mut subscription) = watched().await;
    for number in 0..5000 {
        std::fs::write(directory.path().join(number.to_string()), "").unwrap();
    }
    let wait = async { while subscription.next().await != Event::Overflow {} };
    tokio::time::timeout(DEADLINE, wait).await.expect("an overflow in time");
    // Afterwards changes are told again.
    let file = directory.path().join("afterwards");
    std::fs::write(&file, "").unwrap();
    until(&mut subscription, &file, ChangeKind::Created).await;
}

/// In a user namespace of its own, whose limits can be set: a test process is re-executed there, because a process with
/// threads cannot enter one.
#[test]
fn without_the_kernels_help_directories_are_polled() {
    for limit in ["max_inotify_instances", "max_inotify_watches"] {
        let script = format!(
            "echo 0 > /proc/sys/user/{limit} && exec \"$1\" --exact watch::tests::inside_a_namespace_without_inotify --ignored"
        );
        let output = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c", &script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .output()
            .expect("unshare(1) of util-linux");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains("1 passed"), "{limit}: {out}{err}");
    }
}

#[tokio::test]
#[ignore = "run by without_the_kernels_help_directories_are_polled, inside a namespace of its own"]
async fn inside_a_namespace_without_inotify() {
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let watcher = Watcher::new();
    let mut subscription = watcher.subscribe();
    subscription.set(vec![directory.path().to_owned()]);
    match next(&mut subscription).await {
        Event::WatchFailed { path, reason } => {
            assert_eq!(path, path::encode(directory.path()));
            assert!(reason.contains("limit"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    until(&mut subscription, directory.path(), ChangeKind::Modified).await;
    std::fs::write(directory.path().join("file"), "").unwrap();
    until(&mut subscription, directory.path(), ChangeKind::Modified).await;
    std::fs::remove_dir_all(directory.path()).unwrap();
    until(&mut subscription, directory.path(), ChangeKind::Removed).await;
}
