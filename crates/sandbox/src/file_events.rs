//! What happens to files, as the kernel tells it (fanotify): who made, wrote, renamed or removed which name in which
//! directory.
//!
//! **Invariants**: what the kernel reports names objects chosen by tenants: names are bytes and nothing is opened by
//! them; a directory is opened by its handle for its place alone, on the file system that the event came from.
//! **Not here**: what is made of the events (crate `host`).

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::sys;

/// Bytes of a buffer that holds many events. One has less than a kilobyte.
pub const BUFFER_BYTES: usize = 64 << 10;

/// Of what is reported about a whole file system.
const ALL: u64 =
    libc::FAN_CREATE | libc::FAN_DELETE | libc::FAN_RENAME | libc::FAN_CLOSE_WRITE | libc::FAN_ATTRIB | libc::FAN_ONDIR;
/// Of what the kernel can tell about one mount: it knows of changes to names only for whole file systems.
const OF_MOUNT: u64 = libc::FAN_CLOSE_WRITE;

/// `struct fanotify_event_metadata`: length, versions, mask, descriptor, process.
const METADATA_BYTES: usize = 24;
const METADATA_VERSION: u8 = 3;
/// `struct fanotify_event_info_header` and the file system's id behind it.
const HEADER_BYTES: usize = 4;
const FSID_BYTES: usize = 8;
const HANDLE_HEAD_BYTES: usize = 8;

/// A queue of events of some file systems or mounts. Readable when there are some.
#[derive(Debug)]
pub struct FileEvents(OwnedFd);

impl FileEvents {
    /// An empty queue.
    ///
    /// # Errors
    /// No right to (CAP_SYS_ADMIN of the machine), or the machine's limit on such queues is reached
    /// (`fs.fanotify.max_user_groups`).
    pub fn open() -> io::Result<Self> {
        sys::fanotify_group().map(Self)
    }

    /// Everything on the file system that `path` lies on, through whatever mount.
    ///
    /// # Errors
    /// The file system has no handles, or the path cannot be reached.
    pub fn watch_file_system(&self, path: &Path) -> io::Result<()> {
        sys::fanotify_add(self.0.as_fd(), true, ALL, &CString::new(path.as_os_str().as_bytes())?)
    }

    /// What is written through the mount that `path` lies on.
    ///
    /// # Errors
    /// As for a file system.
    pub fn watch_mount(&self, path: &Path) -> io::Result<()> {
        sys::fanotify_add(self.0.as_fd(), false, OF_MOUNT, &CString::new(path.as_os_str().as_bytes())?)
    }

    /// Reads events that wait; never blocks.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is none.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.0, buffer)?)
    }
}

impl AsFd for FileEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::os::fd::AsRawFd for FileEvents {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// A directory, as its file system names it: good for as long as the directory exists, under whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle<'a> {
    kind: i32,
    bytes: &'a [u8],
}

impl Handle<'_> {
    /// The bytes that tell it from others.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        [&self.kind.to_ne_bytes()[..], self.bytes].concat()
    }

    /// Where the directory is now, as this process sees the mount that `mount` lies on.
    ///
    /// # Errors
    /// It is gone.
    pub fn path(&self, mount: BorrowedFd<'_>) -> io::Result<PathBuf> {
        let directory = sys::open_handle(mount, self.kind, self.bytes)?;
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&directory));
        std::fs::read_link(link)
    }
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The directory.
    pub directory: Handle<'a>,
    /// The name: any bytes but `/` and NUL.
    pub name: &'a [u8],
}

/// What happened to a name. Several may come as one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Made.
    Created,
    /// Closed after it was open for writing.
    Written,
    /// Renamed.
    Renamed,
    /// Removed.
    Deleted,
    /// Mode, owner, times or extended attributes.
    Attributes,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    mask: u64,
    /// The process that did it, as this machine counts; 0 when it is outside of what this process can see.
    pub pid: i32,
    /// Where.
    pub place: Option<Place<'a>>,
    /// Where to, of something renamed.
    pub to: Option<Place<'a>>,
}

