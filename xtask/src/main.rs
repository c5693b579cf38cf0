//! Developer commands that are not part of the product: `cargo xtask tidy | agent | generate`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

mod agent;
mod generate;
mod tidy;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy"] => tidy::run(&root()?),
        ["agent", destination] => agent::build(&root()?, destination.as_ref()),
        ["generate"] => generate::run(&root()?, generate::Mode::Write),
        ["generate", "--check"] => generate::run(&root()?, generate::Mode::Check),
        _ => bail!(
            "usage: cargo xtask tidy | agent DESTINATION | generate [--check]\n  tidy      checks what clippy cannot: \
             dependency edges, file sizes, invariants\n  agent     builds the static coditect-agent and copies it\n  \
             generate  writes the OpenAPI document and the web client's types"
        ),
    }
}

fn root() -> Result<PathBuf> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(manifest.parent().context("xtask lies in the workspace")?.to_owned())
}
