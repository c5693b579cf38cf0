//! What is written down beside a volume: of which kind it is and how large it may be.
//!
//! **Invariants**: whole or not there; it is written after the volume itself is safe on the disk, so a record without a
//! volume means that the volume was lost.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::kind::StorageKind;

/// Longest record that is read, in bytes.
const RECORD_BYTES_MAX: u64 = 4096;

/// The record of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// How it is kept.
    pub(super) kind: StorageKind,
    /// Size that its tier gave it last, in bytes.
    pub(super) bytes: u64,
    /// Files that its tier gave it last.
    pub(super) inodes: u64,
    /// Its project, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) project: Option<u32>,
}

/// Path of the record of a label.
pub(super) fn path(root: &Path, label: &str) -> PathBuf {
    root.join(format!("{label}.json"))
}

impl Record {
    /// Reads a record; `None` when there is none.
    pub(super) fn load(root: &Path, label: &str) -> io::Result<Option<Self>> {
        use std::io::Read as _;
        let path = path(root, label);
        let file = match std::fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut text = Vec::new();
        file.take(RECORD_BYTES_MAX).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let path = path.display();
            io::Error::new(io::ErrorKind::InvalidData, format!("{path} makes no sense ({error}): remove it"))
        })
    }

    /// Writes the record so that it survives a power cut.
    pub(super) fn store(&self, root: &Path, label: &str) -> io::Result<()> {
        let new = root.join(format!(".new-{label}.json"));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        std::fs::rename(&new, path(root, label))?;
        sync_dir(root)
    }

    /// Forgets the record.
    pub(super) fn remove(root: &Path, label: &str) -> io::Result<()> {
        match std::fs::remove_file(path(root, label)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes what was made, renamed and removed in a directory survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_nonsense_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::load(dir.path(), "label").unwrap(), None);
        let record = Record { kind: StorageKind::SparseImage, bytes: 7, inodes: 3, project: None };
        record.store(dir.path(), "label").unwrap();
        assert_eq!(Record::load(dir.path(), "label").unwrap(), Some(record));
        std::fs::write(path(dir.path(), "label"), "{}").unwrap();
        assert!(Record::load(dir.path(), "label").unwrap_err().to_string().contains("label.json"));
        Record::remove(dir.path(), "label").unwrap();
        Record::remove(dir.path(), "label").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
