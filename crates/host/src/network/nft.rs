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

/// Whether this table exists.
pub(super) fn has_table(name: &str) -> bool {
    let mut command = Command::new(program());
    command.args(["list", "table", "inet", name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Chains of others that drop what is forwarded unless a rule of theirs lets it through: Docker's, a firewall's.
///
/// # Errors
/// nft cannot list them.
pub(super) fn chains_that_drop() -> io::Result<Vec<String>> {
    let output = Command::new(program()).args(["list", "chains"]).stdin(Stdio::null()).output()?;
    Ok(dropping(&String::from_utf8_lossy(&output.stdout)))
}

fn dropping(listing: &str) -> Vec<String> {
    let (mut table, mut chain) = ("", "");
    let mut found = Vec::new();
    for line in listing.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.trim_end_matches(" {");
        } else if let Some(name) = line.strip_prefix("chain ") {
            chain = name.trim_end_matches(" {");
        } else if line.contains("hook forward") && line.contains("policy drop") {
            found.push(format!("{table} {chain}"));
        }
    }
    found
}

/// An ordinary `PATH` may lack the directories of such commands.
fn program() -> &'static str {
    ["/usr/sbin/nft", "/sbin/nft"].into_iter().find(|path| std::path::Path::new(path).exists()).unwrap_or("nft")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firewalls_that_let_nothing_through_are_seen() {
        let listing = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n\
                       \tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n\tchain DOCKER {\n\t}\n}\n\
                       table inet coditect-x {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n\t}\n}\n";
        assert_eq!(dropping(listing), ["ip filter FORWARD"]);
        assert!(dropping("").is_empty());
    }
}
