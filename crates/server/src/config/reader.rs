//! Takes keys out of a TOML table one by one, and keeps every complaint instead of stopping at the first.

use std::path::{Path, PathBuf};

use super::{ENV_PREFIX, Environment, Problems};

/// Variables with our prefix that are for the command line, not for the configuration.
const NOT_SETTINGS: [&str; 4] = ["CODITECT_CONFIG", "CODITECT_SERVER", "CODITECT_TOKEN", "CODITECT_WORKSPACE"];

pub(super) struct Reader {
    table: toml::Table,
    problems: Vec<String>,
}

impl Reader {
    pub(super) fn new(text: &str, environment: &Environment) -> Result<Self, Problems> {
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| Problems(vec![format!("not valid TOML: {error}")]))?;
        let mut problems = Vec::new();
        for (name, value) in environment {
            let Some(key) = name.strip_prefix(ENV_PREFIX) else { continue };
            if NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            if !KNOWN.iter().any(|known| key.split("__").next() == Some(&known.to_uppercase())) {
                problems
                    .push(format!("the environment variable {name} sets nothing; known keys: {}", KNOWN.join(", ")));
                continue;
            }
            set(&mut table, &key.to_lowercase(), value, &mut problems, name);
        }
        Ok(Self { table, problems })
    }

    pub(super) fn problem(&mut self, text: String) {
        self.problems.push(text);
    }

    pub(super) fn take(&mut self, key: &str) -> Option<toml::Value> {
        self.table.remove(key)
    }

    /// A text key, parsed; `None` once a problem has been noted.
    pub(super) fn one<T>(&mut self, key: &str, default: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = match self.take(key) {
            None => default.to_owned(),
            Some(toml::Value::String(text)) => text,
            Some(other) => {
                self.problems.push(format!("{key}: must be a text in quotes, not {}", other.type_str()));
                return None;
            }
        };
        parse(&text).map_err(|problem| self.problems.push(format!("{key}: {problem}"))).ok()
    }

    /// A list of texts (or one text with commas), parsed.
    pub(super) fn list<T>(&mut self, key: &str, default: &[&str], parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let texts: Vec<String> = match self.take(key) {
            None => default.iter().map(|&text| text.to_owned()).collect(),
            Some(toml::Value::String(text)) => {
                text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
            }
            Some(toml::Value::Array(items)) if items.iter().all(toml::Value::is_str) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(_) => {
                self.problems.push(format!("{key}: must be a list of texts, such as [\"a\", \"b\"]"));
                return Vec::new();
            }
        };
        let mut parsed = Vec::new();
        for text in texts {
            match parse(&text) {
                Ok(value) => parsed.push(value),
                Err(problem) => self.problems.push(format!("{key}: `{text}` {problem}")),
            }
        }
        parsed
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, default: u64, min: u64, max: u64) -> u64 {
        let number = match self.take(key) {
            None => return default,
            Some(toml::Value::Integer(number)) => u64::try_from(number).ok(),
            Some(toml::Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        match number {
            Some(number) if (min..=max).contains(&number) => number,
            _ => {
                self.problems.push(format!("{key}: must be a whole number from {min} to {max}"));
                default
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(toml::Value::Boolean(value)) => value,
            Some(toml::Value::String(text)) if text == "true" || text == "false" => text == "true",
            Some(_) => {
                self.problems.push(format!("{key}: must be true or false"));
                default
            }
        }
    }

    /// Makes the keys of a table readable as `table.key`.
    pub(super) fn open_table(&mut self, name: &str) {
        match self.take(name) {
            None => {}
            Some(toml::Value::Table(table)) => {
                for (key, value) in table {
                    self.table.insert(format!("{name}.{key}"), value);
                }
            }
            Some(_) => self.problems.push(format!("{name}: must be a table, such as [{name}]")),
        }
    }

    /// A path; relative ones start at the working directory.
    pub(super) fn path(&mut self, key: &str, default: &str) -> PathBuf {
        let text =
            self.one(key, default, |text| {
                if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.to_owned()) }
            })
            .unwrap_or_else(|| default.to_owned());
        let path = Path::new(&text);
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // `./data` and `data` are one directory and shall have one spelling.
        absolute.components().collect()
    }

    pub(super) fn refuse_unknown_keys(&mut self) {
        for key in self.table.keys() {
            self.problems.push(format!("{key}: no such key; known: {}", KNOWN.join(", ")));
        }
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }
}

/// Every key of the file.
const KNOWN: [&str; 18] = [
    "listen",
    "public_url",
    "workspace_domain",
    "data_dir",
    "run_dir",
    "base",
    "agent_binary",
    "registration",
    "trusted_proxies",
    "access_token_ttl_s",
    "login_ttl_s",
    "log",
    "log_format",
    "shutdown_deadline_s",
    "storage",
    "tiers",
    "warm",
    "network",
];

fn set(table: &mut toml::Table, path: &str, text: &str, problems: &mut Vec<String>, name: &str) {
    let mut parts: Vec<&str> = path.split("__").collect();
    let Some(last) = parts.pop() else { return };
    let mut here = table;
    for part in &parts {
        let entry = here.entry((*part).to_owned()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let toml::Value::Table(next) = entry else {
            problems.push(format!("the environment variable {name} goes into `{part}`, which is not a table"));
            return;
        };
        here = next;
    }
    // Inside tables numbers are numbers; at the top every reader also takes text.
    let value = match text.parse::<i64>() {
        Ok(number) if !parts.is_empty() => toml::Value::Integer(number),
        _ => toml::Value::String(text.to_owned()),
    };
    here.insert(last.to_owned(), value);
}
