//! Fencing: the newest generation seen for each workspace, kept across restarts of the host.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use coditect_model::workspace::Generation;

/// Newest generation by workspace label.
#[derive(Debug)]
pub(crate) struct Generations {
    dir: PathBuf,
    seen: HashMap<String, Generation>,
}

impl Generations {
    /// Opens the directory that holds one small file per workspace.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        crate::volume::make_private_dir(&dir)?;
        Ok(Self { dir, seen: HashMap::new() })
    }

    /// Notes a generation, unless a newer one was seen: then that one is the error.
    pub(crate) fn advance(&mut self, label: &str, generation: Generation) -> io::Result<Result<(), Generation>> {
        let newest = match self.seen.get(label) {
            Some(&newest) => newest,
            None => self.read(label)?,
        };
        if generation < newest {
            return Ok(Err(newest));
        }
        if generation > newest {
            // Not synced: a machine that loses power also loses every sandbox an old command could harm.
            let temporary = self.dir.join(format!("{label}.new"));
            std::fs::write(&temporary, generation.0.to_string())?;
            std::fs::rename(&temporary, self.dir.join(label))?;
        }
        self.seen.insert(label.to_owned(), generation);
        Ok(Ok(()))
    }

    /// Forgets a workspace that is gone for good.
    pub(crate) fn forget(&mut self, label: &str) {
        self.seen.remove(label);
        let _ = std::fs::remove_file(self.dir.join(label));
    }

    fn read(&self, label: &str) -> io::Result<Generation> {
        match std::fs::read_to_string(self.dir.join(label)) {
            Ok(text) => text.parse().map(Generation).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: not a number", self.dir.join(label).display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Generation(0)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_generation_is_refused_even_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut generations = Generations::open(dir.path().join("g")).unwrap();
        assert_eq!(generations.advance("a", Generation(3)).unwrap(), Ok(()));
        assert_eq!(generations.advance("a", Generation(3)).unwrap(), Ok(()));
        let mut reopened = Generations::open(dir.path().join("g")).unwrap();
        assert_eq!(reopened.advance("a", Generation(2)).unwrap(), Err(Generation(3)));
        assert_eq!(reopened.advance("b", Generation(1)).unwrap(), Ok(()));
        reopened.forget("a");
        assert_eq!(reopened.advance("a", Generation(1)).unwrap(), Ok(()));
    }
}
