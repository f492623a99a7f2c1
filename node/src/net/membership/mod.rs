//! Decides about our peers: which to dial, keep, evict, greet, reconnect, blame. Pure: facts go in, acts come out.
//!
//! Owns: peers and what is known of each, targets, scores, places. Does not own: sockets, names, the book, gossip, time:
//! every fact comes with the time at which it happened, and chance comes from a seed.
//!
//! Always true:
//! - a peer that was restarted with the same key gets a clean start. Gossip tells its topics on the first connection to
//!   a peer only (libp2p#5097): while we hold a dead connection to its earlier run, it would stay out of the mesh for
//!   ever. So when a second connection is of another run than the first, and the first does not answer, all are closed,
//!   and the side that dialled dials again. If the first answers, the other run is a copy, and is refused (`runs`);
//! - a second connection of the same run (both dialled at once) is harmless, and trimmed by one side only;
//! - a peer that does not tell its run may have been restarted, or not: both connections stay until the first one has
//!   shown that it lives, or died;
//! - a connection that gives no sign of life for [`SILENCE_MAX`] takes all of its peer's with it, for the same reason;
//! - however many call us, we call [`OUTBOUND_WANTED`] ourselves, or all that we know of;
//! - configured peers, and the last two, are never blocked.
//!
//! The parts: `targets` (dial targets) with `scope` (which addresses a peer may name) and `budget` (dial rates),
//! `places` (which inbound peers stay), `backlog` (bytes that wait for slow peers), `half_open` (unidentified
//! connections), `renown` (peers that find a place again), `runs` (restarted, or copied), `failure` (dial errors).
//! Start reading at [`Membership::handle`].

mod backlog;
pub(super) mod budget;
pub(super) mod dice;
pub(super) mod failure;
pub(super) mod half_open;
mod life;
mod look;
pub(super) mod places;
mod renown;
mod runs;
pub(super) mod scope;
pub(super) mod targets;
#[cfg(test)]
mod tests;

use self::backlog::Backlogs;
use self::dice::Dice;
use self::failure::Failure;
use self::renown::Renown;
use self::runs::Elsewhere;
use self::targets::{AttemptId, Dial, Need, Source, Targets};
use super::meter::Flow;
use super::peer_score::{PeerFault, Scores};
use super::peers::{Peer, Peers, Speech, Strangers};
use blockchat_engine::event::PeerTag;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::{Parting, Status};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Below this many peers we look for more all the time.
pub(super) const PEERS_FEW: usize = 4;
/// Below this many peers we dial those we find,
pub(super) const PEERS_WANTED: usize = 16;
/// and below this many that we called ourselves, however many called us.
pub(super) const OUTBOUND_WANTED: usize = 8;
/// At so many that we called ourselves, only those that the operator named are called.
pub(super) const OUTBOUND_MAX: usize = 14;
/// A connection without a sign of life for so long is dead: a ping, its answer, and some more.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// A fact.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// Some time has passed. `hearing`: peers that said at least one of our topics.
    /// `flows`: how each takes what we send it.
    Tick { hearing: BTreeSet<PeerId>, flows: BTreeMap<PeerId, Flow> },
    /// So many bytes are sent to this peer, or to all.
    Sent { to: Option<PeerId>, bytes: usize },
    /// A connection stands. `attempt`: of those that we made.
    Connected { id: PeerId, connection: ConnectionId, address: Multiaddr, way: Way },
    /// A connection is gone.
    Closed { id: PeerId, connection: ConnectionId },
    /// A peer identifies itself.
    Identified { id: PeerId, connection: ConnectionId, about: About },
    /// A connection was probed: does the other side answer?
    Probed { id: PeerId, connection: ConnectionId, alive: bool },
    /// A ping was answered after so long.
    Pinged { id: PeerId, connection: ConnectionId, latency: Duration },
    /// A ping was not.
    PingFailed { id: PeerId },
    /// A peer says how far it is.
    Said { id: PeerId, status: Status },
    /// Our status got lost with a connection.
    Unanswered { id: PeerId },
    /// A peer says that we have to go.
    Dismissed { id: PeerId, why: Parting },
    /// A dial came to nothing.
    DialFailed { attempt: AttemptId, peer: Option<PeerId>, at: Option<Multiaddr>, failure: Failure },
    /// The local network names a node.
    Found { peer: PeerId, address: Multiaddr },
    /// A peer named others.
    Named { by: PeerId, peers: Vec<(PeerId, Vec<Multiaddr>)> },
    /// A peer sent something by gossip that was news to us.
    Gossiped { id: PeerId },
    /// A block or vote of its was good.
    Delivered { id: PeerId },
    /// A peer did what no honest peer does.
    Wronged { id: PeerId, fault: PeerFault },
    /// The queue to a peer overflowed.
    Choked { id: PeerId },
    /// A peer's side of gossip is closed.
    RefusesGossip { id: PeerId },
    /// A peer does not take what we send it.
    TakesNothing { id: PeerId },
}

