//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "Exit codes:\n  0  done\n  1  a defect, or an unexpected failure\n  2  wrong use: bad arguments, \
                          configuration or values\n  3  not logged in, or not allowed\n  4  no such user, workspace, …\n  5  \
                          conflict with the present state\n  6  a limit is reached\n  7  not reachable, or not available now\n  \
                          n  `workspace exec`: the exit code of the command itself\n  `doctor`: 1 when something must be mended, or does not hold";

/// Cloud development environments: a complete, persistent Linux workspace in the browser.
#[derive(Parser, Debug)]
#[command(name = "coditect", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Print machine-readable JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Configuration file (default: coditect.toml in the working directory, if there).
    #[arg(long, global = true, env = "CODITECT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run control plane, router and host on this machine.
    Serve(Serve),
    /// Check the configuration and print what it comes to.
    CheckConfig,
    /// Examine this machine and configuration: what holds, what is missing, and what mends it.
    Doctor(Doctor),
    /// What `doctor --isolation` runs inside its sandboxes.
    #[command(subcommand, hide = true)]
    Inside(Inside),
    /// Manage accounts.
    #[command(subcommand)]
    User(User),
    /// Manage workspaces.
    #[command(subcommand)]
    Workspace(Workspace),
    /// Read, export and verify the audit logs.
    #[command(subcommand)]
    Audit(Audit),
    /// See and change what users of each tier may use, while the server runs.
    #[command(subcommand)]
    Tier(Tier),
    /// Manage the root file systems that workspaces on this machine see, read-only, beside their own files.
    #[command(subcommand)]
    Base(Base),
}

/// `coditect base`. Works on this machine's data directory, whether the server runs or not.
#[derive(Subcommand, Debug)]
pub(crate) enum Base {
    /// Add a base: a copy of a directory, or of what a tar archive holds.
    Add {
        /// Its name, such as debian-12.
        name: String,
        /// A directory or a tar archive (also compressed) with a whole root file system.
        source: PathBuf,
    },
    /// List the bases, which one is the default, and which workspaces run on them.
    List,
    /// Choose the base that every workspace takes at its next start. What runs keeps its own until then; users' files
    /// stay as they are.
    Default {
        /// Its name; `machine` is the root directory that the configuration names.
        name: String,
    },
    /// Remove a base that no workspace runs on.
    Remove {
        /// Its name.
        name: String,
    },
}

/// `coditect serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Stop every running workspace of this data directory, then exit. Volumes stay.
    #[arg(long)]
    pub stop_all: bool,
}

/// `coditect doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Apply what can be applied: raise the machine's settings until it restarts, close the data directory to others.
    #[arg(long, conflicts_with = "isolation")]
    pub fix: bool,
    /// Start two sandboxes of its own, let one try everything, and print what holds and what does not.
    #[arg(long)]
    pub isolation: bool,
}

/// `coditect inside`, in a sandbox of `doctor --isolation`.
#[derive(Subcommand, Debug)]
pub(crate) enum Inside {
    /// Make one attempt.
    Attempt {
        /// Its name.
        name: String,
        /// What there is to attack, as JSON.
        target: String,
    },
    /// Be there to be attacked.
    Prey {
        /// Stands in its name.
        marker: String,
        /// Where it listens.
        port: u16,
    },
    /// Burn processor time.
    Burn {
        /// For how long.
        seconds: u64,
    },
}

