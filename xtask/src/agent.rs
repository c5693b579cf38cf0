//! Builds `coditect-agent` as a small static binary, with nothing but the C library's development files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Builds with profile `agent` and copies the binary to `destination`, atomically: a running one keeps its file.
pub(crate) fn build(root: &Path, destination: &Path) -> Result<()> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // Naming the target keeps the flag off build scripts and procedural macros, which cannot be static.
    let flag = format!("CARGO_TARGET_{}_RUSTFLAGS", target.replace('-', "_").to_uppercase());
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--package", "coditect-agent", "--profile", "agent", "--target", &target])
        .env(flag, "-C target-feature=+crt-static")
        .status()
        .context("cargo could not be run")?;
    ensure!(status.success(), "the agent did not build");
    let built = root.join("target").join(&target).join("agent/coditect-agent");
    let parent = destination.parent().context("the destination has no parent directory")?;
    std::fs::create_dir_all(parent)?;
    let temporary = destination.with_extension("new");
    std::fs::copy(&built, &temporary).with_context(|| format!("{} cannot be copied", built.display()))?;
    std::fs::rename(&temporary, destination)?;
    Ok(())
}
