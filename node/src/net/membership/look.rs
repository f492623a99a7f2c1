//! Looking around: what is done as time passes, and what comes of dials and of asking others.
//!
//! Start reading at [`Membership::tick`].

use super::failure::Failure;
use super::runs::surplus;
use super::scope::{Group, Scope, group_of, may_name, scope_of};
use super::targets::{ADDRESSES_MAX, AttemptId, Need, Source};
use super::{Act, Membership, Note, SILENCE_MAX};
use crate::net::address::without_peer;
use crate::net::deaf;
use crate::net::meter::Flow;
use crate::net::peers::Stage;
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// If we ourselves did nothing for so long (a suspended laptop), silence says nothing about peers.
const STALL: Duration = Duration::from_secs(2);
/// A peer that has not said where it is by then is let go.
const GREETING_WITHIN: Duration = Duration::from_secs(10);
/// A peer that was told to go and is still here by then is parted from.
const LEAVING_WITHIN: Duration = Duration::from_secs(2);
/// Scores fade: gossip is told anew this often.
const SCORES_EVERY: Duration = Duration::from_secs(10);
/// Others are asked for more this often as long as they tell of some that are news, and ever less often afterwards,
pub(super) const WALK_FIRST: Duration = Duration::from_secs(5);
/// down to this often while we have few peers,
const WALK_FEW_EVERY: Duration = Duration::from_secs(10);
/// this often otherwise,
const WALK_EVERY: Duration = Duration::from_secs(60);
/// or this often, when all connections that we want are there: whom we know of is whom we have if they go. Each up to
/// twice that.
const WALK_CONTENT_EVERY: Duration = Duration::from_secs(300);
/// So many peers are asked at a time.
const ASKED: usize = 3;
/// Most peers that one answer names.
const NAMED_AT_ONCE: usize = 20;
/// Peers of one public group that we call, beside those that the operator named.
const OUTBOUND_GROUP_MAX: usize = 3;

impl Membership {
    /// Some time has passed.
    pub(super) fn tick(
        &mut self,
        hearing: &BTreeSet<PeerId>,
        flows: &BTreeMap<PeerId, Flow>,
        now: Instant,
    ) -> Vec<Act> {
        let stalled = now.duration_since(self.ticked) > STALL;
        self.ticked = now;
        let mut acts = self.part_from_dead(stalled, now);
        if !stalled {
            acts.extend(self.part_from_stuck(flows, now));
        }
        acts.extend(self.end_contests(stalled, now));
        acts.extend(self.part_from_silent(now));
        acts.extend(self.connect_deaf_anew(hearing, now));
        acts.extend(self.trim(now));
        let free: Vec<_> = self.blocked.iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect();
        self.blocked.retain(|_, until| *until > now);
        acts.extend(free.into_iter().map(Act::Unblock));
        if now.duration_since(self.scores_told) >= SCORES_EVERY {
            acts.extend(self.tell_scores(now));
        }
        acts.extend(self.dial_due(now));
        acts.extend(self.walk(now));
        acts
    }

    fn part_from_dead(&mut self, stalled: bool, now: Instant) -> Vec<Act> {
        let mut dead = BTreeSet::new();
        for (id, peer) in self.peers.iter_mut() {
            for connection in &mut peer.connections {
                if stalled {
                    connection.heard = now;
                } else if peer.latency.is_some() && now.duration_since(connection.heard) > SILENCE_MAX {
                    dead.insert(*id);
                    // Closing takes a moment: it is asked once.
                    connection.heard = now;
                }
            }
        }
        dead.into_iter().flat_map(|id| self.anew(id, "it is silent")).collect()
    }

    /// Peers for which too much waits.
    fn part_from_stuck(&mut self, flows: &BTreeMap<PeerId, Flow>, now: Instant) -> Vec<Act> {
        let stuck = self.backlogs.look(flows, now);
        stuck.into_iter().flat_map(|id| self.anew(id, "it takes nothing any more")).collect()
    }

    /// A peer that never identifies itself takes a place that others need; so does one that does not go.
    fn part_from_silent(&mut self, now: Instant) -> Vec<Act> {
        let (mut silent, mut acts) = (vec![], vec![]);
        for (id, peer) in self.peers.iter() {
            match peer.stage {
                Stage::Greeting if now.duration_since(peer.first().since) >= GREETING_WITHIN => silent.push(*id),
                Stage::Leaving(told) if now.duration_since(told) >= LEAVING_WITHIN => acts.push(Act::Part(*id)),
                Stage::Greeting | Stage::Leaving(_) | Stage::Member(_) => {}
            }
        }
        for id in silent {
            let at = self.peers.get(&id).filter(|peer| peer.is_outbound());
            if let Some(at) = at.map(|peer| without_peer(&peer.first().address)) {
                acts.extend(self.turned_away_at(id, at, &Failure::Silent, now, now));
            }
            acts.extend(self.leave(id, now));
            acts.extend([Act::Say(Note::LetGo { id, why: "it never said which chain it is of" }), Act::Part(id)]);
        }
        acts
    }

