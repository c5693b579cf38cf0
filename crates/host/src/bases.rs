//! Bases: versions of the read-only root file system that workspaces see, added by the operator while the server runs.
//!
//! `bases/{name}/` below the host's directory holds one each; the file `bases/.default` names the one that the next start of
//! every workspace takes. Without it that is [`MACHINE`], the root the configuration names. A workspace that runs keeps the
//! base it was started on.
//!
//! **Invariants**: a base gets its name when it is complete and on the disk; one that a sandbox runs on is not removed.
//! **Boundary**: what is in a base is the operator's; names are checked, sources are read by `cp` and `tar`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use coditect_sandbox::record::SandboxRecord;
use rustix::fs::{CWD, FlockOperation, RenameFlags};

use crate::volume::{make_private_dir, remove_tree};

/// The base that is always there: the root directory that the configuration names.
pub const MACHINE: &str = "machine";
/// Longest name of a base, in bytes.
const NAME_MAX_BYTES: usize = 64;
/// Names the default; no base can be called so.
const DEFAULT_FILE: &str = ".default";
const LOCK_FILE: &str = ".lock";
const ADDING: &str = ".adding-";
const REMOVING: &str = ".removing-";
/// Of what a failed tool said, this much is passed on, in bytes.
const COMPLAINT_MAX_BYTES: usize = 1000;
/// Where every base must have a shell: workspaces are given it.
const SHELLS: [&str; 2] = ["usr/bin/bash", "bin/bash"];

/// One base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// Its root directory.
    pub path: PathBuf,
    /// Whether the next start of a workspace takes it.
    pub is_default: bool,
    /// Labels of the workspaces that run on it now.
    pub used_by: Vec<String>,
}

/// Why a base cannot be added, chosen or removed.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A name that cannot be one.
    #[error(
        "`{0}` cannot be a base's name: use 1 to 64 small letters, digits, dots and hyphens, beginning with a letter or \
         digit; `machine` is taken"
    )]
    Name(String),
    /// There is one already. Bases are versions: they do not change.
    #[error("there is a base `{0}` already; add this one under another name, such as `{0}-2`")]
    Exists(String),
    /// There is none.
    #[error("there is no base `{0}`: `coditect base list` shows what there is")]
    Unknown(String),
    /// It is the default.
    #[error("`{0}` is the default: choose another first, `coditect base default machine`")]
    IsDefault(String),
    /// Workspaces run on it.
    #[error("`{name}` is in use by {}: they leave it when they are started again", workspaces.join(", "))]
    InUse {
        /// Which base.
        name: String,
        /// Labels of the workspaces.
        workspaces: Vec<String>,
    },
    /// What was given is not a root file system.
    #[error("{0}")]
    NotABase(String),
    /// The file system.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
}

/// Names what was being done.
trait At<T> {
    fn at(self, path: &Path) -> Result<T, BaseError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, BaseError> {
        self.map_err(|error| BaseError::Io(path.display().to_string(), error))
    }
}

/// The bases of one host. The server and the command line each have one of these, on the same directory.
#[derive(Clone, Debug)]
pub struct Bases {
    root: PathBuf,
    machine: PathBuf,
}

impl Bases {
    /// The bases below a host's directory; `machine` is the root that the configuration names.
    #[must_use]
    pub fn below(state_dir: &Path, machine: &Path) -> Self {
        Self { root: state_dir.join("bases"), machine: machine.to_owned() }
    }

    /// The root directory that the next start takes.
    ///
    /// # Errors
    /// The default cannot be read, or what it names is missing.
    pub fn current(&self) -> io::Result<PathBuf> {
        let name = self.default_name()?;
        if name == MACHINE {
            return Ok(self.machine.clone());
        }
        let path = self.root.join(&name);
        if is_name(&name) && path.is_dir() {
            return Ok(path);
        }
        let text = format!(
            "the default base `{name}` is missing: put it back, or choose another (`coditect base default machine`)"
        );
        Err(io::Error::new(io::ErrorKind::NotFound, text))
    }

