//! What workspaces may reach, as the text of one nftables table.
//!
//! Everything is decided by the interface a packet comes from and by the machine's own routes and addresses as they are at
//! that moment, so no rule has to change when a workspace comes or goes.
//!
//! **Invariants**: pure; the table is replaced as a whole (`nft -f` is one transaction).

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::range::Subnet;

/// What no setting opens: link-local addresses, and the machine-metadata services that clouds keep elsewhere (Azure,
/// Alibaba, Oracle). Whoever asks there is given the machine's credentials.
const NEVER: [&str; 4] = ["169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"];
/// Private, shared, reserved and multicast addresses (RFC 6890, RFC 5771), refused unless the operator allows them.
/// Documentation ranges are not here: nobody is there.
const REFUSED: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
/// How many workspaces the counting sets hold; more than there are addresses in any range that is sensible.
const COUNTED_MAX: u32 = 65_535;
/// Seconds' worth of new connections that may come at once.
const BURST_SECONDS: u32 = 5;

/// Addresses, and perhaps ports, that workspaces may reach although they are private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The addresses.
    pub subnet: Subnet,
    /// First and last TCP or UDP port; all when absent.
    pub ports: Option<(u16, u16)>,
}

impl FromStr for Allow {
    type Err = String;

    /// `10.1.0.0/16`, `10.1.2.3:5432`, `10.1.2.0/24:8000-8999`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (subnet, ports) = match text.split_once(':') {
            Some((subnet, ports)) => (subnet, Some(ports)),
            None => (text, None),
        };
        let wrong = || "needs the form 10.1.0.0/16, 10.1.2.3:5432 or 10.1.2.0/24:8000-8999".to_owned();
        let ports = match ports {
            None => None,
            Some(ports) => {
                let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
                let first: u16 = first.parse().map_err(|_| wrong())?;
                let last: u16 = last.parse().map_err(|_| wrong())?;
                (1..=last).contains(&first).then_some(Some((first, last))).ok_or_else(wrong)?
            }
        };
        Ok(Self { subnet: subnet.parse()?, ports })
    }
}

/// Everything the table depends on.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// Name of the table.
    pub(super) table: String,
    /// What the names of all workspaces' interfaces begin with.
    pub(super) interfaces: String,
    /// The addresses of workspaces.
    pub(super) range: Subnet,
    /// Where workspaces send what leaves, and ask for names.
    pub(super) gateway: Ipv4Addr,
    /// Where the questions for names are answered; `None`: nowhere.
    pub(super) names_port: Option<u16>,
    /// What is open although it is private.
    pub(super) allow: Vec<Allow>,
    /// Whether mail may be sent (TCP port 25).
    pub(super) smtp: bool,
    /// Connections one workspace may have at once.
    pub(super) connections: u32,
    /// Connections one workspace may open in a second.
    pub(super) new_connections_per_second: u32,
}

/// The nftables table's name for an installation: identifiers begin with a letter.
pub(super) fn table_name(instance: &str) -> String {
    if instance.starts_with(|first: char| first.is_ascii_alphabetic()) {
        instance.to_owned()
    } else {
        format!("i{instance}")
    }
}