/// Where the API is and who asks.
#[derive(Args, Debug, Clone)]
pub(crate) struct Remote {
    /// Address of the server (default: the one configured to run on this machine).
    #[arg(long, env = "CODITECT_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Access token (default: this machine's operator token, which a running server keeps in its data directory).
    #[arg(long, env = "CODITECT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// `coditect user`.
#[derive(Subcommand, Debug)]
pub(crate) enum User {
    /// Make an account. Prints a password made for it, unless one is given on standard input.
    Add {
        /// E-mail address.
        email: String,
        /// What the person is called (default: the part before the @).
        #[arg(long)]
        name: Option<String>,
        /// Tier (default: free).
        #[arg(long)]
        tier: Option<String>,
        /// Administers the installation.
        #[arg(long)]
        admin: bool,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// List accounts.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Give an account another tier. Its running workspaces get the tier's limits at once.
    SetTier {
        /// E-mail address or id.
        user: String,
        /// The tier's name.
        tier: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Set a new password and end every login of the account.
    ResetPassword {
        /// E-mail address or id.
        user: String,
        /// Read the password from standard input instead of making one.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Which audit log.
#[derive(Args, Debug, Clone)]
pub(crate) struct AuditLog {
    /// actions (logins, workspaces, grants), files, or installation (attempts on accounts that do not exist).
    #[arg(long, value_parser = ["actions", "files", "installation"])]
    pub log: Option<String>,
    /// The tenant (ten_…); `user list --json` has them.
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
}

/// `coditect audit`.
#[derive(Subcommand, Debug)]
pub(crate) enum Audit {
    /// List the newest entries.
    List {
        #[command(flatten)]
        log: AuditLog,
        /// Only what this actor did (usr_…, operator, anonymous, workspace, platform).
        #[arg(long)]
        actor: Option<String>,
        /// Only this action (login.failed) or kind of action (login).
        #[arg(long)]
        action: Option<String>,
        /// Only what was done to this workspace (ws_…).
        #[arg(long)]
        workspace: Option<String>,
        /// How many, at most 200.
        #[arg(long, default_value_t = 50)]
        limit: u16,
        #[command(flatten)]
        remote: Remote,
    },
    /// Write a whole log as JSON lines, with the signed head first.
    Export {
        #[command(flatten)]
        log: AuditLog,
        /// The file to make (default: standard output).
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Find entries that were altered, removed, moved or put in: of every log, of one, or of an exported file. Exit code
    /// 5 when there are any.
    Verify {
        #[command(flatten)]
        log: AuditLog,
        /// Check this exported file.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// The installation's audit key, noted down before (default: what the server says it is).
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
        /// An end of the log that was noted down before, as the server's own log has it: also finds a log that was
        /// rewritten or shortened by whoever has the key.
        #[arg(long, value_name = "NUMBER:HASH")]
        anchor: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `coditect workspace`.
#[derive(Subcommand, Debug)]
pub(crate) enum Workspace {
    /// List workspaces; with the server stopped, those that still run on this machine.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Start a workspace and wait until it runs.
    Start {
        /// Id (ws_…), or a name that only one workspace has.
        workspace: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Stop a workspace and wait until it has stopped. Its volume stays.
    Stop {
        /// Id (ws_…), or a name that only one workspace has.
        workspace: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Run a command in a running workspace, with this program's input and output.
    Exec {
        /// Id (ws_…), or a name that only one workspace has.
        workspace: String,
        /// Working directory (default: /workspace).
        #[arg(long)]
        cwd: Option<String>,
        /// Program and arguments.
        #[arg(last = true, required = true)]
        argv: Vec<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// `coditect tier`.
#[derive(Subcommand, Debug)]
pub(crate) enum Tier {
    /// List the tiers, their limits, and where these come from.
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Change a tier, or add one. Running workspaces get the new limits at once.
    Set {
        /// The tier's name.
        name: String,
        #[command(flatten)]
        change: Box<TierChange>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Take back what was set: the configuration's limits hold again. A tier that the configuration does not have goes,
    /// if nobody has it.
    Remove {
        /// The tier's name.
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Limits to change; the others stay. A tier that is added needs the first four.
#[derive(Args, Debug)]
pub(crate) struct TierChange {
    /// CPU of a workspace, in thousandths of a core.
    #[arg(long, value_name = "THOUSANDTHS")]
    pub cpu_millis: Option<u32>,
    /// Memory of a workspace: 512Mi, 2Gi, or bytes.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// Size of a workspace's volume: 10Gi, or bytes.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub storage: Option<u64>,
    /// Workspaces of one user that may be open or running at once.
    #[arg(long, value_name = "NUMBER")]
    pub concurrent_sessions: Option<u32>,
    /// Processes and threads of a workspace.
    #[arg(long, value_name = "NUMBER")]
    pub pids: Option<u32>,
    /// Open files of one process.
    #[arg(long, value_name = "NUMBER")]
    pub open_files: Option<u64>,
    /// Terminals of a workspace.
    #[arg(long, value_name = "NUMBER")]
    pub terminals: Option<u32>,
    /// Workspaces of one user.
    #[arg(long, value_name = "NUMBER")]
    pub workspaces: Option<u32>,
    /// Files and directories of a workspace's volume.
    #[arg(long, value_name = "NUMBER")]
    pub inodes: Option<u64>,
    /// Network traffic of a workspace, each way, in thousands of bits per second.
    #[arg(long, value_name = "KBIT")]
    pub network_kbit: Option<u32>,
    /// Reading and writing of a workspace's volume, each, per second: 200Mi, or bytes.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub disk_per_second: Option<u64>,
}

/// A number of bytes, as is or with Ki, Mi, Gi or Ti.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "Ki" => 10,
        "Mi" => 20,
        "Gi" => 30,
        "Ti" => 40,
        _ => return Err("needs a number of bytes, or one with Ki, Mi, Gi or Ti".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "needs a whole number, such as 512Mi".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!((size("512Mi"), size("10Gi"), size("7")), (Ok(512 << 20), Ok(10 << 30), Ok(7)));
        for text in ["", "Mi", "1.5Gi", "10GB", "-1", "99999999999Ti", "1 Gi"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
