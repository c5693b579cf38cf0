//! Project quotas: a directory whose files are counted together, on ext4 and XFS.
//!
//! Processes outside the first user namespace cannot change a file's project, so a tenant cannot leave theirs.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use crate::sys::storage as sys;

/// New files below the directory belong to its project.
const INHERIT: u32 = 0x200;

/// Whether project quotas are counted and enforced on the file system of `dir`.
///
/// # Errors
/// The kernel has none, or they are off: words that say so.
pub fn enforced(dir: &Path) -> io::Result<bool> {
    let (counted, enforced) = sys::project_quota_state(File::open(dir)?.as_fd())?;
    Ok(counted && enforced)
}

/// Gives an empty directory to a project.
///
/// # Errors
/// The kernel's.
pub fn assign(dir: &Path, project: u32) -> io::Result<()> {
    let file = File::open(dir)?;
    let mut attributes = sys::GetAttributes::default();
    sys::request(file.as_fd(), &mut attributes)?;
    attributes.project = project;
    attributes.flags |= INHERIT;
    sys::request(file.as_fd(), &mut sys::SetAttributes(attributes)).map(drop)
}

/// The project that a directory belongs to; 0 is none.
///
/// # Errors
/// The file system knows no projects.
pub fn project_of(dir: &Path) -> io::Result<u32> {
    let mut attributes = sys::GetAttributes::default();
    sys::request(File::open(dir)?.as_fd(), &mut attributes)?;
    Ok(if attributes.flags & INHERIT == 0 { 0 } else { attributes.project })
}

/// Sets the hard limits of a project. Below what it uses, nothing more can be written.
///
/// # Errors
/// The kernel's.
pub fn limit(dir: &Path, project: u32, bytes: u64, inodes: u64) -> io::Result<()> {
    sys::set_project_limits(File::open(dir)?.as_fd(), project, bytes, inodes)
}

/// Bytes and inodes that a project uses.
///
/// # Errors
/// The kernel's.
pub fn used(dir: &Path, project: u32) -> io::Result<(u64, u64)> {
    let found = sys::project_use(File::open(dir)?.as_fd(), project)?;
    Ok((found.bytes, found.inodes))
}
