//! What fuzzers call: each function takes any bytes and asserts what must hold of one parser of the sandbox.
//!
//! Behind the feature `fuzzing`, which only crate `fuzzing` asks for.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Component;

use crate::cgroup::layout::parse;
use crate::launcher::{Reply, receive};

/// Groups are found below their mount points, whatever other mounts and groups are called. Mountinfo and membership are
/// apart by a line of `--`.
pub fn groups(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (mountinfo, membership) = text.split_once("\n--\n").unwrap_or((text, "0::/a"));
    let layout = parse(mountinfo, membership);
    let climbs = |path: &std::path::Path| path.components().any(|part| part == Component::ParentDir);
    for path in layout.v2.iter().chain(layout.v1.values()) {
        // A mount point's own name is the machine's word, not a tenant's.
        assert!(!climbs(path) || mountinfo.contains(".."), "{path:?}");
    }
}

/// A message between server and helper is read whole, refused, or over.
pub fn message(data: &[u8]) {
    let (mut reader, mut writer) = UnixStream::pair().expect("descriptors are left");
    writer.set_nonblocking(true).expect("a socket can be made so");
    // What is beyond the socket's buffer is for another case.
    let _ = writer.write(data);
    drop(writer);
    if let Ok(None) = receive::<Reply>(&mut reader) {
        assert!(data.len() < 4, "a message was lost");
    }
}
