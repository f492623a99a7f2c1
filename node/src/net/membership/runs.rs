//! Runs of one identity: a peer that was restarted, or a home that was copied. SPEC NET-2.
//!
//! Owns: what follows when a second connection to a peer leads to another run than the first; and what we do when peers say
//! that of us. Does not own: what the node makes of it (engine, VOTE-9).
//!
//! Always true: as long as the run that was here first answers, the other one is refused and told so, and nothing that it
//! says of itself is taken for the peer's; if the first does not answer, it is dead, and both get a clean start. So a
//! restarted node comes back at once, and a copied home cannot push the original off.
//! Start reading at [`Membership::identified`].

use super::failure::Failure;
use super::{About, Act, Membership, Note};
use crate::net::address::without_peer;
use crate::net::errand::ERRAND_WITHIN;
use crate::net::peers::{Contest, Peer, Speech};
use blockchat_proto::sync::Parting;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The first connection has this long to show that it is alive: an errand, and some more.
const CONTEST_MAX: Duration = Duration::from_secs(3);
const _: () = assert!(ERRAND_WITHIN.as_millis() < CONTEST_MAX.as_millis());
/// A connection that was told to go and is still here by then is closed.
const REFUSED_WITHIN: Duration = Duration::from_secs(4);
/// A second connection of the same run is closed after this: by then both sides know which run it is of.
const TRIM_AFTER: Duration = Duration::from_secs(2);
/// Another run that keeps calling is told to people this often.
const TOLD_EVERY: Duration = Duration::from_secs(600);
/// A peer that keeps another run of ours is called again after this, up to twice that: the other one may be gone.
const SHUT_OUT_FOR: Duration = Duration::from_secs(20);
/// A peer's word about another run of ours counts for this long.
const SAID_HOLDS: Duration = Duration::from_secs(300);
/// Most peers whose word on that is kept.
const SAID_MAX: usize = 64;

/// The words of peers about other runs of our identity.
#[derive(Default)]
pub(in crate::net) struct Elsewhere {
    /// Peers that keep another run, and when each last said so.
    said: BTreeMap<PeerId, Instant>,
    /// The last notice to the node.
    told: Option<bool>,
}

impl Membership {
    /// A peer identifies itself; on a second connection, whether it is another run.
    pub(super) fn identified(&mut self, id: PeerId, connection: ConnectionId, about: About, now: Instant) -> Vec<Act> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return vec![];
        };
        let Some(place) = peer.connections.iter().position(|one| one.id == connection) else {
            return vec![];
        };
        peer.connections[place].run.clone_from(&about.run);
        match (&peer.run, &about.run) {
            (Some(known), Some(run)) if known != run => match peer.of_run(known) {
                Some(other) => self.contest(id, other.min(place), other.max(place), now),
                None => self.anew(id, "it was restarted"),
            },
            _ => {
                let acts = self.reached_too(id, connection);
                acts.into_iter().chain(self.describes_itself(id, about)).collect()
            }
        }
    }

    /// A second connection to a peer of our chain, which we made, of the same run: this address led to it, too.
    fn reached_too(&mut self, id: PeerId, connection: ConnectionId) -> Vec<Act> {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.status().is_some()) else {
            return vec![];
        };
        let made = peer.connections.iter().find(|one| one.id == connection && !one.inbound);
        let Some((address, attempt)) = made.and_then(|one| Some((one.address.clone(), one.attempt?))) else {
            return vec![];
        };
        self.targets.worked(id, attempt, &address);
        vec![Act::Reached(id, without_peer(&address))]
    }

    fn describes_itself(&mut self, id: PeerId, about: About) -> Vec<Act> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return vec![];
        };
        if about.gossips && peer.speech == Speech::Unknown {
            peer.speech = Speech::Gossips;
        }
        peer.routes = about.routes;
        peer.client = about.client;
        peer.run = about.run.or(peer.run.take());
        self.peers.listens(&id, about.listens);
        self.introduce(id)
    }

    /// Two connections of two runs: is the older one alive?
    fn contest(&mut self, id: PeerId, older: usize, newer: usize, now: Instant) -> Vec<Act> {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.contest.is_none()) else {
            return vec![];
        };
        let (holder, newcomer) = (peer.connections[older].id, peer.connections[newer].id);
        peer.contest = Some(Contest { holder, newcomer, since: now });
        vec![Act::Probe(id, holder)]
    }

    /// A connection of this peer is probed.
    pub(super) fn probed(&mut self, id: PeerId, connection: ConnectionId, alive: bool, now: Instant) -> Vec<Act> {
        let contest = self.peers.get(&id).and_then(|peer| peer.contest).filter(|contest| contest.holder == connection);
        match contest {
            Some(contest) if alive => self.refuse(id, contest, now),
            Some(_) => self.anew(id, "it was restarted"),
            None => vec![],
        }
    }

    /// The run that was here first lives: the other one has to go, and is told.
    fn refuse(&mut self, id: PeerId, contest: Contest, now: Instant) -> Vec<Act> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return vec![];
        };
        peer.contest = None;
        peer.run = peer.connection(contest.holder).and_then(|holder| holder.run.clone()).or(peer.run.take());
        let Some(refused) = peer.connections.iter_mut().find(|one| one.id == contest.newcomer) else {
            return vec![];
        };
        refused.refused = Some(now);
        let (at, inbound) = (refused.address.clone(), refused.inbound);
        let news = peer.other_run.as_ref().is_none_or(|(_, told)| now.duration_since(*told) >= TOLD_EVERY);
        let told = peer.other_run.as_ref().filter(|_| !news).map_or(now, |(_, told)| *told);
        peer.other_run = Some((at.clone(), told));
        if !inbound {
            let until = now + self.dice.stretch(SHUT_OUT_FOR, 100);
            self.targets.refused_at(&without_peer(&at), &Failure::Copied(id), until);
        }
        vec![Act::Say(Note::Copied { id, at, news }), Act::Refuse(id, contest.newcomer, Parting::OtherRun)]
    }

    /// A connection of a peer that has others is gone: of two runs, the older one was dead.
    pub(super) fn closed_one(&mut self, id: PeerId, connection: ConnectionId) -> Vec<Act> {
        let Some(peer) = self.peers.get_mut(&id) else {
            return vec![];
        };
        match peer.contest {
            Some(contest) if contest.newcomer == connection => peer.contest = None,
            Some(contest) if contest.holder == connection => return self.anew(id, "it was restarted"),
            _ => {}
        }
        vec![]
    }

    /// First connections that did not show that they are alive, and refused ones that do not go.
    pub(super) fn end_contests(&mut self, stalled: bool, now: Instant) -> Vec<Act> {
        let (mut dead, mut acts) = (vec![], vec![]);
        for (id, peer) in self.peers.iter_mut() {
            if let Some(contest) = &mut peer.contest {
                match now.duration_since(contest.since) >= CONTEST_MAX {
                    true if stalled => contest.since = now,
                    true => dead.push(*id),
                    false => {}
                }
            }
            let overdue = peer
                .connections
                .iter()
                .filter(|one| one.refused.is_some_and(|at| now.duration_since(at) >= REFUSED_WITHIN));
            acts.extend(overdue.map(|one| Act::Close(one.id)));
        }
        acts.extend(dead.into_iter().flat_map(|id| self.anew(id, "it was restarted")));
        acts
    }

    /// A peer keeps another run of our identity: ours is not wanted there.
    pub(super) fn is_elsewhere(&mut self, by: PeerId, at: &Multiaddr, now: Instant) -> Vec<Act> {
        let said = &mut self.elsewhere.said;
        let news = said.is_empty();
        if said.len() < SAID_MAX || said.contains_key(&by) {
            said.insert(by, now);
        }
        if news { vec![Act::Say(Note::Elsewhere { by, at: at.clone() })] } else { vec![] }
    }

    /// Pause before we dial a peer that keeps another run of ours.
    pub(super) fn shut_out_for(&mut self) -> Duration {
        self.dice.stretch(SHUT_OUT_FOR, 100)
    }

    /// Tells the node when peers begin to shut us out for another run of our identity, and when one takes us again.
    pub(super) fn tell_elsewhere(&mut self, now: Instant) -> Option<Act> {
        if self.elsewhere.said.is_empty() && self.elsewhere.told != Some(true) {
            return None;
        }
        let peers = &self.peers;
        let member = |id: &PeerId| peers.get(id).is_some_and(|peer| peer.status().is_some());
        self.elsewhere.said.retain(|id, said| now.duration_since(*said) < SAID_HOLDS && !member(id));
        let shut_out = !self.elsewhere.said.is_empty() && self.peers.greeted() == 0;
        let news = self.elsewhere.told != Some(shut_out);
        self.elsewhere.told = Some(shut_out);
        news.then_some(Act::TellElsewhere { shut_out })
    }
}