    /// Peers that cannot hear us: see `deaf`.
    fn connect_deaf_anew(&mut self, hearing: &BTreeSet<PeerId>, now: Instant) -> Vec<Act> {
        let deaf = self.peers.iter().filter_map(|(id, peer)| Some((*id, deaf::why(peer, hearing.contains(id), now)?)));
        let deaf: Vec<_> = deaf.collect();
        deaf.into_iter().flat_map(|(id, why)| self.anew(id, why)).collect()
    }

    /// Both sides would close another connection if both did this, and be left with none.
    fn trim(&self, now: Instant) -> Vec<Act> {
        let peers = self.peers.iter().filter(|(id, _)| self.own < **id);
        peers.filter_map(|(_, peer)| surplus(peer, now)).map(Act::Close).collect()
    }

    fn dial_due(&mut self, now: Instant) -> Vec<Act> {
        let need = self.need();
        self.targets.avoid(self.crowded_groups());
        let peers = &self.peers;
        let due = self.targets.due(now, need, |address, peer| peers.connection_state(address, peer));
        due.into_iter().map(Act::Dial).collect()
    }

    /// Public groups of which we call enough already: those behind one range of addresses may all be one's.
    fn crowded_groups(&self) -> BTreeSet<Group> {
        let outbound = self.peers.iter().filter(|(_, peer)| peer.is_outbound());
        let mut counts = BTreeMap::new();
        for group in outbound.filter_map(|(_, peer)| group_of(&peer.first().address)) {
            *counts.entry(group).or_insert(0_usize) += 1;
        }
        counts.into_iter().filter(|(_, count)| *count >= OUTBOUND_GROUP_MAX).map(|(group, _)| group).collect()
    }

    /// Asks a few peers for those near a random point: each walk ends somewhere else.
    fn walk(&mut self, now: Instant) -> Vec<Act> {
        let mut asked: Vec<_> =
            self.peers.iter().filter(|(_, peer)| peer.status().is_some() && peer.routes).map(|(id, _)| *id).collect();
        if self.only_configured || asked.is_empty() || self.walk_next > now {
            return vec![];
        }
        let longest = match self.need() {
            Need::Few => WALK_FEW_EVERY,
            Need::Some => WALK_EVERY,
            Need::None => WALK_CONTENT_EVERY,
        };
        let pause = self.walk_pause.min(longest);
        self.walk_next = now + self.dice.stretch(pause, 100);
        self.walk_pause = pause * 2;
        while asked.len() > ASKED {
            let count = u64::try_from(asked.len()).unwrap_or(u64::MAX);
            asked.swap_remove(usize::try_from(self.dice.throw(count)).unwrap_or(0));
        }
        asked.into_iter().map(Act::Ask).collect()
    }

    /// The local network names a node.
    pub(super) fn found(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) -> Vec<Act> {
        // Addresses from the network are never of this machine.
        let near = scope_of(address).is_some_and(|scope| scope > Scope::Machine);
        if near && !self.only_configured {
            self.targets.found(address, peer, Source::Mdns, None, now);
        }
        vec![]
    }

    /// A peer named others: as far as it may.
    pub(super) fn named(&mut self, by: PeerId, peers: Vec<(PeerId, Vec<Multiaddr>)>, now: Instant) -> Vec<Act> {
        let Some(speaker) = self.peers.get(&by).filter(|peer| peer.status().is_some()) else {
            return vec![];
        };
        if self.only_configured {
            return vec![];
        }
        let speaker = speaker.first().address.clone();
        let before = self.targets.len();
        for (peer, addresses) in peers.into_iter().take(NAMED_AT_ONCE) {
            for address in addresses.iter().filter(|address| may_name(&speaker, address)).take(ADDRESSES_MAX) {
                self.targets.found(address, peer, Source::Kademlia, Some(by), now);
            }
        }
        if self.targets.len() > before {
            self.walk_pause = WALK_FIRST;
            self.walk_next = self.walk_next.min(now + WALK_FIRST);
        }
        vec![]
    }

    /// A dial came to nothing.
    pub(super) fn dial_failed(
        &mut self,
        attempt: AttemptId,
        peer: Option<PeerId>,
        at: Option<Multiaddr>,
        failure: Failure,
        now: Instant,
    ) -> Vec<Act> {
        // Among the addresses of a name may well be ours.
        if failure == Failure::Ourselves {
            return vec![];
        }
        let given = self.targets.addresses_of(attempt);
        let news = self.targets.failed(attempt, &failure, now);
        let mut acts = vec![];
        if let (Failure::OtherPeer(_), Some(expected), Some(at)) = (&failure, peer, at) {
            self.targets.moved(&at, expected);
            acts.push(Act::Moved(expected, without_peer(&at)));
        }
        if news {
            acts.push(Act::Say(Note::Unreachable { addresses: given, why: failure }));
        }
        acts
    }
}
