//! Which disk a directory lies on, as control groups name disks.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::cgroup::layout::Mount;

/// `major:minor` of the disk below a directory: the whole disk, because control groups do not know its partitions.
/// `None` where there is none, as for tmpfs and overlay.
pub(crate) fn below(directory: &Path) -> io::Result<Option<String>> {
    let device = rustix::fs::stat(directory)?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    if major != 0 {
        return whole_disk(Path::new("/sys"), major, minor).map(Some);
    }
    // A file system with device numbers of its own making (btrfs, overlay): its mount names the disk, if any.
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo")?;
    let Some(source) = source_of(&mountinfo, &directory.canonicalize()?) else { return Ok(None) };
    match rustix::fs::stat(&source) {
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_block_device() => {
            let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            whole_disk(Path::new("/sys"), major, minor).map(Some)
        }
        _ => Ok(None),
    }
}

/// The disk of a partition; anything else is its own.
fn whole_disk(sys: &Path, major: u32, minor: u32) -> io::Result<String> {
    let own = sys.join(format!("dev/block/{major}:{minor}"));
    if !own.join("partition").exists() {
        return Ok(format!("{major}:{minor}"));
    }
    let disk = own.canonicalize()?;
    let disk = disk.parent().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(std::fs::read_to_string(disk.join("dev"))?.trim().to_owned())
}

/// What is mounted where a path lies. Of several mounts on one point the last is the one that is seen.
fn source_of(mountinfo: &str, path: &Path) -> Option<PathBuf> {
    let mounts = mountinfo.lines().filter_map(Mount::parse);
    let around = mounts.filter(|mount| path.starts_with(&mount.point));
    let nearest = around.max_by_key(|mount| Path::new(&mount.point).components().count())?;
    let source = PathBuf::from(nearest.source);
    matches!(source.components().next(), Some(Component::RootDir)).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_counts_as_its_disk() {
        let sys = tempfile::tempdir().unwrap();
        let disk = sys.path().join("devices/pci/block/sda");
        std::fs::create_dir_all(disk.join("sda1")).unwrap();
        std::fs::create_dir_all(sys.path().join("dev/block")).unwrap();
        std::fs::write(disk.join("dev"), "8:0\n").unwrap();
        std::fs::write(disk.join("sda1/partition"), "1\n").unwrap();
        for (name, target) in [("8:0", "sda"), ("8:1", "sda/sda1")] {
            let link = sys.path().join("dev/block").join(name);
            std::os::unix::fs::symlink(sys.path().join("devices/pci/block").join(target), link).unwrap();
        }
        assert_eq!(whole_disk(sys.path(), 8, 1).unwrap(), "8:0");
        assert_eq!(whole_disk(sys.path(), 8, 0).unwrap(), "8:0");
        assert_eq!(whole_disk(sys.path(), 7, 3).unwrap(), "7:3");
    }

    #[test]
    fn the_nearest_mount_names_the_disk() {
        let mountinfo = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                         2 1 0:40 /sub /data rw shared:1 - btrfs /dev/loop0 rw\n\
                         3 1 0:41 / /tmp rw - tmpfs tmpfs rw\n\
                         4 2 0:42 / /data/pool rw - btrfs /dev/loop1 rw\n";
        for (path, source) in [
            ("/data/x", Some("/dev/loop0")),
            ("/data/pool/y/z", Some("/dev/loop1")),
            ("/data2", Some("/dev/sda1")),
            ("/tmp/x", None),
        ] {
            assert_eq!(source_of(mountinfo, Path::new(path)).as_deref(), source.map(Path::new), "{path}");
        }
    }
}
