//! Every invariant that ARCHITECTURE.md promises is held by a check that exists.

use std::path::Path;

use anyhow::{Context, Result};

/// Heading of the table: two columns, the promise and, in backquotes, the names of tests that hold it.
const HEADING: &str = "## Invariants and their checks";

pub(super) fn check(root: &Path, complaints: &mut Vec<String>) -> Result<()> {
    let document = std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let Some(section) = document.split(HEADING).nth(1) else {
        complaints.push(format!("ARCHITECTURE.md: the section `{HEADING}` is missing"));
        return Ok(());
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut sources = String::new();
    for path in super::files(root, &[".rs", ".mjs", ".test.ts", ".test.tsx"])? {
        sources.push_str(&std::fs::read_to_string(path)?);
    }
    let rows: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| ") && !line.contains("---")).skip(1).collect();
    if rows.is_empty() {
        complaints.push("ARCHITECTURE.md: the table of invariants is empty".to_owned());
    }
    for row in rows {
        let checks = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = checks.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            complaints.push(format!("ARCHITECTURE.md: no check is named in the row: {row}"));
        }
        for name in names {
            let exists = sources.contains(&format!("fn {name}(")) || sources.contains(&format!("\"{name}\""));
            if !exists {
                complaints.push(format!("ARCHITECTURE.md: the check `{name}` does not exist"));
            }
        }
    }
    Ok(())
}
