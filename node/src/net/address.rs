//! Questions about multiaddresses.

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::net::IpAddr;

/// The peer id at the end of an address.
pub(super) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The address without a peer id.
pub(super) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The IP address at its beginning, if it has one.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(ip.into()),
        Some(Protocol::Ip6(ip)) => Some(ip.into()),
        _ => None,
    }
}

/// Does it begin with a name?
pub(super) fn is_name(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)))
}

/// Is it of the public internet, where one address is one machine or one household?
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared)
        }
        IpAddr::V6(ip) => {
            let mapped = ip.to_ipv4_mapped().is_some_and(|ip| !is_public(ip.into()));
            !(ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() || mapped)
        }
    }
}

/// The addresses behind a name, or the address itself. Every one of a name's addresses is worth a dial: libp2p would
/// stop at the first that answers, which may be ourselves.
pub(super) async fn resolve(address: Multiaddr) -> Vec<Multiaddr> {
    let mut parts = address.iter();
    let (Some(first), Some(Protocol::Tcp(port))) = (parts.next(), parts.next()) else {
        return vec![address];
    };
    let (name, wants_v4, wants_v6) = match &first {
        Protocol::Dns(name) => (name.to_string(), true, true),
        Protocol::Dns4(name) => (name.to_string(), true, false),
        Protocol::Dns6(name) => (name.to_string(), false, true),
        _ => return vec![address],
    };
    // A name that leads nowhere yet is no error: it is asked again at the next dial.
    let Ok(found) = tokio::net::lookup_host((name.as_str(), port)).await else {
        return vec![];
    };
    let wanted = |ip: &IpAddr| if ip.is_ipv4() { wants_v4 } else { wants_v6 };
    with_each(&address, found.map(|socket| socket.ip()).filter(wanted))
}

/// An address that begins with a name, with each of these in place of the name.
fn with_each(address: &Multiaddr, ips: impl Iterator<Item = IpAddr>) -> Vec<Multiaddr> {
    let rest: Vec<_> = address.iter().skip(1).collect();
    ips.map(|ip| std::iter::once(Protocol::from(ip)).chain(rest.iter().cloned()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_networks_are_not_public() {
        for (ip, public) in [
            ("8.8.8.8", true),
            ("2001:4860::8888", true),
            ("10.1.2.3", false),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("100.64.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
        }
    }

    #[test]
    fn every_address_behind_a_name_is_one_to_dial() {
        let ips = ["10.0.0.1", "10.0.0.2", "fd00::3"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let found = with_each(&address("/dns/blockchat/tcp/7475"), ips.into_iter());
        let wanted = ["/ip4/10.0.0.1/tcp/7475", "/ip4/10.0.0.2/tcp/7475", "/ip6/fd00::3/tcp/7475"].map(address);
        assert_eq!(found, wanted);
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_has_no_addresses() {
        assert_eq!(resolve(address("/dns4/not-there-yet.invalid/tcp/7475")).await, []);
    }

    #[tokio::test]
    async fn a_name_becomes_its_addresses_and_keeps_its_port() {
        let found = resolve(address("/dns4/localhost/tcp/7475")).await;
        assert_eq!(found, [address("/ip4/127.0.0.1/tcp/7475")]);
        let plain = address("/ip4/10.0.0.1/tcp/1");
        assert_eq!(resolve(plain.clone()).await, [plain]);
    }
}