impl Policy {
    /// The whole table; it takes the place of an earlier one.
    pub(super) fn rules(&self) -> String {
        let Self { table, interfaces, range, gateway, .. } = self;
        let (connections, rate) = (self.connections, self.new_connections_per_second);
        let burst = rate.saturating_mul(BURST_SECONDS);
        let (never, refused) = (NEVER.join(", "), REFUSED.join(", "));
        let allowed = self.allowed();
        let mail = if self.smtp { "" } else { "tcp dport 25 goto refuse" };
        let (name_rules, name_target) = self.names();
        format!(
            r#"table inet {table}
delete table inet {table}
table inet {table} {{
  set never {{ type ipv4_addr; flags interval; elements = {{ {never} }}; }}
  set refused {{ type ipv4_addr; flags interval; elements = {{ {refused} }}; }}
  set opened {{ type ifname; }}
  set connections {{ type ipv4_addr; size {COUNTED_MAX}; flags dynamic; }}
  set arrivals {{ type ipv4_addr; size {COUNTED_MAX}; flags dynamic, timeout; timeout 1m; }}

  chain before_tracking {{
    type filter hook prerouting priority raw; policy accept;
    iifname "{interfaces}*" goto leaving
    iifname != "lo" ip daddr {range} fib daddr type local drop
  }}
  chain leaving {{
    meta nfproto != ipv4 drop
    ip saddr != {range} drop
    fib saddr . iif oif missing drop
    meta l4proto != {{ tcp, udp, icmp }} drop
    ip daddr {gateway} udp dport 53 accept
    ip daddr {gateway} tcp dport 53 accept
    fib daddr type local goto refuse
    ip daddr {range} goto refuse
    ip daddr @never goto refuse
    {allowed}
    ip daddr @refused goto refuse
    fib daddr type != unicast goto refuse
    {mail}
  }}
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }}

  chain names {{
    type nat hook prerouting priority dstnat; policy accept;
    {name_rules}
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "{interfaces}*" goto asking
  }}
  chain asking {{
    ct state established,related accept
    {name_target}
    drop
  }}

  chain forward {{
    type filter hook forward priority filter; policy accept;
    oifname "{interfaces}*" ct state established,related accept
    oifname "{interfaces}*" drop
    iifname "{interfaces}*" tcp flags syn tcp option maxseg size set rt mtu
    iifname "{interfaces}*" goto opening
    iifname @opened oifname @opened drop
  }}
  chain opening {{
    meta nfproto != ipv4 drop
    ct state established,related accept
    ct state != new drop
    update @arrivals {{ ip saddr limit rate over {rate}/second burst {burst} packets }} drop
    add @connections {{ ip saddr ct count over {connections} }} goto refuse
    accept
  }}

  chain output {{
    type filter hook output priority filter; policy accept;
    oifname "{interfaces}*" ct state new drop
  }}
  chain translate {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {range} oifname != "{interfaces}*" masquerade fully-random
  }}
}}
"#
        )
    }

    fn allowed(&self) -> String {
        let mut rules = String::new();
        for Allow { subnet, ports } in &self.allow {
            let ports = match ports {
                None => String::new(),
                Some((first, last)) => format!(" meta l4proto {{ tcp, udp }} th dport {first}-{last}"),
            };
            // Writing to a string cannot fail.
            let _ = write!(rules, "ip daddr {subnet}{ports} accept\n    ");
        }
        rules
    }

    /// Where questions for names are sent on to, and the rule that lets them arrive there.
    fn names(&self) -> (String, String) {
        let Some(port) = self.names_port else { return (String::new(), String::new()) };
        let (interfaces, gateway) = (&self.interfaces, self.gateway);
        let to = |protocol: &str| {
            format!(r#"iifname "{interfaces}*" ip daddr {gateway} {protocol} dport 53 dnat ip to {gateway}:{port}"#)
        };
        let arrive = format!("ip daddr {gateway} meta l4proto {{ tcp, udp }} th dport {port} goto opening");
        (format!("{}\n    {}", to("udp"), to("tcp")), arrive)
    }
}

/// Takes the table away.
pub(super) fn removed(table: &str) -> String {
    format!("table inet {table}\ndelete table inet {table}\n")
}

/// Lets the sets forget these addresses, whether they know them or not.
pub(super) fn forget(table: &str, addresses: &[Ipv4Addr]) -> String {
    let list = addresses.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(", ");
    ["connections", "arrivals"]
        .map(|set| {
            format!("add element inet {table} {set} {{ {list} }}\ndelete element inet {table} {set} {{ {list} }}\n")
        })
        .concat()
}

