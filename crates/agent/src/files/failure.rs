//! What the kernel refuses, in words a person can act on.

use std::io;
use std::path::Path;

use coditect_api::error::ErrorKind;
use rustix::io::Errno;

use super::path;
use crate::error::Error;

/// The error of an operation on a path: `verb` completes "cannot …".
pub(crate) fn failed(verb: &str, path: &Path, error: &io::Error) -> Error {
    let (kind, why) = reason(error);
    Error::new(kind, format!("cannot {verb} {}: {why}", path.display())).with("path", path::encode(path))
}

fn reason(error: &io::Error) -> (ErrorKind, String) {
    let Some(errno) = error.raw_os_error().map(Errno::from_raw_os_error) else {
        return match error.kind() {
            io::ErrorKind::ConnectionAborted => (ErrorKind::Unavailable, "the request was given up".into()),
            io::ErrorKind::InvalidInput => (ErrorKind::InvalidValue, error.to_string()),
            _ => (ErrorKind::Internal, error.to_string()),
        };
    };
    let (kind, why) = match errno {
        Errno::NOENT => (ErrorKind::NotFound, "it does not exist"),
        Errno::NOTDIR => (ErrorKind::InvalidValue, "a part of the path is not a directory"),
        Errno::ISDIR => (ErrorKind::InvalidValue, "it is a directory"),
        Errno::LOOP => (ErrorKind::InvalidValue, "its symbolic links lead in a circle"),
        Errno::ACCESS | Errno::PERM => (ErrorKind::Forbidden, "permission denied"),
        Errno::ROFS => (ErrorKind::Forbidden, "this part of the file system is read-only"),
        Errno::EXIST => (ErrorKind::Conflict, "something of this name exists already"),
        Errno::NOTEMPTY => (ErrorKind::Conflict, "the directory is not empty"),
        Errno::BUSY => (ErrorKind::Conflict, "it is in use by the system"),
        Errno::TXTBSY => (ErrorKind::Conflict, "it is a program that is running; stop it first"),
        Errno::STALE => (ErrorKind::Conflict, "it was replaced meanwhile; try again"),
        Errno::NOSPC | Errno::DQUOT => {
            (ErrorKind::StorageFull, "no space is left; delete something or empty the trash")
        }
        Errno::FBIG => (ErrorKind::StorageFull, "the file would be larger than allowed here"),
        Errno::NAMETOOLONG => (ErrorKind::InvalidValue, "the name or the path is too long"),
        Errno::INVAL | Errno::ILSEQ => (ErrorKind::InvalidValue, "the file system does not take this name or request"),
        Errno::XDEV => (ErrorKind::InvalidValue, "it crosses a file system boundary"),
        Errno::MLINK => (ErrorKind::LimitExceeded, "it has too many links"),
        Errno::MFILE | Errno::NFILE => (ErrorKind::Unavailable, "too many files are open; try again"),
        Errno::NXIO | Errno::NODEV => (ErrorKind::InvalidValue, "it is a device or socket, not a file"),
        Errno::IO => (ErrorKind::Internal, "the disk reported an input/output error"),
        _ => return (ErrorKind::Internal, error.to_string()),
    };
    (kind, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_kind() {
        let kind = |errno: Errno| failed("read", Path::new("/x"), &errno.into()).kind;
        assert_eq!(kind(Errno::NOENT), ErrorKind::NotFound);
        assert_eq!(kind(Errno::ACCESS), ErrorKind::Forbidden);
        assert_eq!(kind(Errno::ROFS), ErrorKind::Forbidden);
        assert_eq!(kind(Errno::EXIST), ErrorKind::Conflict);
        assert_eq!(kind(Errno::NOSPC), ErrorKind::StorageFull);
        assert_eq!(kind(Errno::DQUOT), ErrorKind::StorageFull);
        assert_eq!(kind(Errno::NAMETOOLONG), ErrorKind::InvalidValue);
        assert_eq!(kind(Errno::NOTTY), ErrorKind::Internal);
        let error = failed("read", Path::new("/x"), &Errno::NOENT.into());
        assert_eq!(error.message, "cannot read /x: it does not exist");
        assert_eq!(error.details["path"], "/x");
    }
}
