//! Files that are made from others: the OpenAPI document and, from it, the web client's types.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Whether to write, or to complain about what would change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

/// The OpenAPI document, kept under version control so that a change of the contract shows in review.
const OPENAPI: &str = "crates/control/tests/golden/openapi.json";
/// The web client's types.
const TYPES: &str = "web/src/api/generated.ts";

/// Makes every generated file.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    let document = openapi(root)?;
    settle(&root.join(OPENAPI), &document, mode)?;
    let types = web_types(root)?;
    settle(&root.join(TYPES), &types, mode)
}

/// By way of an example of crate `control`, so that the other commands do not wait for the whole control plane to build.
fn openapi(root: &Path) -> Result<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["run", "--quiet", "--package", "coditect-control", "--example", "openapi"])
        .output()
        .context("cargo could not be run")?;
    ensure!(
        output.status.success(),
        "the OpenAPI document cannot be made: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn web_types(root: &Path) -> Result<String> {
    // A directory of its own, because the generator needs an older TypeScript than the web app.
    let tool = root.join("tools/openapi-types");
    if !tool.join("node_modules").exists() {
        let status =
            Command::new("npm").current_dir(&tool).args(["ci", "--silent"]).status().context("npm could not be run")?;
        ensure!(status.success(), "npm ci failed in {}", tool.display());
    }
    let output = Command::new(tool.join("node_modules/.bin/openapi-typescript"))
        .current_dir(root)
        .args([OPENAPI, "--alphabetize"])
        .output()
        .context("openapi-typescript could not be run")?;
    ensure!(output.status.success(), "openapi-typescript failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn settle(path: &Path, content: &str, mode: Mode) -> Result<()> {
    let present = std::fs::read_to_string(path).unwrap_or_default();
    if present == content {
        return Ok(());
    }
    if mode == Mode::Check {
        bail!("{} is not current: run `cargo xtask generate` and commit the result", path.display());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}
