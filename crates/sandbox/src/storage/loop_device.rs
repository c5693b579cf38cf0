//! Loop devices: files as disks.
//!
//! **Invariants**: the lock on the image (flock(2)) belongs to the very descriptor that the device keeps, so it is held
//! exactly as long as anything of the device is left, whoever attached it and whether that process lives or not.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::sys::storage as sys;

/// Another process may take the free device that was found: how often another one is looked for.
const ATTEMPTS_MAX: u32 = 64;

/// An image that is attached for as long as this value lives or something on it is mounted.
#[derive(Debug)]
pub struct LoopDevice {
    device: File,
    path: PathBuf,
}

impl LoopDevice {
    /// Attaches an image, around the page cache of the file system it lies on if that can be.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] while it is attached already; no loop devices; no rights.
    pub fn attach(image: &Path) -> io::Result<Self> {
        let file = open_image(image)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::AGAIN) => {
                let text = format!("{} is in use", image.display());
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
            }
            other => other?,
        }
        let control = File::options().read(true).write(true).open("/dev/loop-control")?;
        for _ in 0..ATTEMPTS_MAX {
            let number = sys::loop_free_number(control.as_fd())?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&path)?;
            let mut flags = sys::LOOP_AUTOCLEAR | sys::LOOP_DIRECT_IO;
            let attached = loop {
                let attached = sys::request(device.as_fd(), &mut sys::LoopConfigure::new(file.as_fd(), flags));
                match attached {
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) && flags & sys::LOOP_DIRECT_IO != 0 => {
                        flags &= !sys::LOOP_DIRECT_IO;
                    }
                    other => break other,
                }
            };
            match attached {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(Self { device, path }),
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "every loop device that was free was taken by somebody else"))
    }

    /// The device's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a device that is attached already, by its number.
    ///
    /// # Errors
    /// There is none.
    pub fn open(device: u64) -> io::Result<Self> {
        let path = PathBuf::from("/dev").join(name_of(device)?);
        Ok(Self { device: File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&path)?, path })
    }

    /// Lets the device see that its file has grown.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read_size_again(&self) -> io::Result<()> {
        sys::loop_read_size_again(self.device.as_fd())
    }
}

/// Whether an image is attached, to whatever device by whatever process that keeps to the lock.
///
/// # Errors
/// It cannot be opened.
pub fn in_use(image: &Path) -> io::Result<bool> {
    match rustix::fs::flock(&open_image(image)?, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(false),
        Err(Errno::AGAIN) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn open_image(image: &Path) -> io::Result<File> {
    File::options().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(image)
}

/// The kernel's name of a block device, as in `/sys/block` and `/dev`.
///
/// # Errors
/// There is no such device.
pub(super) fn name_of(device: u64) -> io::Result<String> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let target = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}"))?;
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// Whether this process can have loop devices, found out by trying with a file in `dir`.
///
/// # Errors
/// Why not.
pub fn probe(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".probe-{}-loop", std::process::id()));
    let attempt = File::create(&path).and_then(|file| {
        file.set_len(1 << 20)?;
        let device = LoopDevice::attach(&path)?;
        let size = device.device.metadata()?.rdev();
        name_of(size).map(drop)
    });
    let _ = std::fs::remove_file(&path);
    attempt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_attached_once_and_free_again_when_the_device_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        File::create(&image).unwrap().set_len(4 << 20).unwrap();
        assert!(!in_use(&image).unwrap());
        let device = LoopDevice::attach(&image).unwrap();
        assert!(in_use(&image).unwrap());
        assert_eq!(LoopDevice::attach(&image).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        let sectors = || {
            let name = device.path().file_name().unwrap().to_str().unwrap().to_owned();
            std::fs::read_to_string(format!("/sys/block/{name}/size")).unwrap().trim().to_owned()
        };
        assert_eq!(sectors(), "8192");
        File::options().write(true).open(&image).unwrap().set_len(8 << 20).unwrap();
        device.read_size_again().unwrap();
        assert_eq!(sectors(), "16384");
        drop(device);
        let moment = std::time::Instant::now();
        while in_use(&image).unwrap() {
            assert!(moment.elapsed().as_secs() < 20, "the device is not given back");
            std::thread::yield_now();
        }
        probe(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