impl Event<'_> {
    /// Events before this one were lost: the queue was full.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.mask & libc::FAN_Q_OVERFLOW != 0
    }

    /// Everything that happened to the name, in no order that is known.
    pub fn operations(&self) -> impl Iterator<Item = Operation> {
        let mask = self.mask;
        [
            (libc::FAN_CREATE, Operation::Created),
            (libc::FAN_CLOSE_WRITE, Operation::Written),
            (libc::FAN_RENAME, Operation::Renamed),
            (libc::FAN_DELETE, Operation::Deleted),
            (libc::FAN_ATTRIB, Operation::Attributes),
        ]
        .into_iter()
        .filter(move |(bit, _)| mask & bit != 0)
        .map(|(_, operation)| operation)
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The events of a buffer that [`FileEvents::read`] filled.
pub fn events(mut rest: &[u8]) -> impl Iterator<Item = Event<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(number(rest, 0)?)).ok()?;
        let event = rest.get(..length)?;
        rest = &rest[length..];
        one(event)
    })
}

fn one(event: &[u8]) -> Option<Event<'_>> {
    if *event.get(4)? != METADATA_VERSION {
        return None;
    }
    let mask = u64::from_ne_bytes(number(event, 8)?);
    let pid = i32::from_ne_bytes(number(event, 20)?);
    let (mut place_of, mut to) = (None, None);
    let mut infos = event.get(METADATA_BYTES..)?;
    while let Some(length) = number(infos, 2).map(|bytes| usize::from(u16::from_ne_bytes(bytes))) {
        let Some(info) = infos.get(..length).filter(|_| length >= HEADER_BYTES) else { break };
        infos = &infos[length..];
        match info[0] {
            libc::FAN_EVENT_INFO_TYPE_DFID_NAME | libc::FAN_EVENT_INFO_TYPE_OLD_DFID_NAME => place_of = place(info),
            libc::FAN_EVENT_INFO_TYPE_NEW_DFID_NAME => to = place(info),
            _ => {}
        }
    }
    Some(Event { mask, pid, place: place_of, to })
}

/// File system id, handle, name.
fn place(info: &[u8]) -> Option<Place<'_>> {
    let handle = info.get(HEADER_BYTES + FSID_BYTES..)?;
    let length = usize::try_from(u32::from_ne_bytes(number(handle, 0)?)).ok()?;
    let kind = i32::from_ne_bytes(number(handle, 4)?);
    let bytes = handle.get(HANDLE_HEAD_BYTES..HANDLE_HEAD_BYTES.checked_add(length)?)?;
    let name = handle.get(HANDLE_HEAD_BYTES + length..)?;
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Place { directory: Handle { kind, bytes }, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: u8, handle: &[u8], name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend([7; FSID_BYTES]);
        bytes.extend(u32::try_from(handle.len()).unwrap().to_ne_bytes());
        bytes.extend(1_i32.to_ne_bytes());
        bytes.extend(handle);
        bytes.extend(name);
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let length = u16::try_from(bytes.len()).unwrap();
        bytes[2..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    fn event(mask: u64, infos: &[Vec<u8>]) -> Vec<u8> {
        let infos = infos.concat();
        let mut bytes = u32::try_from(METADATA_BYTES + infos.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend([METADATA_VERSION, 0, 24, 0]);
        bytes.extend(mask.to_ne_bytes());
        bytes.extend((-1_i32).to_ne_bytes());
        bytes.extend(77_i32.to_ne_bytes());
        bytes.extend(infos);
        bytes
    }

    #[test]
    fn events_are_taken_apart() {
        let made = event(libc::FAN_CREATE | libc::FAN_CLOSE_WRITE, &[info(2, b"directory", b"a\xff")]);
        let moved = event(libc::FAN_RENAME, &[info(10, b"one", b"old"), info(12, b"two", b"new")]);
        let lost = event(libc::FAN_Q_OVERFLOW, &[]);
        let buffer = [made, moved, lost].concat();
        let seen: Vec<_> = events(&buffer).collect();
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[0].operations().collect::<Vec<_>>(), [Operation::Created, Operation::Written]);
        assert_eq!((seen[0].pid, seen[0].place.unwrap().name), (77, &b"a\xff"[..]));
        assert_eq!(seen[1].to.unwrap().name, b"new");
        assert_ne!(seen[1].place.unwrap().directory, seen[1].to.unwrap().directory);
        assert!(seen[2].lost() && seen[2].place.is_none());
    }

    #[test]
    fn cut_and_senseless_buffers_end_the_reading() {
        let whole = event(libc::FAN_CREATE, &[info(2, b"directory", b"name")]);
        for length in 0..whole.len() {
            assert_eq!(events(&whole[..length]).count(), 0);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0x7f, 0xff] {
                let mut bent = whole.clone();
                bent[at] = value;
                // It must end, and not panic.
                assert!(events(&bent).take(100).count() < 100);
            }
        }
    }
}
