//! Copies of files that share their blocks, or at least have none where the original has none.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// Whether the files of `dir` can share blocks, found out by trying.
///
/// # Errors
/// Files cannot be made there at all.
pub fn shares_blocks(dir: &Path) -> io::Result<bool> {
    let probe = |name: &str| dir.join(format!(".probe-{}-{name}", std::process::id()));
    let (from, to) = (probe("from"), probe("to"));
    let attempt = || {
        std::fs::write(&from, [1; 4096])?;
        let shared = rustix::fs::ioctl_ficlone(File::create(&to)?, File::open(&from)?).is_ok();
        Ok(shared)
    };
    let outcome = attempt();
    for path in [&from, &to] {
        // Where it could not be made there is none.
        let _ = std::fs::remove_file(path);
    }
    outcome
}

/// Copies `from` into the empty file `to`: shared where the file system can, else block by block without the holes.
///
/// # Errors
/// Either cannot be read or written.
pub fn copy(from: &File, to: &File) -> io::Result<()> {
    match rustix::fs::ioctl_ficlone(to, from) {
        Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::XDEV | Errno::NOSYS) => copy_data(from, to),
        other => Ok(other?),
    }
}

/// The same without sharing.
fn copy_data(from: &File, to: &File) -> io::Result<()> {
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let mut at = 0;
    while at < length {
        let start = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            other => other?,
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(start))?;
        let (mut read_at, mut write_at) = (start, start);
        while read_at < end {
            let left = usize::try_from(end - read_at).unwrap_or(usize::MAX);
            if rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), left)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file became shorter while it was copied",
                ));
            }
        }
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};

    #[test]
    fn a_copy_has_the_same_content_and_the_same_holes() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(dir.path().join(name)).unwrap()
        };
        let from = open("from");
        from.set_len(1 << 30).unwrap();
        from.write_all_at(b"begins", 4096).unwrap();
        from.write_all_at(b"middle", 500 << 20).unwrap();
        for (name, how) in [("copied", copy_data as fn(&File, &File) -> _), ("either", copy)] {
            let to = open(name);
            how(&from, &to).unwrap();
            let mut text = [0; 6];
            to.read_exact_at(&mut text, 500 << 20).unwrap();
            assert_eq!(&text, b"middle");
            to.read_exact_at(&mut text, 4096).unwrap();
            assert_eq!(&text, b"begins");
            let meta = to.metadata().unwrap();
            assert_eq!(meta.len(), 1 << 30);
            assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
        }
        shares_blocks(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
