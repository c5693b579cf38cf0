//! Checks what clippy cannot. Every check names the file and what to do; all complaints come at once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

mod edges;
mod invariants;
mod shape;

/// Runs every check.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut complaints = Vec::new();
    edges::check(root, &mut complaints)?;
    shape::check(root, &mut complaints)?;
    invariants::check(root, &mut complaints)?;
    if !complaints.is_empty() {
        bail!("tidy found {} problem(s):\n{}", complaints.len(), complaints.join("\n"));
    }
    Ok(())
}

/// Every source file below `dir` with one of these endings, build output and dependencies left out.
fn files(dir: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![dir.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | "node_modules" | "dist" | "data" | "out" | ".git") {
                    directories.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[test]
fn the_tree_is_tidy() {
    run(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")).unwrap();
}
