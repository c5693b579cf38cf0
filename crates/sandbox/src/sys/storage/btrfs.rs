//! Subvolumes and quota groups of btrfs (linux/btrfs.h).

use super::{READ, Request, WRITE, code};

const MAGIC: u8 = 0x94;
/// Longest name in `struct btrfs_ioctl_vol_args`, without its end.
const NAME_BYTES_MAX: usize = 4087;

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
struct NameArgument {
    fd: i64,
    name: [u8; NAME_BYTES_MAX + 1],
}

impl NameArgument {
    fn new(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() > NAME_BYTES_MAX || bytes.contains(&0) || bytes.contains(&b'/') {
            return None;
        }
        let mut argument = Self { fd: 0, name: [0; NAME_BYTES_MAX + 1] };
        argument.name[..bytes.len()].copy_from_slice(bytes);
        Some(argument)
    }
}

/// Makes a subvolume of this name in the directory that the request goes to.
#[repr(transparent)]
pub(crate) struct SubvolumeCreate(NameArgument);

/// Removes the subvolume of this name from the directory that the request goes to.
#[repr(transparent)]
pub(crate) struct SubvolumeDestroy(NameArgument);

impl SubvolumeCreate {
    /// `None` for what cannot be a name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        NameArgument::new(name).map(Self)
    }
}

impl SubvolumeDestroy {
    /// `None` for what cannot be a name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        NameArgument::new(name).map(Self)
    }
}

// SAFETY: BTRFS_IOC_SUBVOL_CREATE reads one `struct btrfs_ioctl_vol_args`, whose layout this is.
unsafe impl Request for SubvolumeCreate {
    const CODE: libc::c_ulong = code(WRITE, MAGIC, 14, size_of::<Self>());
}

// SAFETY: BTRFS_IOC_SNAP_DESTROY reads one `struct btrfs_ioctl_vol_args`, whose layout this is.
unsafe impl Request for SubvolumeDestroy {
    const CODE: libc::c_ulong = code(WRITE, MAGIC, 15, size_of::<Self>());
}

/// `struct btrfs_ioctl_ino_lookup_args`: asked with zeros it answers the id of the subvolume that a file lies in.
#[repr(C)]
pub(crate) struct TreeOf {
    tree: u64,
    object: u64,
    name: [u8; 4080],
}

impl TreeOf {
    /// The question; the object is a subvolume's top (BTRFS_FIRST_FREE_OBJECTID).
    pub(crate) fn question() -> Self {
        Self { tree: 0, object: 256, name: [0; 4080] }
    }

    /// The answer.
    pub(crate) fn id(&self) -> u64 {
        self.tree
    }
}

// SAFETY: BTRFS_IOC_INO_LOOKUP reads and writes one `struct btrfs_ioctl_ino_lookup_args`, whose layout this is.
unsafe impl Request for TreeOf {
    const CODE: libc::c_ulong = code(READ | WRITE, MAGIC, 18, size_of::<Self>());
}

/// `struct btrfs_ioctl_fs_info_args`.
#[repr(C)]
pub(crate) struct FileSystem {
    max_device: u64,
    devices: u64,
    id: [u8; 16],
    rest: [u64; 124],
}

impl FileSystem {
    /// The question.
    pub(crate) fn question() -> Self {
        Self { max_device: 0, devices: 0, id: [0; 16], rest: [0; 124] }
    }

    /// The answer: the file system's unique id.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }
}

// SAFETY: BTRFS_IOC_FS_INFO writes one `struct btrfs_ioctl_fs_info_args` of 1024 bytes, whose layout this is.
unsafe impl Request for FileSystem {
    const CODE: libc::c_ulong = code(READ, MAGIC, 31, size_of::<Self>());
}

/// `struct btrfs_ioctl_quota_ctl_args`.
#[repr(C)]
pub(crate) struct QuotaControl {
    command: u64,
    status: u64,
}

impl QuotaControl {
    /// Turns simple quotas on: each extent is counted for the subvolume that wrote it first, for good
    /// (BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA, Linux 6.7).
    pub(crate) fn enable_simple() -> Self {
        Self { command: 4, status: 0 }
    }
}

// SAFETY: BTRFS_IOC_QUOTA_CTL reads and writes one `struct btrfs_ioctl_quota_ctl_args`, whose layout this is.
unsafe impl Request for QuotaControl {
    const CODE: libc::c_ulong = code(READ | WRITE, MAGIC, 40, size_of::<Self>());
}

/// `struct btrfs_ioctl_qgroup_assign_args`: puts a group into another.
#[repr(C)]
pub(crate) struct QgroupAssign {
    assign: u64,
    source: u64,
    parent: u64,
}

impl QgroupAssign {
    /// Puts `group` into `parent`.
    pub(crate) fn new(group: u64, parent: u64) -> Self {
        Self { assign: 1, source: group, parent }
    }
}

// SAFETY: BTRFS_IOC_QGROUP_ASSIGN reads one `struct btrfs_ioctl_qgroup_assign_args`, whose layout this is.
unsafe impl Request for QgroupAssign {
    const CODE: libc::c_ulong = code(WRITE, MAGIC, 41, size_of::<Self>());
}

/// `struct btrfs_ioctl_qgroup_create_args`: makes or removes a group.
#[repr(C)]
pub(crate) struct QgroupCreate {
    create: u64,
    group: u64,
}

impl QgroupCreate {
    /// Makes a group.
    pub(crate) fn make(group: u64) -> Self {
        Self { create: 1, group }
    }

    /// Removes a group.
    pub(crate) fn remove(group: u64) -> Self {
        Self { create: 0, group }
    }
}

// SAFETY: BTRFS_IOC_QGROUP_CREATE reads one `struct btrfs_ioctl_qgroup_create_args`, whose layout this is.
unsafe impl Request for QgroupCreate {
    const CODE: libc::c_ulong = code(WRITE, MAGIC, 42, size_of::<Self>());
}

/// `struct btrfs_ioctl_qgroup_limit_args`.
#[repr(C)]
pub(crate) struct QgroupLimit {
    group: u64,
    flags: u64,
    max_referenced: u64,
    max_exclusive: u64,
    reserved_referenced: u64,
    reserved_exclusive: u64,
}

impl QgroupLimit {
    /// Bounds the bytes that a group may refer to.
    pub(crate) fn new(group: u64, max_bytes: u64) -> Self {
        const MAX_RFER: u64 = 1;
        Self {
            group,
            flags: MAX_RFER,
            max_referenced: max_bytes,
            max_exclusive: 0,
            reserved_referenced: 0,
            reserved_exclusive: 0,
        }
    }
}

// SAFETY: BTRFS_IOC_QGROUP_LIMIT reads one `struct btrfs_ioctl_qgroup_limit_args`, whose layout this is (its number says
// "read", which is a slip that became the interface).
unsafe impl Request for QgroupLimit {
    const CODE: libc::c_ulong = code(READ, MAGIC, 43, size_of::<Self>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        assert!(SubvolumeCreate::new("label").is_some());
        for name in ["", "a/b", "a\0b", &"x".repeat(4088)] {
            assert!(SubvolumeCreate::new(name).is_none() && SubvolumeDestroy::new(name).is_none(), "{name:?}");
        }
    }
}
