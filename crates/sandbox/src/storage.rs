//! What volumes with a hard size are made of: loop devices, mounts, shared copies of files, quotas of btrfs and of projects.
//!
//! **Invariants**: an image is never attached twice (whoever has it attached holds its lock until the kernel lets go of it);
//! nothing is mounted without `nosuid` and `nodev`; no file system is made over anything that exists.
//! **Not here**: which volume is kept how (crate `host`).

pub mod btrfs;
pub mod copy;
pub mod ext4;
pub mod loop_device;
pub mod mounts;
pub mod project;
