//! Configuration: one TOML file, overridden key by key from the environment, all problems reported at once.
//!
//! `CODITECT_LISTEN=127.0.0.1:9000` overrides `listen`; tables use two underscores: `CODITECT_TIERS__FREE__PIDS=256`.
//!
//! **Invariants**: the only reader of the process environment for settings; a [`Config`] that exists is valid.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use coditect_host::NetworkConfig;
use coditect_model::tier::{Limits, TierTable};

mod network;
mod origin;
mod reader;
mod storage;
mod warm;

pub(crate) use origin::Origin;
use reader::Reader;

/// Prefix of every environment variable that sets a key.
pub(crate) const ENV_PREFIX: &str = "CODITECT_";

/// Everything `coditect serve` can be told. Field names are the file's keys.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Where people find the web app: scheme, host and port as their browsers see them.
    pub public_url: Origin,
    /// Workspaces are at `{port}--{label}.` this authority.
    pub workspace_domain: String,
    /// All state lives under here.
    pub data_dir: PathBuf,
    /// Sockets and records of running sandboxes.
    pub run_dir: PathBuf,
    /// Root file system of the sandboxes.
    pub base: PathBuf,
    /// The `coditect-agent` binary.
    pub agent_binary: PathBuf,
    /// Whether strangers may register.
    pub registration: Registration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Life of an access token, in seconds.
    pub access_token_ttl_s: u64,
    /// Life of a login without use, in seconds.
    pub login_ttl_s: u64,
    /// Filter of the log (`info`, `coditect_control=debug,info`).
    pub log: String,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// After this long, a graceful shutdown stops waiting, in seconds.
    pub shutdown_deadline_s: u64,
    /// Sandboxes prepared ahead.
    pub warm: coditect_model::warm::Policy,
    /// How volumes are kept.
    pub storage: coditect_host::StorageConfig,
    /// Quotas by tier.
    pub tiers: TierTable,
    /// The network of workspaces.
    pub network: NetworkConfig,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// Anybody.
    Open,
    /// Only with an invitation (or the setup link).
    Invitation,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// All that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem{}:\n{}", .0.len(), if .0.len() == 1 { "" } else { "s" }, .0.iter().map(|p| format!("  - {p}")).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Problems(pub Vec<String>);

/// What the environment may contribute: variable name (with prefix) to value.
pub(crate) type Environment = BTreeMap<String, String>;

impl Config {
    /// Reads `file` (or `coditect.toml` in the working directory, if it exists) and `environment` over it.
    ///
    /// # Errors
    /// Every problem found, each with its key and what to do.
    pub(crate) fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Problems> {
        let default_file = Path::new("coditect.toml");
        let path = file.or_else(|| default_file.exists().then_some(default_file));
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Problems(vec![format!("{}: cannot be read: {error}", path.display())]))?,
        };
        Self::parse(&text, environment)
    }

    /// Reads the text of a configuration file and `environment` over it.
    ///
    /// # Errors
    /// Every problem found, each with its key and what to do.
    pub(crate) fn parse(text: &str, environment: &Environment) -> Result<Self, Problems> {
        let mut reader = Reader::new(text, environment)?;
        let listen = reader.list("listen", &["127.0.0.1:8080", "[::1]:8080"], |text| {
            text.parse().map_err(|_| "needs the form 127.0.0.1:8080 or [::1]:8080".to_owned())
        });
        let port = listen.first().map_or(8080, SocketAddr::port);
        let public_url = reader.one("public_url", &format!("http://coditect.localhost:{port}"), Origin::parse);
        let public_authority = public_url.as_ref().map_or_else(|| "localhost".to_owned(), Origin::authority);
        let workspace_domain = reader
            .one("workspace_domain", &public_authority, |text| origin::parse_authority(text).map(|()| text.to_owned()));
        let data_dir = reader.path("data_dir", "./data");
        let run_dir = reader.path("run_dir", &data_dir.join("run").to_string_lossy());
        let base = reader.path("base", "/");
        let agent_binary = reader.path("agent_binary", &default_agent_binary());
        let registration = reader.one("registration", "open", |text| match text {
            "open" => Ok(Registration::Open),
            "invitation" => Ok(Registration::Invitation),
            _ => Err("must be \"open\" or \"invitation\"".to_owned()),
        });
        let trusted_proxies =
            reader.list("trusted_proxies", &[], |text| text.parse().map_err(|_| "needs an IP address".to_owned()));
        let access_token_ttl_s = reader.number("access_token_ttl_s", 600, 60, 3600);
        let login_ttl_s = reader.number("login_ttl_s", 86_400, 600, 90 * 86_400);
        let log = reader.one("log", "info", |text| {
            text.parse::<tracing_subscriber::EnvFilter>()
                .map(|_| text.to_owned())
                .map_err(|error| format!("is not a log filter such as \"info\": {error}"))
        });
        let log_format = reader.one("log_format", "text", |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be \"text\" or \"json\"".to_owned()),
        });
        let shutdown_deadline_s = reader.number("shutdown_deadline_s", 10, 1, 600);
        let warm = warm::read(&mut reader);
        let storage = storage::read(&mut reader);
        let tiers = read_tiers(&mut reader);
        let network = network::read(&mut reader, &tiers);
        reader.refuse_unknown_keys();
        let problems = reader.into_problems();
        match (public_url, workspace_domain, registration, log, log_format) {
            (Some(public_url), Some(workspace_domain), Some(registration), Some(log), Some(log_format))
                if problems.is_empty() =>
            {
                Ok(Self {
                    listen,
                    public_url,
                    workspace_domain,
                    data_dir,
                    run_dir,
                    base,
                    agent_binary,
                    registration,
                    trusted_proxies,
                    access_token_ttl_s,
                    login_ttl_s,
                    log,
                    log_format,
                    shutdown_deadline_s,
                    warm,
                    storage,
                    tiers,
                    network,
                })
            }
            _ => Err(Problems(problems)),
        }
    }

    /// Whether browsers keep `Secure` cookies for the public origin: over TLS, and on `*.localhost`, which they treat
    /// as trustworthy (W3C Secure Contexts, section 3.1).
    #[must_use]
    pub(crate) fn secure_cookies(&self) -> bool {
        self.public_url.is_trustworthy()
    }
}

