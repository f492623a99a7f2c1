//! What we need to know of multiaddresses.

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

/// Is an address that a peer says it listens on worth a dial? One of the loopback leads to ourselves, unless the peer is
/// on this very machine; a link-local one leads nowhere without an interface.
pub(super) fn is_worth_a_dial(address: &Multiaddr, peer_is_local: bool) -> bool {
    let tcp = address.iter().any(|part| matches!(part, Protocol::Tcp(_)));
    let reachable = |ip: IpAddr| {
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        !link_local && !ip.is_unspecified() && !ip.is_multicast() && (peer_is_local || !ip.is_loopback())
    };
    tcp && match ip_of(address) {
        Some(ip) => reachable(ip),
        None => is_name(address),
    }
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
    let Ok(found) = tokio::net::lookup_host((name.as_str(), port)).await else {
        return vec![];
    };
    let wanted = |ip: &IpAddr| if ip.is_ipv4() { wants_v4 } else { wants_v6 };
    let ips = found.map(|socket| socket.ip()).filter(wanted);
    let rest: Vec<_> = address.iter().skip(2).collect();
    ips.map(|ip| [Protocol::from(ip), Protocol::Tcp(port)].into_iter().chain(rest.iter().cloned()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_that_lead_to_ourselves_or_nowhere_are_not_dialled() {
        for (text, from_afar, from_here) in [
            ("/ip4/192.168.1.7/tcp/7475", true, true),
            ("/ip4/127.0.0.1/tcp/7475", false, true),
            ("/ip6/::1/tcp/7475", false, true),
            ("/ip4/169.254.3.4/tcp/7475", false, false),
            ("/ip6/fe80::1/tcp/7475", false, false),
            ("/ip4/0.0.0.0/tcp/7475", false, false),
            ("/ip4/10.0.0.7/udp/7475/quic-v1", false, false),
            ("/dns4/a.example/tcp/7475", true, true),
            ("/memory/7", false, false),
        ] {
            assert_eq!(is_worth_a_dial(&address(text), false), from_afar, "{text} from afar");
            assert_eq!(is_worth_a_dial(&address(text), true), from_here, "{text} from here");
        }
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

    #[tokio::test]
    async fn a_name_becomes_its_addresses_and_keeps_its_port() {
        let found = resolve(address("/dns4/localhost/tcp/7475")).await;
        assert_eq!(found, [address("/ip4/127.0.0.1/tcp/7475")]);
        let plain = address("/ip4/10.0.0.1/tcp/1");
        assert_eq!(resolve(plain.clone()).await, [plain]);
    }
}
