//! The addresses the server listens on, and the names that lead to them.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tracing::warn;

use crate::config::Config;

/// Binds every address. An IPv6 address on a machine without IPv6 is no reason not to serve; no address at all is.
pub(super) async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for &address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(error).with_context(|| {
                    format!("{address} is in use by another program; set `listen` (or CODITECT_LISTEN) to another port")
                });
            }
            Err(error) if address.is_ipv6() && !listeners.is_empty() => {
                warn!(%address, %error, "not listening on this address");
            }
            Err(error) => return Err(error).with_context(|| format!("cannot listen on {address}")),
        }
    }
    if listeners.is_empty() {
        bail!("`listen` is empty: there is no address to serve on");
    }
    Ok(listeners)
}

/// Other names of the control origin: `localhost` and the loopback addresses, on every port that is listened on.
pub(super) fn aliases(config: &Config) -> Vec<String> {
    let mut aliases = Vec::new();
    for address in config.listen.iter().filter(|address| address.ip().is_loopback()) {
        for name in ["localhost".to_owned(), address.to_string()] {
            let alias = if name.contains(':') { name } else { format!("{name}:{}", address.port()) };
            if alias != config.public_url.authority() && !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
    }
    aliases
}
