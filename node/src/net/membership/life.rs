//! The life of a peer: it connects, identifies itself, is greeted, lives, and leaves.
//!
//! Start reading at [`Membership::connected`].

use super::failure::Failure;
use super::places::{Caller, Place, place_for};
use super::scope::group_of;
use super::targets::Source;
use super::{Act, Membership, Note, Way};
use crate::net::address::{ip_of, without_peer};
use crate::net::deaf::Choked;
use crate::net::peer_score::{Judgement, PeerFault};
use crate::net::peers::{Connection, Peer, Stage};
use blockchat_proto::sync::{Parting, STATUS_VERSION, Status};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::time::Duration;
use tokio::time::Instant;

/// Addresses that one caller may put into our book.
const CLAIMS_MAX: usize = 2;
/// Most peers that are told why they have to go, at a time.
pub(super) const LEAVING_MAX: usize = 24;
/// Most peers that are not let in.
pub(super) const BLOCKED_MAX: usize = 4_096;
/// Fewer peers than this are kept whatever they do.
const PEERS_LAST: usize = 3;
/// A peer that has no place for us, or does not want us, is not dialled for so long.
const DISMISSED_FOR: Duration = Duration::from_secs(60);
/// A peer that says nothing new for so long, and takes nothing, is mute.
const MUTE_AFTER: Duration = Duration::from_secs(60);

impl Membership {
    pub(super) fn connected(
        &mut self,
        id: PeerId,
        connection: ConnectionId,
        address: Multiaddr,
        way: Way,
        now: Instant,
    ) -> Vec<Act> {
        let (inbound, attempt) = match way {
            Way::In => (true, None),
            Way::Out(attempt) => (false, Some(attempt)),
        };
        let source = attempt.and_then(|attempt| self.targets.source_of(attempt)).unwrap_or(Source::Inbound);
        let here = self.callers();
        if !self.peers.connected(id, Connection::new(connection, address, inbound, now, source, attempt)) {
            return vec![];
        }
        if !inbound {
            return vec![Act::Greet(id)];
        }
        let newcomer = self.peers.get(&id).map(|peer| self.caller(id, peer));
        match newcomer.map_or(Place::Full, |newcomer| place_for(&newcomer, &here, now)) {
            Place::Free => vec![Act::Greet(id)],
            Place::Of(other) => {
                let mut acts = self.dismiss(other, Parting::Full, now);
                acts.push(Act::Greet(id));
                acts
            }
            Place::Full => self.dismiss(id, Parting::Full, now),
        }
    }

    /// Those that called us, and that we did not call.
    fn callers(&self) -> Vec<Caller> {
        let called =
            self.peers.iter().filter(|(_, peer)| !peer.is_outbound() && !matches!(peer.stage, Stage::Leaving(_)));
        called.map(|(id, peer)| self.caller(*id, peer)).collect()
    }

    fn caller(&self, id: PeerId, peer: &Peer) -> Caller {
        let first = peer.first();
        Caller {
            id,
            group: group_of(&first.address),
            since: first.since,
            delivered: peer.delivered,
            configured: self.targets.is_configured(&id),
            renowned: self.renown.knows(&id),
        }
    }

    /// Tells a peer that it has to go; it is no member from now on. One of a crowd is not told: those that do not go by
    /// themselves hold their connections meanwhile.
    fn dismiss(&mut self, id: PeerId, why: Parting, now: Instant) -> Vec<Act> {
        let leaving = self.peers.iter().filter(|(_, peer)| matches!(peer.stage, Stage::Leaving(_))).count();
        let act = if leaving < LEAVING_MAX { Act::Dismiss(id, why) } else { Act::Part(id) };
        let gone = self.leave(id, now);
        gone.into_iter().chain([Act::Unroute(id), act]).collect()
    }

    /// It is no member from now on; the node is told, if it knew it.
    pub(super) fn leave(&mut self, id: PeerId, now: Instant) -> Option<Act> {
        let peer = self.peers.get_mut(&id)?;
        let known = peer.status().is_some() || peer.gossiped.is_some();
        peer.stage = Stage::Leaving(now);
        peer.gossiped = None;
        known.then_some(Act::TellGone(peer.tag))
    }

