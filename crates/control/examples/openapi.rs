//! Prints the OpenAPI document: `cargo xtask generate` keeps it and the web client's types current.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &coditect_control::openapi())?;
    Ok(writeln!(out)?)
}