    /// Keeps bases from being removed while the answer lives.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub(crate) fn hold(&self) -> io::Result<Option<File>> {
        if !self.root.exists() {
            return Ok(None);
        }
        self.lock(FlockOperation::LockShared).map(Some)
    }

    /// Makes a base of a directory's or a tar archive's content (also compressed).
    ///
    /// # Errors
    /// See [`BaseError`]; nothing is left of what could not be added.
    pub fn add(&self, name: &str, source: &Path) -> Result<(), BaseError> {
        if !is_name(name) {
            return Err(BaseError::Name(name.to_owned()));
        }
        make_private_dir(&self.root).at(&self.root)?;
        let _only = self.lock(FlockOperation::LockExclusive).at(&self.root)?;
        let path = self.root.join(name);
        if path.exists() {
            return Err(BaseError::Exists(name.to_owned()));
        }
        let new = self.root.join(format!("{ADDING}{name}"));
        remove(&new).at(&new)?;
        let added = fill(&new, source).and_then(|()| {
            let dir = File::open(&new).at(&new)?;
            rustix::fs::syncfs(&dir).map_err(io::Error::from).at(&new)?;
            rustix::fs::renameat_with(CWD, &new, CWD, &path, RenameFlags::NOREPLACE)
                .map_err(io::Error::from)
                .at(&path)?;
            self.sync().at(&self.root)
        });
        if added.is_err() {
            // The failure is what matters; what stays is cleared by the next attempt.
            let _ = remove(&new);
        }
        added
    }

    /// All of them, by name, the machine's own first. `run_dir`: where the records of running sandboxes are.
    ///
    /// # Errors
    /// Directories or records cannot be read.
    pub fn list(&self, run_dir: &Path) -> Result<Vec<Base>, BaseError> {
        let default = self.default_name().at(&self.root)?;
        let running = running(run_dir).at(run_dir)?;
        let base = |name: String, path: PathBuf| Base {
            is_default: name == default,
            used_by: running.iter().filter(|(_, base)| *base == path).map(|(label, _)| label.clone()).collect(),
            name,
            path,
        };
        let mut names: Vec<String> = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => {
                let mut names = Vec::new();
                for entry in entries.at(&self.root)? {
                    names.extend(entry.at(&self.root)?.file_name().into_string().ok().filter(|name| is_name(name)));
                }
                names
            }
        };
        names.sort();
        let machine = base(MACHINE.to_owned(), self.machine.clone());
        Ok(std::iter::once(machine)
            .chain(names.into_iter().map(|name| base(name.clone(), self.root.join(&name))))
            .collect())
    }

    /// Lets the next start of every workspace take this base. Those that run keep theirs until then.
    ///
    /// # Errors
    /// There is no such base, or it cannot be written down.
    pub fn set_default(&self, name: &str) -> Result<(), BaseError> {
        make_private_dir(&self.root).at(&self.root)?;
        let _only = self.lock(FlockOperation::LockExclusive).at(&self.root)?;
        if name != MACHINE && !(is_name(name) && self.root.join(name).is_dir()) {
            return Err(BaseError::Unknown(name.to_owned()));
        }
        let (new, file) = (self.root.join(".default.new"), self.root.join(DEFAULT_FILE));
        let write = || {
            use io::Write as _;
            let mut out = File::create(&new)?;
            out.write_all(name.as_bytes())?;
            out.sync_all()?;
            std::fs::rename(&new, &file)?;
            self.sync()
        };
        write().at(&file)
    }

    /// Removes a base that nothing runs on.
    ///
    /// # Errors
    /// It is the default, in use, or not there.
    pub fn remove(&self, name: &str, run_dir: &Path) -> Result<(), BaseError> {
        let path = self.root.join(name);
        if !is_name(name) || !path.is_dir() {
            return Err(BaseError::Unknown(name.to_owned()));
        }
        let _only = self.lock(FlockOperation::LockExclusive).at(&self.root)?;
        if self.default_name().at(&self.root)? == name {
            return Err(BaseError::IsDefault(name.to_owned()));
        }
        let workspaces: Vec<String> = running(run_dir)
            .at(run_dir)?
            .into_iter()
            .filter(|(_, base)| *base == path)
            .map(|(label, _)| label)
            .collect();
        if !workspaces.is_empty() {
            return Err(BaseError::InUse { name: name.to_owned(), workspaces });
        }
        let removing = self.root.join(format!("{REMOVING}{name}"));
        remove(&removing).at(&removing)?;
        std::fs::rename(&path, &removing).at(&path)?;
        remove(&removing).at(&removing)
    }

    fn default_name(&self) -> io::Result<String> {
        match std::fs::read_to_string(self.root.join(DEFAULT_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(MACHINE.to_owned()),
            other => other.map(|text| text.trim().to_owned()),
        }
    }

    fn lock(&self, how: FlockOperation) -> io::Result<File> {
        let file = File::options().create(true).truncate(false).write(true).open(self.root.join(LOCK_FILE))?;
        rustix::fs::flock(&file, how)?;
        Ok(file)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }
}

