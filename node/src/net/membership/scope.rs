//! The scope of an address: from where it can be reached, and its address group. SPEC NET-4.
//!
//! Always true: no peer can make us dial nearer to ourselves than it is itself: a peer of the public internet names
//! public addresses only, one of a private network no loopback, and no peer a name, whose owner could make it lead
//! anywhere.

use crate::net::address::{ip_of, is_public};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::net::IpAddr;

/// From where an address can be reached: the nearest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) enum Scope {
    /// From this machine.
    Machine,
    /// From a private network.
    Private,
    /// From everywhere.
    Public,
}

/// Neighbours in the public internet: those of one group are likely to be one owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) enum Group {
    /// The upper 24 bits of an IPv4 address.
    V4([u8; 3]),
    /// The upper 48 bits of an IPv6 address.
    V6([u8; 6]),
}

/// `None` for what leads nowhere: names, link-local and special addresses, other transports than TCP.
pub(in crate::net) fn scope_of(address: &Multiaddr) -> Option<Scope> {
    let mut parts = address.iter().skip(1).filter(|part| !matches!(part, Protocol::P2p(_)));
    let plain = matches!((parts.next(), parts.next()), (Some(Protocol::Tcp(port)), None) if port != 0);
    let ip = ip_of(address).filter(|_| plain)?.to_canonical();
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    match ip {
        _ if link_local || ip.is_unspecified() || ip.is_multicast() => None,
        ip if ip.is_loopback() => Some(Scope::Machine),
        ip if is_public(ip) => Some(Scope::Public),
        _ => Some(Scope::Private),
    }
}

/// May a peer that is connected from here name this address?
pub(in crate::net) fn may_name(speaker: &Multiaddr, named: &Multiaddr) -> bool {
    // A connection through something that is no plain address tells nothing of where its end is: as far off as can be.
    let speaker = ip_of(speaker).and_then(|ip| scope_of(&plain(ip))).unwrap_or(Scope::Public);
    scope_of(named).is_some_and(|scope| scope >= speaker)
}

fn plain(ip: IpAddr) -> Multiaddr {
    [Protocol::from(ip), Protocol::Tcp(1)].into_iter().collect()
}

/// The group of a public address; any other address is alone.
pub(in crate::net) fn group_of(address: &Multiaddr) -> Option<Group> {
    let ip = ip_of(address)?.to_canonical();
    match ip {
        _ if !is_public(ip) => None,
        IpAddr::V4(ip) => ip.octets().first_chunk().copied().map(Group::V4),
        IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Group::V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn nobody_names_what_is_nearer_to_us_than_itself() {
        let machine = "/ip4/127.0.0.1/tcp/50000";
        let private = "/ip4/192.168.1.7/tcp/50000";
        let public = "/ip4/8.8.8.8/tcp/50000";
        for (named, by_machine, by_private, by_public) in [
            ("/ip4/127.0.0.1/tcp/7475", true, false, false),
            ("/ip6/::1/tcp/7475", true, false, false),
            ("/ip6/::ffff:127.0.0.1/tcp/7475", true, false, false),
            ("/ip4/10.0.0.7/tcp/7475", true, true, false),
            ("/ip4/100.64.0.1/tcp/7475", true, true, false),
            ("/ip6/fd00::1/tcp/7475", true, true, false),
            ("/ip4/9.9.9.9/tcp/7475", true, true, true),
            ("/ip6/2001:4860::8888/tcp/7475", true, true, true),
            ("/ip4/169.254.169.254/tcp/80", false, false, false),
            ("/ip6/fe80::1/tcp/7475", false, false, false),
            ("/ip4/0.0.0.0/tcp/7475", false, false, false),
            ("/ip4/224.0.0.1/tcp/7475", false, false, false),
            ("/ip4/9.9.9.9/udp/7475/quic-v1", false, false, false),
            ("/ip4/9.9.9.9/tcp/0", false, false, false),
            ("/ip4/9.9.9.9/tcp/80/ws", false, false, false),
            ("/dns4/a.example/tcp/7475", false, false, false),
            ("/memory/7", false, false, false),
        ] {
            let may = [machine, private, public].map(|speaker| may_name(&address(speaker), &address(named)));
            assert_eq!(may, [by_machine, by_private, by_public], "{named}");
        }
    }

    #[test]
    fn neighbours_in_the_public_internet_are_one_group() {
        let group = |text: &str| group_of(&address(text));
        assert_eq!(group("/ip4/8.8.8.8/tcp/1"), group("/ip4/8.8.8.9/tcp/2"));
        assert_ne!(group("/ip4/8.8.8.8/tcp/1"), group("/ip4/8.8.9.8/tcp/1"));
        assert_eq!(group("/ip6/2001:db8:1::1/tcp/1"), group("/ip6/2001:db8:1:ffff::2/tcp/1"));
        assert_eq!([group("/ip4/10.0.0.1/tcp/1"), group("/ip4/127.0.0.1/tcp/1")], [None, None]);
    }
}
