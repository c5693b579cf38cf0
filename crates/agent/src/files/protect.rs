//! What is never deleted or moved away: the workspace, the home directory, their trash, and whatever contains them.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use coditect_api::error::ErrorKind;

use super::failure::failed;
use super::{Places, path};
use crate::error::{Error, Result};

/// The trash below a place.
const TRASH: &str = ".coditect/trash";

impl Places {
    /// The places, the workspace first.
    pub(super) fn all(&self) -> [&Path; 3] {
        [&self.workspace, &self.home, &self.temp]
    }

    /// The trash directories, in the same order.
    pub(super) fn trash_roots(&self) -> [PathBuf; 3] {
        self.all().map(|place| place.join(TRASH))
    }
}

/// Refuses what must stay. Compared by inode, so that no spelling and no symbolic link gets around it.
pub(super) fn check_removable(places: &Places, target: &Path, verb: &str) -> Result<()> {
    let own = target.symlink_metadata().map_err(|error| failed(verb, target, &error))?;
    if !own.is_dir() {
        return Ok(());
    }
    let kept = places.all().map(Path::to_owned).into_iter().chain(places.trash_roots());
    for place in kept.filter_map(|place| place.canonicalize().ok()) {
        for above in place.ancestors() {
            if above.symlink_metadata().is_ok_and(|above| (above.dev(), above.ino()) == (own.dev(), own.ino())) {
                let message = format!("cannot {verb} {}: the workspace needs it", target.display());
                return Err(Error::new(ErrorKind::Forbidden, message).with("path", path::encode(target)));
            }
        }
    }
    Ok(())
}

/// Whether `inner` (which need not exist) would lie in the directory `outer`, or is it.
pub(super) fn lies_within(inner: &Path, outer: &Path) -> io::Result<bool> {
    let outer = outer.symlink_metadata()?;
    if !outer.is_dir() {
        return Ok(false);
    }
    let same = |path: &Path| path.symlink_metadata().is_ok_and(|it| (it.dev(), it.ino()) == (outer.dev(), outer.ino()));
    // Missing parents cannot lie anywhere; the nearest one that exists decides.
    let existing = inner.ancestors().skip(1).find_map(|above| above.canonicalize().ok());
    Ok(same(inner) || existing.is_some_and(|existing| existing.ancestors().any(same)))
}
