//! The programs that make, check and grow file systems. None of them runs when a workspace with a volume starts.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where such programs are; a service's `PATH` often lacks them.
const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];
/// Bytes of what a failing program printed that go into the error.
const WORDS_BYTES_MAX: usize = 600;

/// The program's path, or the package that has it.
pub(super) fn find(program: &str) -> Result<PathBuf, String> {
    let found = DIRECTORIES.iter().map(|dir| Path::new(dir).join(program)).find(|path| path.is_file());
    let package = if program.contains("xfs") { "xfsprogs" } else { "e2fsprogs" };
    found.ok_or_else(|| format!("`{program}` is not installed (package {package})"))
}

/// Runs a program on `target`, its last argument; answers its exit code if that is one of `fine`.
pub(super) fn run(program: &str, arguments: &[&str], target: &Path, fine: &[i32]) -> io::Result<i32> {
    let path = find(program).map_err(io::Error::other)?;
    let output =
        Command::new(path).args(arguments).arg(target).env_clear().env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    match output.status.code() {
        Some(code) if fine.contains(&code) => Ok(code),
        code => {
            let mut words = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).trim().to_owned();
            let end = (0..=WORDS_BYTES_MAX.min(words.len())).rev().find(|&at| words.is_char_boundary(at)).unwrap_or(0);
            words.truncate(end);
            let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
            Err(io::Error::other(format!("{program} {} ended with {code}: {words}", target.display())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_quoted() {
        let error = run("e2fsck", &["-n"], Path::new("/nonexistent"), &[0]).unwrap_err().to_string();
        assert!(error.contains("e2fsck /nonexistent ended with code 8") && error.contains("No such file"), "{error}");
        assert!(find("mkfs.nothing").unwrap_err().contains("package"));
    }
}
