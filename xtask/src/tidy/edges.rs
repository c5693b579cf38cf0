//! Dependencies between crates point one way.

use std::path::Path;

use anyhow::{Context, Result};

/// Which of our crates each crate may depend on. What is not listed may not be added without a word about why here.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("api", &["model"]),
    ("store", &["model"]),
    ("sandbox", &["model"]),
    ("agent", &["api", "model", "sandbox"]),
    ("host", &["api", "model", "sandbox"]),
    ("router", &["api", "model"]),
    ("control", &["api", "model", "store"]),
    // Nothing depends on it: it is for tests and fuzzers.
    ("fuzzing", &["agent", "api", "control", "host", "model", "router", "sandbox", "store"]),
    ("server", &["api", "control", "host", "model", "router", "sandbox", "store"]),
];

pub(super) fn check(root: &Path, complaints: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root.join("crates"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).with_context(|| path.display().to_string())?;
        let manifest: toml::Table = manifest.parse()?;
        let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
            complaints.push(format!("crates/{name}: add it to ALLOWED in xtask/src/tidy/edges.rs"));
            continue;
        };
        // Development dependencies may point anywhere that is not a cycle; cargo refuses those.
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            if let Some(ours) = dependency.strip_prefix("coditect-")
                && !allowed.contains(&ours)
            {
                complaints.push(format!("crates/{name}: must not depend on {ours}"));
            }
        }
    }
    Ok(())
}