fn is_name(name: &str) -> bool {
    name != MACHINE
        && (1..=NAME_MAX_BYTES).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
}

/// Labels of the workspaces that run, and their bases.
fn running(run_dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for (workspace, dir) in crate::host::sandbox_dirs(run_dir)? {
        if let Some(record) = SandboxRecord::load(&dir)?
            && record.is_alive()?.is_some()
        {
            found.push((workspace.label(), record.base));
        }
    }
    Ok(found)
}

/// Makes `new` a copy of a source, and sees whether a workspace can run on it.
fn fill(new: &Path, source: &Path) -> Result<(), BaseError> {
    let meta = source.metadata().at(source)?;
    make_private_dir(new).at(new)?;
    let (mut tool, name) = if meta.is_dir() {
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto", "--one-file-system", "--"]).arg(source.join(".")).arg(new);
        (copy, "cp")
    } else {
        let mut unpack = Command::new("tar");
        unpack.args(["--extract", "--numeric-owner", "--preserve-permissions", "--same-owner", "--directory"]);
        // Devices are given to workspaces by the platform, and making some needs rights that not everybody has.
        unpack.arg(new).args(["--exclude=./dev/*", "--exclude=dev/*", "--file"]).arg(source);
        (unpack, "tar")
    };
    let output = tool.stdin(Stdio::null()).stdout(Stdio::null()).output().at(Path::new(name))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr[..output.stderr.len().min(COMPLAINT_MAX_BYTES)]).into_owned();
        let said = said.trim().replace(|c: char| c.is_control() && c != '\n', " ");
        return Err(BaseError::NotABase(format!("{} cannot be read by {name}: {said}", source.display())));
    }
    // Workspaces' users must be able to enter it; the directory above it stays closed.
    std::fs::set_permissions(new, std::os::unix::fs::PermissionsExt::from_mode(0o755)).at(new)?;
    for directory in ["usr", "etc"] {
        if !new.join(directory).is_dir() {
            let text =
                format!("{} has no directory `{directory}`: a base is a whole root file system", source.display());
            return Err(BaseError::NotABase(text));
        }
    }
    if !SHELLS.iter().any(|shell| new.join(shell).symlink_metadata().is_ok()) {
        let text = format!("{} has no /usr/bin/bash, which is the shell of every workspace", source.display());
        return Err(BaseError::NotABase(text));
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match remove_tree(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["debian-12", "v1", "2026.11", "a"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "machine", ".lock", "..", "a/b", "A", "-a", "a b", "a\n", &long] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_no_root_file_system_is_refused_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Bases::below(&dir.path().join("host"), Path::new("/"));
        let source = dir.path().join("source");
        std::fs::create_dir_all(source.join("usr/bin")).unwrap();
        let refused = |name: &str, source: &Path| bases.add(name, source).unwrap_err().to_string();
        assert!(refused("v1", &source).contains("no directory `etc`"));
        std::fs::create_dir(source.join("etc")).unwrap();
        assert!(refused("v1", &source).contains("no /usr/bin/bash"));
        let text = dir.path().join("text");
        std::fs::write(&text, "not an archive").unwrap();
        assert!(refused("v1", &text).contains("cannot be read by tar"));
        assert!(matches!(bases.add("../v1", &source), Err(BaseError::Name(_))));
        assert!(matches!(bases.set_default("v1"), Err(BaseError::Unknown(_))));
        let left: Vec<_> =
            std::fs::read_dir(dir.path().join("host/bases")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK_FILE]);
        assert_eq!(bases.current().unwrap(), Path::new("/"));

        std::fs::write(source.join("usr/bin/bash"), "").unwrap();
        bases.add("v1", &source).unwrap();
        assert!(matches!(bases.add("v1", &source), Err(BaseError::Exists(_))));
        bases.set_default("v1").unwrap();
        assert!(matches!(bases.remove("v1", dir.path()), Err(BaseError::IsDefault(_))));
        bases.set_default(MACHINE).unwrap();
        bases.remove("v1", dir.path()).unwrap();
        assert_eq!(bases.list(dir.path()).unwrap().len(), 1);
    }
}
