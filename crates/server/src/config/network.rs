//! The `[network]` table: how workspaces reach the network.

use coditect_host::{Allow, NetworkConfig, NetworkMode, Subnet};
use coditect_model::tier::{DEFAULT_TIER, TierTable};

use super::reader::Reader;

/// Most networks that may be kept ready.
const READY_MAX: u64 = 256;

/// Smallest and largest range, in bits that all its addresses share.
const PREFIXES: std::ops::RangeInclusive<u8> = 12..=28;

/// Reads the table. What most starts need is made ready: the default tier's bandwidth.
pub(super) fn read(reader: &mut Reader, tiers: &TierTable) -> NetworkConfig {
    let default = NetworkConfig::default();
    reader.open_table("network");
    let mode = reader.one("network.mode", "auto", |text| match text {
        "auto" => Ok(None),
        "nat" => Ok(Some(NetworkMode::Nat)),
        "offline" => Ok(Some(NetworkMode::Offline)),
        _ => Err("must be \"auto\", \"nat\" or \"offline\"".to_owned()),
    });
    let range = reader.one("network.range", "", |text| match text {
        "" => Ok(None),
        text => match text.parse::<Subnet>()? {
            subnet if PREFIXES.contains(&subnet.prefix()) => Ok(Some(subnet)),
            _ => Err("must have 12 to 28 fixed bits, such as 100.96.0.0/16".to_owned()),
        },
    });
    let number = |reader: &mut Reader, key: &str, default: u32, min, max| {
        u32::try_from(reader.number(key, default.into(), min, max)).unwrap_or(default)
    };
    NetworkConfig {
        mode: mode.flatten(),
        range: range.flatten(),
        allow: reader.list("network.allow", &[], |text| text.parse::<Allow>()),
        smtp: reader.flag("network.smtp", default.smtp),
        resolvers: reader.list("network.resolvers", &[], |text| {
            let alone = text.parse().map(|address: std::net::IpAddr| (address, 53).into());
            text.parse().or(alone).map_err(|_| "needs an IP address, or one with a port".to_owned())
        }),
        connections: number(reader, "network.connections", default.connections, 16, 1_000_000),
        new_connections_per_second: number(
            reader,
            "network.new_connections_per_second",
            default.new_connections_per_second,
            1,
            100_000,
        ),
        ready: usize::try_from(reader.number("network.ready", default.ready as u64, 0, READY_MAX)).unwrap_or(0),
        ready_kbit: tiers.get(DEFAULT_TIER).map_or(default.ready_kbit, |limits| limits.network_kbit),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment, Problems};

    #[test]
    fn the_table_is_read_and_overridden_from_the_environment() {
        let text = "[network]\nmode = \"nat\"\nrange = \"10.200.0.0/16\"\nallow = [\"10.1.0.0/16\", \"10.2.3.4:5432\"]\n\
                    smtp = true\nresolvers = [\"192.0.2.53\", \"192.0.2.54:5353\"]\n[tiers.free]\nnetwork_kbit = 1000";
        let environment = Environment::from([("CODITECT_NETWORK__CONNECTIONS".to_owned(), "64".to_owned())]);
        let network = Config::parse(text, &environment).unwrap().network;
        assert_eq!(network.range.unwrap().to_string(), "10.200.0.0/16");
        assert_eq!((network.allow.len(), network.smtp, network.connections), (2, true, 64));
        assert_eq!(network.resolvers[0].port(), 53);
        assert_eq!(network.resolvers[1].port(), 5353);
        assert_eq!(network.ready_kbit, 1000, "what the default tier has");
    }

    #[test]
    fn every_mistake_is_named() {
        let text = "[network]\nmode = \"bridge\"\nrange = \"10.0.0.0/8\"\nallow = [\"10.0.0.1/8\"]\nsmtp = 1\n\
                    resolvers = [\"dns\"]\nready = 9999\nconections = 1";
        let Problems(problems) = Config::parse(text, &Environment::new()).unwrap_err();
        for key in ["mode", "range", "allow", "smtp", "resolvers", "ready", "conections"] {
            let start = format!("network.{key}:");
            assert!(problems.iter().any(|problem| problem.starts_with(&start)), "{key} is missing in {problems:#?}");
        }
        assert_eq!(problems.len(), 7, "{problems:#?}");
    }
}