fn default_agent_binary() -> String {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("coditect-agent")));
    beside.unwrap_or_else(|| PathBuf::from("coditect-agent")).to_string_lossy().into_owned()
}

fn read_tiers(reader: &mut Reader) -> TierTable {
    let mut table = TierTable::default();
    let Some(value) = reader.take("tiers") else { return table };
    let toml::Value::Table(tiers) = value else {
        reader.problem("tiers: must be a table of tables, such as [tiers.free]".to_owned());
        return table;
    };
    for (name, overrides) in tiers {
        // An existing tier keeps what is not overridden; a new one must be complete.
        let mut merged = table.get(&name).and_then(|limits| toml::Value::try_from(limits).ok());
        match (&mut merged, overrides) {
            (Some(toml::Value::Table(base)), toml::Value::Table(overrides)) => base.extend(overrides),
            (merged, overrides) => *merged = Some(overrides),
        }
        let parsed = merged.map(toml::Value::try_into::<Limits>);
        match parsed {
            Some(Ok(limits)) => table.insert(name, limits),
            Some(Err(error)) => reader.problem(format!("tiers.{name}: {}", error.message())),
            None => {}
        }
    }
    for problem in table.problems() {
        reader.problem(problem);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn an_empty_file_is_a_working_configuration() {
        let config = Config::parse("", &env(&[])).unwrap();
        assert_eq!(config.public_url.to_string(), "http://coditect.localhost:8080");
        assert_eq!(config.workspace_domain, "coditect.localhost:8080");
        assert!(config.secure_cookies());
        assert_eq!(config.tiers.get("free").unwrap().cpu_millis, 200);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = "listen = \"nowhere\"\nregistraton = \"open\"\nlog_format = \"xml\"\nshutdown_deadline_s = 0\n[tiers.free]\npids = 1";
        let Problems(problems) = Config::parse(text, &env(&[("CODITECT_PUBLIC_URL", "ftp://x")])).unwrap_err();
        for key in ["listen", "registraton", "log_format", "shutdown_deadline_s", "tiers.free", "public_url"] {
            assert!(problems.iter().any(|p| p.starts_with(key)), "{key} is missing in {problems:#?}");
        }
        assert_eq!(problems.len(), 6, "{problems:#?}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let text = "listen = [\"127.0.0.1:1\"]\n[tiers.gold]\ncpu_millis = 4000\nmemory_bytes = 1073741824\nstorage_bytes = 1073741824\nconcurrent_sessions = 3";
        let environment = env(&[("CODITECT_LISTEN", "127.0.0.1:9,127.0.0.1:10"), ("CODITECT_TIERS__GOLD__PIDS", "99")]);
        let config = Config::parse(text, &environment).unwrap();
        assert_eq!(config.listen.len(), 2);
        assert_eq!(config.tiers.get("gold").unwrap().pids, 99);
        assert_eq!(config.public_url.to_string(), "http://coditect.localhost:9");
    }

    #[test]
    fn unknown_variables_and_bad_toml_are_named() {
        let Problems(problems) = Config::parse("", &env(&[("CODITECT_LISTNE", "x")])).unwrap_err();
        assert!(problems[0].contains("CODITECT_LISTNE"), "{problems:?}");
        assert!(Config::parse("listen = [", &env(&[])).is_err());
    }
}
