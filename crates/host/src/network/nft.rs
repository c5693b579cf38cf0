//! The `nft` command.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// Longest piece of what nft says of an error, in bytes.
const COMPLAINT_MAX_BYTES: usize = 400;

/// Has nft execute `script`, as one transaction.
///
/// # Errors
/// It is not installed, or what it says is wrong.
pub(super) fn run(script: &str) -> io::Result<()> {
    let mut command = Command::new(program());
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "the `nft` command is not installed"),
        _ => error,
    })?;
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(script.as_bytes()));
    let output = child.wait_with_output()?;
    if output.status.success() {
        return written;
    }
    let text = String::from_utf8_lossy(&output.stderr[..output.stderr.len().min(COMPLAINT_MAX_BYTES)]).into_owned();
    Err(io::Error::other(format!("nft: {}", text.trim().replace('\n', " "))))
}

/// An ordinary `PATH` may lack the directories of such commands.
fn program() -> &'static str {
    ["/usr/sbin/nft", "/sbin/nft"].into_iter().find(|path| std::path::Path::new(path).exists()).unwrap_or("nft")
}