/// The side that dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// They did.
    In,
    /// We did, with this dial.
    Out(AttemptId),
}

/// A peer's description of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// Which program it says it is.
    pub(super) client: Option<String>,
    /// Number of its run, if it tells.
    pub(super) run: Option<String>,
    pub(super) gossips: bool,
    /// Does it take part in Kademlia?
    pub(super) routes: bool,
    pub(super) listens: Vec<Multiaddr>,
}

/// An act, to be performed in order.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an act that is not performed is a peer that waits for ever"]
pub(super) enum Act {
    /// Resolve names, and dial.
    Dial(Dial),
    /// Begin the handshake.
    Greet(PeerId),
    /// Close one connection.
    Close(ConnectionId),
    /// Close all connections to a peer.
    Part(PeerId),
    /// Tell it why, then close them.
    Dismiss(PeerId, Parting),
    /// Find out whether the other side of this connection answers.
    Probe(PeerId, ConnectionId),
    /// Tell why on this connection, then close it and no other.
    Refuse(PeerId, ConnectionId, Parting),
    /// Let it in no more.
    Block(PeerId),
    /// Let it in again.
    Unblock(PeerId),
    /// Ask it for others.
    Ask(PeerId),
    /// Tell others of it: it listens here.
    Route(PeerId, Vec<Multiaddr>),
    /// Tell others of it no more.
    Unroute(PeerId),
    /// The blame to pass to gossip.
    Score(PeerId, f64),
    /// An address led to a peer of our chain.
    Reached(PeerId, Multiaddr),
    /// A peer of our chain that called us says that it listens here.
    Called(PeerId, Vec<Multiaddr>),
    /// Behind an address is another peer now.
    Moved(PeerId, Multiaddr),
    /// Tell the node how far a peer is.
    TellStatus(PeerTag, Status),
    /// Tell the node that a peer is gone.
    TellGone(PeerTag),
    /// Tell the node that other runs of its identity are connected to peers; `shut_out`: and that it has no peer itself.
    TellElsewhere { shut_out: bool },
    /// Tell people.
    Say(Note),
}

/// A notice for the operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Note {
    Joined {
        id: PeerId,
        address: Multiaddr,
        source: Source,
    },
    Left {
        id: PeerId,
    },
    /// All connections are made anew.
    Anew {
        id: PeerId,
        why: &'static str,
    },
    /// It was let go, which is no fault.
    LetGo {
        id: PeerId,
        why: &'static str,
    },
    OtherChain {
        id: PeerId,
        theirs: Hash32,
        version: u16,
    },
    Misbehaves {
        id: PeerId,
        fault: PeerFault,
        spared: bool,
    },
    /// Another run of this peer's identity, at this address, is refused. `news`: people have not been told lately.
    Copied {
        id: PeerId,
        at: Multiaddr,
        news: bool,
    },
    /// This peer refuses us: another run of our identity is connected to it.
    Elsewhere {
        by: PeerId,
        at: Multiaddr,
    },
    /// A configured peer is not reached.
    Unreachable {
        addresses: Vec<Multiaddr>,
        why: Failure,
    },
}

/// Our own identity, and the configured peers.
pub(super) struct Charter {
    pub(super) own: PeerId,
    pub(super) chain: Hash32,
    pub(super) configured: Vec<Multiaddr>,
    /// Connect with these only.
    pub(super) only_configured: bool,
    pub(super) seed: u64,
}

