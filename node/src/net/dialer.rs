//! Whom to dial, and when to try again: for ever, with growing pauses.
//!
//! Owns: targets (configured, found by mDNS, from the book) and their pauses. Does not own: the swarm.
//! Always true: a name is resolved again at every dial; a target is not dialled while its peer is connected.

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// First pause after a failure; doubles up to the maximum of the source.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause for an address that somebody configured.
const PAUSE_CONFIGURED_MAX: Duration = Duration::from_secs(15);
/// Longest pause for any other.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// The side with the greater peer id waits so long for the other to dial.
const COURTESY: Duration = Duration::from_secs(2);
/// Most targets.
const TARGETS_MAX: usize = 1_000;

/// How a peer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Configured,
    Mdns,
    Book,
    Inbound,
}

impl Source {
    /// As shown to people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Configured => "peer",
            Self::Mdns => "mdns",
            Self::Book => "book",
            Self::Inbound => "inbound",
        }
    }
}

struct Target {
    source: Source,
    /// Known from the address, or learned by dialling it.
    peer: Option<PeerId>,
    next: Instant,
    pause: Duration,
}

/// All targets by address.
pub(super) struct Dialer {
    own: PeerId,
    targets: BTreeMap<Multiaddr, Target>,
}

impl Dialer {
    pub(super) fn new(own: PeerId) -> Self {
        Self { own, targets: BTreeMap::new() }
    }

    /// Adds an address, unless it is known. The side with the greater peer id waits a little, so that two nodes that
    /// find each other do not dial at once.
    pub(super) fn add(&mut self, address: Multiaddr, peer: Option<PeerId>, source: Source, now: Instant) {
        let peer = peer.or_else(|| peer_of(&address));
        if peer == Some(self.own) || self.targets.len() >= TARGETS_MAX {
            return;
        }
        let polite = source == Source::Mdns && peer.is_some_and(|peer| self.own > peer);
        let next = if polite { now + COURTESY } else { now };
        self.targets.entry(address).or_insert(Target { source, peer, next, pause: PAUSE_FIRST });
    }

    /// Targets to dial now, each with its peer if known. Their next try is set already.
    pub(super) fn due(
        &mut self,
        now: Instant,
        connected: impl Fn(&PeerId) -> bool,
    ) -> Vec<(Multiaddr, Option<PeerId>)> {
        let mut due = vec![];
        for (address, target) in &mut self.targets {
            if target.peer.as_ref().is_some_and(&connected) {
                target.pause = PAUSE_FIRST;
                target.next = target.next.max(now + PAUSE_FIRST);
            } else if target.next <= now {
                let max = if target.source == Source::Configured { PAUSE_CONFIGURED_MAX } else { PAUSE_MAX };
                target.next = now + target.pause;
                target.pause = (target.pause * 2).min(max);
                due.push((address.clone(), target.peer));
            }
        }
        due
    }

    /// A dialled address turned out to be this peer. Resolved names count for the name.
    pub(super) fn reached(&mut self, address: &Multiaddr, peer: PeerId) {
        let plain = without_peer(address);
        for (known, target) in &mut self.targets {
            if without_peer(known) == plain {
                target.peer = Some(peer);
                target.pause = PAUSE_FIRST;
            }
        }
    }

    /// An address with an expected peer was answered by another: that peer moved away, forget who it was.
    pub(super) fn is_other(&mut self, peer: &PeerId) {
        for target in self.targets.values_mut().filter(|target| target.peer.as_ref() == Some(peer)) {
            if target.source == Source::Configured {
                target.peer = None;
            }
        }
    }

    /// How this peer was found.
    pub(super) fn source_of(&self, peer: &PeerId) -> Option<Source> {
        self.targets.values().find(|target| target.peer.as_ref() == Some(peer)).map(|target| target.source)
    }

    /// Was this peer configured by the operator? Such peers are never blocked.
    pub(super) fn is_configured(&self, peer: &PeerId) -> bool {
        let ours = |target: &&Target| target.peer.as_ref() == Some(peer) && target.source == Source::Configured;
        self.targets.values().any(|target| ours(&target))
    }
}

/// The peer id at the end of an address.
pub(super) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

pub(super) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The addresses behind a name, or the address itself. Every one of a name's addresses is worth a dial: the first may be
/// ourselves.
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