/// Says which interfaces were made to forward for workspaces' sake: between two of them nothing is forwarded.
pub(super) fn opened(table: &str, interfaces: &[String]) -> String {
    let mut text = format!("flush set inet {table} opened\n");
    if !interfaces.is_empty() {
        let list = interfaces.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "add element inet {table} opened {{ {list} }}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            table: table_name("coditect-test"),
            interfaces: "cd1234567-".to_owned(),
            range: "100.96.4.0/22".parse().unwrap(),
            gateway: Ipv4Addr::new(100, 96, 4, 1),
            names_port: Some(40_053),
            allow: Vec::new(),
            smtp: false,
            connections: 2048,
            new_connections_per_second: 100,
        }
    }

    /// Lines of a chain.
    fn chain(rules: &str, name: &str) -> Vec<String> {
        let body = rules.split_once(&format!("chain {name} {{")).unwrap().1.split_once("\n  }").unwrap().0;
        body.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    fn position(lines: &[String], text: &str) -> usize {
        lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no `{text}` in {lines:#?}"))
    }

    #[test]
    fn what_nobody_may_open_is_refused_before_what_the_operator_allows() {
        let mut open = policy();
        open.allow = vec!["0.0.0.0/0".parse().unwrap()];
        let leaving = chain(&open.rules(), "leaving");
        let allowed = position(&leaving, "ip daddr 0.0.0.0/0 accept");
        for before in ["nfproto != ipv4", "fib saddr", "type local goto refuse", "100.96.4.0/22 goto refuse", "@never"]
        {
            assert!(position(&leaving, before) < allowed, "{before}");
        }
        assert!(position(&leaving, "@refused") > allowed);
        assert_eq!(position(&leaving, "nfproto != ipv4 drop"), 0, "IPv6 goes nowhere");
    }

    #[test]
    fn ports_narrow_what_is_allowed() {
        let mut open = policy();
        open.allow = vec!["10.1.2.3:5432".parse().unwrap(), "10.2.0.0/16:8000-8999".parse().unwrap()];
        let leaving = chain(&open.rules(), "leaving");
        position(&leaving, "ip daddr 10.1.2.3/32 meta l4proto { tcp, udp } th dport 5432-5432 accept");
        position(&leaving, "ip daddr 10.2.0.0/16 meta l4proto { tcp, udp } th dport 8000-8999 accept");
        for wrong in ["10.0.0.0/8:0", "10.0.0.0/8:9-8", "10.0.0.0/8:", "10.0.0.0/8:70000", "10.0.0.1/8", "x", "::1"] {
            assert!(wrong.parse::<Allow>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn mail_is_refused_unless_the_operator_sends_it() {
        let refused = "tcp dport 25 goto refuse";
        assert!(policy().rules().contains(refused));
        assert!(!Policy { smtp: true, ..policy() }.rules().contains(refused));
    }

    #[test]
    fn metadata_services_are_in_what_is_never_open() {
        let never: Vec<Subnet> = NEVER.iter().map(|text| text.parse().unwrap()).collect();
        for address in ["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"] {
            assert!(never.iter().any(|subnet| subnet.contains(address.parse().unwrap())), "{address}");
        }
        let refused: Vec<Subnet> = REFUSED.iter().map(|text| text.parse().unwrap()).collect();
        for address in ["10.9.9.9", "172.31.0.1", "192.168.1.1", "100.64.0.1", "239.1.1.1", "255.255.255.255"] {
            assert!(refused.iter().any(|subnet| subnet.contains(address.parse().unwrap())), "{address}");
        }
        assert!(!refused.iter().any(|subnet| subnet.contains(Ipv4Addr::new(1, 1, 1, 1))));
    }

    #[test]
    fn without_a_forwarder_no_question_arrives() {
        let rules = Policy { names_port: None, ..policy() }.rules();
        assert_eq!(chain(&rules, "asking"), ["ct state established,related accept", "drop"]);
        assert!(!rules.contains("dnat"));
    }

    #[test]
    fn tables_are_named_by_their_installation() {
        assert_eq!(table_name("coditect-ab12"), "coditect-ab12");
        assert_eq!(table_name("7up"), "i7up");
    }
}