/// See the module's header.
pub(super) struct Membership {
    own: PeerId,
    chain: Hash32,
    only_configured: bool,
    pub(super) peers: Peers,
    pub(super) targets: Targets,
    strangers: Strangers,
    pub(super) scores: Scores,
    /// Peers that are not let in, and until when.
    blocked: BTreeMap<PeerId, Instant>,
    backlogs: Backlogs,
    elsewhere: Elsewhere,
    renown: Renown,
    dice: Dice,
    ticked: Instant,
    scores_told: Instant,
    walk_next: Instant,
    walk_pause: Duration,
}

impl Membership {
    pub(super) fn new(charter: &Charter, now: Instant) -> Self {
        let mut dice = Dice::new(charter.seed);
        let mut targets = Targets::new(charter.own, Dice::new(dice.throw(u64::MAX)));
        charter.configured.iter().for_each(|address| targets.configure(address, now));
        Self {
            own: charter.own,
            chain: charter.chain,
            only_configured: charter.only_configured,
            peers: Peers::default(),
            targets,
            strangers: Strangers::default(),
            scores: Scores::default(),
            blocked: BTreeMap::new(),
            backlogs: Backlogs::default(),
            elsewhere: Elsewhere::default(),
            renown: Renown::new(now),
            dice,
            ticked: now,
            scores_told: now,
            walk_next: now,
            walk_pause: look::WALK_FIRST,
        }
    }

    /// One fact; what follows from it.
    pub(super) fn handle(&mut self, fact: Fact, now: Instant) -> Vec<Act> {
        let mut acts = self.decide(fact, now);
        acts.extend(self.tell_elsewhere(now));
        acts
    }

    fn decide(&mut self, fact: Fact, now: Instant) -> Vec<Act> {
        match fact {
            Fact::Tick { hearing, flows } => self.tick(&hearing, &flows, now),
            Fact::Sent { to, bytes } => self.sent(to, bytes),
            Fact::Connected { id, connection, address, way } => self.connected(id, connection, address, way, now),
            Fact::Closed { id, connection } => self.closed(id, connection, now),
            Fact::Identified { id, connection, about } => self.identified(id, connection, about, now),
            Fact::Probed { id, connection, alive } => self.probed(id, connection, alive, now),
            Fact::Pinged { id, connection, latency } => self.pinged(id, connection, latency, now),
            Fact::PingFailed { id } => self.anew(id, "it does not answer"),
            Fact::Said { id, status } => self.said(id, status, now),
            Fact::Unanswered { id } => self.unanswered(id),
            Fact::Dismissed { id, why } => self.dismissed(id, why, now),
            Fact::DialFailed { attempt, peer, at, failure } => self.dial_failed(attempt, peer, at, failure, now),
            Fact::Found { peer, address } => self.found(peer, &address, now),
            Fact::Named { by, peers } => self.named(by, peers, now),
            Fact::Gossiped { id } => self.note(id, |peer| peer.gossiped = Some(now)),
            Fact::Delivered { id } => {
                self.renown.delivered(id, now);
                self.note(id, |peer| peer.delivered = Some(now))
            }
            Fact::Wronged { id, fault } => self.wronged(id, fault, now),
            Fact::Choked { id } => self.choked(id, now),
            Fact::RefusesGossip { id } => self.note(id, |peer| peer.speech = Speech::Refuses),
            Fact::TakesNothing { id } => self.anew(id, "it takes nothing any more"),
        }
    }

    /// Our need for peers. Inbound peers count for company, not for safety: a crowd of callers must not keep us from
    /// dialling.
    pub(super) fn need(&self) -> Need {
        let (all, outbound) = (self.peers.greeted(), self.peers.outbound());
        match (all, outbound) {
            (all, _) if all < PEERS_FEW => Need::Few,
            (_, outbound) if outbound >= OUTBOUND_MAX => Need::None,
            (all, outbound) if all < PEERS_WANTED || outbound < OUTBOUND_WANTED => Need::Some,
            _ => Need::None,
        }
    }

    fn sent(&mut self, to: Option<PeerId>, bytes: usize) -> Vec<Act> {
        match to {
            Some(peer) => self.backlogs.sent_to(peer, bytes),
            None => self.backlogs.sent_to_all(bytes),
        }
        vec![]
    }

    fn note(&mut self, id: PeerId, note: impl FnOnce(&mut Peer)) -> Vec<Act> {
        if let Some(peer) = self.peers.get_mut(&id) {
            note(peer);
        }
        vec![]
    }
}