    pub(super) fn closed(&mut self, id: PeerId, connection: ConnectionId, now: Instant) -> Vec<Act> {
        let Some(gone) = self.peers.disconnected(&id, connection) else {
            return self.closed_one(id, connection);
        };
        let mut acts = vec![];
        if gone.stage == Stage::Greeting && gone.is_outbound() {
            acts.extend(self.turned_away(id, &gone, &Failure::NoNode, now, now));
        }
        self.targets.gone(id, now);
        if gone.status().is_some() {
            acts.push(Act::Say(Note::Left { id }));
        }
        // The node knows it by its status, or by what it gossiped.
        if gone.status().is_some() || gone.gossiped.is_some() {
            acts.push(Act::TellGone(gone.tag));
        }
        acts
    }

    /// A peer's own addresses are passed on to others, and kept if it dialled us, once it is known to be of our chain.
    pub(super) fn introduce(&self, id: PeerId) -> Vec<Act> {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.status().is_some()) else {
            return vec![];
        };
        let mut acts = vec![];
        let listens: Vec<_> = peer.dialable().cloned().collect();
        if peer.first().inbound {
            // On the machine from which it dialled us: a node that all others dial would have an empty book.
            let ip = ip_of(&peer.first().address);
            let own = listens.iter().filter(|address| ip_of(address) == ip).take(CLAIMS_MAX).cloned().collect();
            acts.push(Act::Called(id, own));
        }
        if peer.routes && !listens.is_empty() {
            acts.push(Act::Route(id, listens));
        }
        acts
    }

    pub(super) fn pinged(&mut self, id: PeerId, connection: ConnectionId, latency: Duration, now: Instant) -> Vec<Act> {
        self.note(id, |peer| {
            peer.latency = Some(latency);
            let pinged = peer.connections.iter_mut().find(|one| one.id == connection);
            pinged.into_iter().for_each(|one| one.heard = now);
        })
    }

    /// A peer of our chain is told to the node; any other is parted from.
    pub(super) fn said(&mut self, id: PeerId, status: Status, now: Instant) -> Vec<Act> {
        if status.version != STATUS_VERSION || status.chain != self.chain {
            return self.of_other_chain(id, &status, now);
        }
        let Some(peer) = self.peers.get_mut(&id) else {
            return vec![];
        };
        let first = match peer.stage {
            Stage::Leaving(_) => return vec![],
            Stage::Greeting => true,
            Stage::Member(_) => false,
        };
        peer.stage = Stage::Member(status);
        let mut acts = vec![Act::TellStatus(peer.tag, status)];
        if first {
            acts.extend(self.greeted(id));
        }
        acts
    }

    /// A new peer is worth remembering, wherever we dialled it.
    fn greeted(&mut self, id: PeerId) -> Vec<Act> {
        let Some(peer) = self.peers.get(&id) else {
            return vec![];
        };
        let (address, source) = (peer.first().address.clone(), peer.first().source);
        let mut acts = vec![Act::Say(Note::Joined { id, address, source })];
        for one in peer.connections.iter().filter(|one| !one.inbound) {
            acts.push(Act::Reached(id, without_peer(&one.address)));
            if let Some(attempt) = one.attempt {
                self.targets.worked(id, attempt, &one.address);
            }
        }
        acts.extend(self.introduce(id));
        acts
    }

    fn of_other_chain(&mut self, id: PeerId, status: &Status, now: Instant) -> Vec<Act> {
        if self.peers.get(&id).is_none_or(|peer| matches!(peer.stage, Stage::Leaving(_))) {
            return vec![];
        }
        let (until, news) = self.strangers.met(id, status.chain, now);
        let mut acts = vec![];
        if let Some(peer) = self.peers.get(&id).filter(|peer| peer.is_outbound()) {
            let at = without_peer(&peer.first().address);
            acts.extend(self.turned_away_at(id, at, &Failure::OtherChain(Some(status.chain)), until, now));
        }
        self.targets.postpone(id, until);
        if news {
            acts.push(Act::Say(Note::OtherChain { id, theirs: status.chain, version: status.version }));
        }
        acts.extend(self.dismiss(id, Parting::OtherChain, now));
        acts
    }

    /// A first status that got lost with one of two connections is said again; otherwise there is another soon.
    pub(super) fn unanswered(&mut self, id: PeerId) -> Vec<Act> {
        let waiting = self.peers.get(&id).is_some_and(|peer| peer.stage == Stage::Greeting);
        waiting.then_some(Act::Greet(id)).into_iter().collect()
    }

    /// It wants us to go: we do, and come back later.
    pub(super) fn dismissed(&mut self, id: PeerId, why: Parting, now: Instant) -> Vec<Act> {
        let Some(peer) = self.peers.get(&id).filter(|peer| !matches!(peer.stage, Stage::Leaving(_))) else {
            return vec![Act::Part(id)];
        };
        let at = without_peer(&peer.first().address);
        let outbound = peer.is_outbound();
        let failure = match why {
            Parting::Full => Failure::Full,
            Parting::OtherChain => Failure::OtherChain(None),
            Parting::OtherRun => Failure::Copied(self.own),
        };
        let mut acts: Vec<_> = self.leave(id, now).into_iter().collect();
        let pause = match why {
            Parting::OtherRun => {
                acts.extend(self.is_elsewhere(id, &at, now));
                self.shut_out_for()
            }
            Parting::Full | Parting::OtherChain => self.dice.stretch(DISMISSED_FOR, 100),
        };
        if outbound {
            acts.extend(self.turned_away_at(id, at, &failure, now + pause, now));
        }
        acts.push(Act::Part(id));
        acts
    }

    fn turned_away(&mut self, id: PeerId, peer: &Peer, why: &Failure, until: Instant, now: Instant) -> Option<Act> {
        self.turned_away_at(id, without_peer(&peer.first().address), why, until, now)
    }

    /// A peer that we called, at this address, does not stay: what led to it is not dialled before `until`. Told to people
    /// if it is news of one that the operator named.
    pub(super) fn turned_away_at(
        &mut self,
        id: PeerId,
        at: Multiaddr,
        why: &Failure,
        until: Instant,
        now: Instant,
    ) -> Option<Act> {
        let by_id = self.targets.refused(id, why, until, now);
        let by_address = self.targets.refused_at(&at, why, until);
        let note = Note::Unreachable { addresses: vec![at], why: why.clone() };
        (by_id || by_address).then_some(Act::Say(note))
    }

    /// Closes all connections to a peer. Those that know an address dial again.
    pub(super) fn anew(&mut self, id: PeerId, why: &'static str) -> Vec<Act> {
        vec![Act::Say(Note::Anew { id, why }), Act::Part(id)]
    }

    /// Holds a fault against a peer, and does what that calls for.
    pub(super) fn wronged(&mut self, id: PeerId, fault: PeerFault, now: Instant) -> Vec<Act> {
        let judgement = self.scores.lower(id, fault, now);
        let spared = self.targets.is_configured(&id) || self.peers.greeted() < PEERS_LAST;
        let mut acts = vec![Act::Say(Note::Misbehaves { id, fault, spared })];
        acts.extend(self.tell_scores(now));
        if let Judgement::Part(pause) = judgement
            && !spared
        {
            self.targets.postpone(id, now + pause);
            let until = self.blocked.get(&id).map_or(now + pause, |until| (*until).max(now + pause));
            self.blocked.insert(id, until);
            acts.extend([Act::Block(id), Act::Unroute(id)]);
            acts.extend(self.forget_one_blocked());
        }
        acts
    }

    /// Identities cost nothing: of too many that are blocked the one is let in again whose time is over first.
    fn forget_one_blocked(&mut self) -> Option<Act> {
        if self.blocked.len() <= BLOCKED_MAX {
            return None;
        }
        let first = self.blocked.iter().min_by_key(|(_, until)| **until).map(|(id, _)| *id)?;
        self.blocked.remove(&first);
        Some(Act::Unblock(first))
    }

    pub(super) fn tell_scores(&mut self, now: Instant) -> Vec<Act> {
        self.scores_told = now;
        self.scores.all(now).map(|(peer, score)| Act::Score(peer, score)).collect()
    }

    /// The queue to a peer overflowed since the last heartbeat.
    pub(super) fn choked(&mut self, id: PeerId, now: Instant) -> Vec<Act> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return vec![];
        };
        let choked = Choked::again(peer.choked, now);
        peer.choked = Some(choked);
        let mute = peer.gossiped.is_none_or(|last| now.duration_since(last) >= MUTE_AFTER);
        if choked.is_for_good(mute) { self.anew(id, "it takes nothing any more") } else { vec![] }
    }
}
