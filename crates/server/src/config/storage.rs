//! The table `[storage]`: how volumes are kept.

use coditect_host::{StorageConfig, StorageKind};

use super::reader::Reader;

/// Least pool that can be made, in bytes.
const POOL_BYTES_MIN: u64 = 300 << 20;

/// Takes the table out of the configuration.
pub(super) fn read(reader: &mut Reader) -> StorageConfig {
    let mut config = StorageConfig::default();
    let Some(value) = reader.take("storage") else { return config };
    let toml::Value::Table(table) = value else {
        reader.problem("storage: must be a table, [storage]".to_owned());
        return config;
    };
    for (key, value) in table {
        match (key.as_str(), value) {
            ("kind", toml::Value::String(name)) if name == "auto" => config.kind = None,
            ("kind", toml::Value::String(name)) if StorageKind::from_name(&name).is_some() => {
                config.kind = StorageKind::from_name(&name);
            }
            ("kind", _) => {
                let names: Vec<&str> = StorageKind::ALL.into_iter().map(StorageKind::name).collect();
                reader.problem(format!("storage.kind: must be \"auto\" or one of {}", names.join(", ")));
            }
            ("reserve_bytes", value) => match bytes(&value, 0) {
                Some(bytes) => config.reserve_bytes = Some(bytes),
                None => reader.problem("storage.reserve_bytes: must be a whole number of bytes".to_owned()),
            },
            ("pool_bytes", value) => match bytes(&value, POOL_BYTES_MIN) {
                Some(bytes) => config.pool_bytes = Some(bytes),
                None => reader.problem(format!("storage.pool_bytes: must be {POOL_BYTES_MIN} (300 MiB) or more")),
            },
            (other, _) => {
                reader.problem(format!("storage.{other}: no such key; known: kind, reserve_bytes, pool_bytes"))
            }
        }
    }
    config
}

fn bytes(value: &toml::Value, min: u64) -> Option<u64> {
    value.as_integer().and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes >= min)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};
    use super::*;

    #[test]
    fn the_kind_and_sizes_are_read_and_nonsense_is_named() {
        let config =
            Config::parse("[storage]\nkind = \"sparse-image\"\nreserve_bytes = 5", &Environment::new()).unwrap();
        let wanted = StorageConfig { kind: Some(StorageKind::SparseImage), reserve_bytes: Some(5), pool_bytes: None };
        assert_eq!(config.storage, wanted);
        let by_environment = Environment::from([("CODITECT_STORAGE__KIND".to_owned(), "auto".to_owned())]);
        assert_eq!(Config::parse("", &by_environment).unwrap().storage, StorageConfig::default());
        let text = "[storage]\nkind = \"raid\"\nreserve_bytes = -1\npool_bytes = 7\nspeed = 3";
        let problems = Config::parse(text, &Environment::new()).unwrap_err().0;
        assert_eq!(problems.len(), 4, "{problems:#?}");
    }
}