/// A second connection that is not needed. Of a peer that does not tell its run the first one may be dead, unless it gave
/// a sign of life since.
pub(super) fn surplus(peer: &Peer, now: Instant) -> Option<ConnectionId> {
    let second = peer.connections.get(1).filter(|second| now.duration_since(second.since) >= TRIM_AFTER)?;
    let contested = peer.contest.is_some() || second.refused.is_some() || peer.first().refused.is_some();
    let same = second.run.is_some() && second.run == peer.run;
    (!contested && (same || peer.first().heard > second.since)).then_some(second.id)
}

#[cfg(test)]
mod tests {
    use super::super::targets::Source;
    use super::*;
    use crate::net::peers::{Connection, Peers};

    /// A peer with two connections, the second made 10 s after the first; and when that was.
    fn twice_connected(run: Option<&str>) -> (Peers, PeerId, Instant) {
        let (mut peers, id, start) = (Peers::default(), PeerId::random(), Instant::now());
        let second = start + Duration::from_secs(10);
        for (number, since) in [(1, start), (2, second)] {
            let (id_of, source) = (ConnectionId::new_unchecked(number), Source::Inbound);
            let mut one = Connection::new(id_of, "/ip4/10.0.0.1/tcp/1".parse().unwrap(), true, since, source, None);
            one.run = run.map(str::to_owned);
            peers.connected(id, one);
        }
        peers.get_mut(&id).unwrap().run = run.map(str::to_owned);
        (peers, id, second)
    }

    #[test]
    fn of_two_connections_to_a_peer_that_tells_its_run_the_second_goes() {
        let (peers, id, second) = twice_connected(Some("1"));
        let peer = peers.get(&id).unwrap();
        assert_eq!(surplus(peer, second), None, "both sides must know the run first");
        assert_eq!(surplus(peer, second + TRIM_AFTER), Some(ConnectionId::new_unchecked(2)));
    }

    #[test]
    fn of_a_peer_that_does_not_tell_it_both_stay_until_the_first_gives_a_sign_of_life() {
        let (mut peers, id, second) = twice_connected(None);
        let later = second + Duration::from_secs(3_600);
        assert_eq!(surplus(peers.get(&id).unwrap(), later), None);
        peers.get_mut(&id).unwrap().connections[0].heard = second + Duration::from_secs(1);
        assert_eq!(surplus(peers.get(&id).unwrap(), later), Some(ConnectionId::new_unchecked(2)));
    }
}
