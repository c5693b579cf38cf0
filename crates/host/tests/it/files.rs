//! What happens to files in real sandboxes reaches whoever takes the reports.

use coditect_host::{Host, StorageKind};
use coditect_model::audit::Action;
use coditect_model::audit::files::{FileReport, Source};
use coditect_model::workspace::Generation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::inside::sh;
use crate::{DEADLINE, Machine, start, workspace};

async fn next(reports: &mut mpsc::Receiver<FileReport>) -> FileReport {
    tokio::time::timeout(DEADLINE, reports.recv()).await.unwrap().unwrap()
}

fn waiting(reports: &mut mpsc::Receiver<FileReport>) -> Vec<FileReport> {
    std::iter::from_fn(|| reports.try_recv().ok()).collect()
}

fn total(reports: &[FileReport], action: Action) -> u64 {
    reports.iter().filter(|report| report.action == action).map(|report| report.count).sum()
}

/// Writes a file through the agent's API.
async fn write(host: &Host, id: coditect_model::id::WorkspaceId, path: &str) {
    let mut stream = host.connect_agent(id, Generation(1)).await.unwrap();
    let head = format!("PUT /v1/files/write?path={path} HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n");
    let rest = "Content-Length: 4\r\nConnection: close\r\n\r\ntext";
    stream.write_all(format!("{head}{rest}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_files_in_a_workspace_is_counted_and_does_not_drown_the_log() {
    burst(StorageKind::Directory).await;
    burst(StorageKind::SparseImage).await;
}

async fn burst(storage: StorageKind) {
    let mut machine = Machine::new();
    machine.storage = storage;
    let host = machine.open();
    let mut reports = host.file_reports().unwrap();
    assert!(host.file_reports().is_none(), "given out once");
    let (id, quiet) = (workspace(61), workspace(62));
    host.start(start(id, 1)).await.unwrap();
    host.start(start(quiet, 1)).await.unwrap();
    let watched = [next(&mut reports).await, next(&mut reports).await];
    let whole = storage == StorageKind::SparseImage;
    assert!(watched.iter().all(|report| report.action == Action::FilesWatched), "{watched:?}");
    assert!(watched.iter().all(|report| report.note.unwrap().contains("every operation") == whole), "{watched:?}");

    write(&host, id, "/workspace/by-the-editor").await;
    // Where names cannot be seen anyway, fewer will do.
    let directories: u64 = if whole { 100 } else { 20 };
    let script = "import os\nfor d in range(DIRECTORIES):\n  os.mkdir(f'/workspace/d{d}')\n  for n in range(1000):\n    \
                  os.close(os.open(f'/workspace/d{d}/f{n}', os.O_CREAT | os.O_WRONLY))\n";
    sh(&host, id, 1, &format!("python3 -c \"{}\"", script.replace("DIRECTORIES", &directories.to_string()))).await;
    host.stop(id, Generation(2)).await.unwrap();
    let found = waiting(&mut reports);
    assert!(found.iter().all(|report| report.workspace == id), "nothing of the other one's");
    assert!(found.len() < 300, "{} reports", found.len());
    let lost = found.iter().any(|report| report.action == Action::FilesLost);
    let written = total(&found, Action::FileModified);
    assert!(
        written > directories * 1000 || (lost && written > 10_000),
        "{} reports, {written} written, lost: {lost}",
        found.len()
    );
    // Only a volume that is a file system of its own tells of names.
    let made = total(&found, Action::FileCreated);
    match storage {
        StorageKind::SparseImage => assert!(made > 100_100 || (lost && made > 10_000), "{made}"),
        _ => assert_eq!(made, 0),
    }
    let editor = found.iter().find(|report| report.source == Some(Source::Api)).unwrap();
    assert_eq!(editor.directory.as_deref(), Some("/workspace"), "{editor:?}");
    assert!(found.iter().any(|report| report.directory.as_deref() == Some("/workspace/d0")), "{found:#?}");
    assert!(found.iter().all(|report| report.source != Some(Source::Program) || report.process.is_some()));
    host.delete(id, Generation(3)).await.unwrap();
    host.delete(quiet, Generation(2)).await.unwrap();
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gap_while_the_server_was_away_is_said() {
    let machine = Machine::new();
    let id = workspace(63);
    let first = machine.open();
    let mut reports = first.file_reports().unwrap();
    first.start(start(id, 1)).await.unwrap();
    assert_eq!(next(&mut reports).await.action, Action::FilesWatched);
    sh(&first, id, 1, "echo before > /workspace/before").await;
    first.close().await;
    let found = waiting(&mut reports);
    assert!(found.iter().any(|report| report.names.contains(&"before".to_owned())), "{found:#?}");

    let second = machine.open();
    second.adopt().await.unwrap();
    let mut reports = second.file_reports().unwrap();
    let told = [next(&mut reports).await.action, next(&mut reports).await.action];
    assert_eq!(told, [Action::FilesWatched, Action::FilesLost]);
    sh(&second, id, 1, "echo after > /workspace/after").await;
    second.delete(id, Generation(2)).await.unwrap();
    let found = waiting(&mut reports);
    assert!(found.iter().any(|report| report.names.contains(&"after".to_owned())), "{found:#?}");
    machine.assert_clean();
}
