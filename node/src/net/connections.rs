//! Connections as they come and go, and peers that were restarted, died silently, or misbehave.
//!
//! Always true:
//! - a peer that was restarted with the same key gets a clean start. Gossip tells its topics on the first connection to a
//!   peer only (libp2p#5097): while we hold a dead connection to its earlier run, it would stay out of the mesh for ever.
//!   So when a second connection is of another run than the first, all are closed, and whoever dialled dials again;
//! - a second connection of the same run (both dialled at once) is harmless, and trimmed by one side only;
//! - a peer that does not tell its run may have been restarted, or not: both connections stay until the first one has
//!   shown that it lives, or died;
//! - a connection that gives no sign of life for [`SILENCE_MAX`] takes all of its peer's with it, for the same reason;
//! - configured peers, and the last two, are never blocked.
//!
//! Start reading at [`Task::on_connected`].

use super::address::ip_of;
use super::behaviour::RUN_MARK;
use super::config::CONNECTIONS_PER_PUBLIC_IP_MAX;
use super::dialer::Source;
use super::handle::NetEvent;
use super::peer_score::{Fault, Judgement};
use super::peers::{Connection, Peer};
use super::swarm_task::Task;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{PeerId, identify, ping};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// A connection without a sign of life for so long is dead: a ping, its answer, and some more.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// If we ourselves did nothing for so long (a suspended laptop), silence says nothing about peers.
const STALL: Duration = Duration::from_secs(2);
/// A second connection of the same run is closed after this: by then both sides know which run it is of.
const TRIM_AFTER: Duration = Duration::from_secs(2);
/// What the names of gossipsub's versions begin with.
const GOSSIP_PROTOCOLS: &str = "/meshsub/";
/// Fewer peers than this are kept whatever they do.
const PEERS_LAST: usize = 3;
/// Scores fade: gossip is told anew this often.
const SCORES_EVERY: Duration = Duration::from_secs(10);

/// What connections need to be looked after.
pub(super) struct Care {
    /// Peers that are not let in, and until when.
    blocked: Vec<(Instant, PeerId)>,
    ticked: Instant,
    scores_told: Instant,
}

impl Care {
    pub(super) fn new(now: Instant) -> Self {
        Self { blocked: vec![], ticked: now, scores_told: now }
    }
}

impl Task {
    pub(super) fn on_connected(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let (address, inbound) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address.clone(), false),
            ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr.clone(), true),
        };
        let attempt = self.discovery.dialer.over(connection);
        // Whoever is dialled without an attempt of ours, Kademlia wanted to ask.
        let source = if inbound { Source::Inbound } else { attempt.unwrap_or(Source::Kademlia) };
        let visit = !inbound && attempt.is_none();
        if inbound
            && ip_of(&address).is_some_and(|ip| self.peers.count_at_public_ip(ip) >= CONNECTIONS_PER_PUBLIC_IP_MAX)
        {
            debug!(peer = %id, %address, "too many connections from this address");
            self.swarm.close_connection(connection);
        }
        debug!(peer = %id, %address, inbound, "connected");
        let fresh = Connection { id: connection, address, inbound, since: now, heard: now, source, visit };
        if self.peers.connected(id, fresh) {
            self.greet(&id);
        }
    }

    pub(super) fn on_disconnected(&mut self, id: PeerId, connection: ConnectionId) {
        let Some(gone) = self.peers.disconnected(&id, connection) else {
            return;
        };
        self.discovery.dialer.gone(id, Instant::now());
        if gone.status.is_some() {
            info!(peer = %id, "peer left");
        }
        // The runtime knows it by its status, or by what it gossiped.
        if gone.status.is_some() || gone.gossiped.is_some() {
            self.tell(NetEvent::PeerGone { peer: gone.tag });
        }
        self.count_peers();
    }

    /// A peer says who it is; on a second connection, whether it was restarted.
    pub(super) fn on_identified(&mut self, id: PeerId, info: identify::Info) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.gossips |= info.protocols.iter().any(|protocol| protocol.as_ref().starts_with(GOSSIP_PROTOCOLS));
        peer.routes = info.protocols.contains(&self.discovery.kademlia);
        let run = info.agent_version.split_once(RUN_MARK).map(|(_, run)| run.to_owned());
        let restarted = peer.run.is_some() && run.is_some() && peer.run != run;
        peer.run = run.or(peer.run.take());
        self.peers.listens(&id, info.listen_addrs);
        if restarted {
            info!(peer = %id, "peer was restarted, connecting anew");
            return self.part(&id);
        }
        self.feed_kademlia(id);
        self.note_caller(id);
    }

    pub(super) fn on_ping(&mut self, event: ping::Event) {
        let Some(peer) = self.peers.get_mut(&event.peer) else {
            return;
        };
        match event.result {
            Ok(latency) => {
                peer.latency = Some(latency);
                let pinged = peer.connections.iter_mut().find(|connection| connection.id == event.connection);
                pinged.into_iter().for_each(|connection| connection.heard = Instant::now());
            }
            Err(ping::Failure::Unsupported) => {}
            // libp2p leaves this to us; a dead link would otherwise live for a quarter of an hour.
            Err(error) => {
                info!(peer = %event.peer, %error, "peer does not answer, connecting anew");
                self.part(&event.peer);
            }
        }
    }

    /// Closes all connections to a peer. Whoever knows an address dials again.
    pub(super) fn part(&mut self, id: &PeerId) {
        // An error means that it is gone already.
        _ = self.swarm.disconnect_peer_id(*id);
    }

    /// Holds a fault against a peer, and does what that calls for.
    pub(super) fn lower(&mut self, id: PeerId, fault: Fault) {
        let now = Instant::now();
        let judgement = self.scores.lower(id, fault, now);
        warn!(peer = %id, ?fault, ?judgement, "peer misbehaves");
        self.tell_scores(now);
        if let Judgement::Part(pause) = judgement {
            let spared = self.discovery.dialer.is_configured(&id) || self.peers.greeted() < PEERS_LAST;
            if !spared {
                self.swarm.behaviour_mut().blocked.block_peer(id);
                self.swarm.behaviour_mut().kad.remove_peer(&id);
                self.discovery.dialer.postpone(id, now + pause);
                self.care.blocked.push((now + pause, id));
            }
        }
    }

    fn tell_scores(&mut self, now: Instant) {
        self.care.scores_told = now;
        for (peer, score) in self.scores.all(now) {
            self.swarm.behaviour_mut().gossip.set_application_score(&peer, score);
        }
    }

    pub(super) fn tick_connections(&mut self, now: Instant) {
        self.part_from_dead(now);
        self.end_visits(now);
        self.trim(now);
        for (_, peer) in self.care.blocked.extract_if(.., |(until, _)| *until <= now) {
            self.swarm.behaviour_mut().blocked.unblock_peer(peer);
        }
        if now.duration_since(self.care.scores_told) >= SCORES_EVERY {
            self.tell_scores(now);
        }
    }

    fn part_from_dead(&mut self, now: Instant) {
        let stalled = now.duration_since(self.care.ticked) > STALL;
        self.care.ticked = now;
        let mut dead = vec![];
        for (id, peer) in self.peers.iter_mut() {
            for connection in &mut peer.connections {
                if stalled {
                    connection.heard = now;
                } else if peer.latency.is_some() && now.duration_since(connection.heard) > SILENCE_MAX {
                    dead.push(*id);
                }
            }
        }
        for id in dead {
            info!(peer = %id, "peer is silent, connecting anew");
            self.part(&id);
        }
    }

    fn end_visits(&mut self, now: Instant) {
        for id in self.peers.surplus_visits(now) {
            if !self.discovery.dialer.is_configured(&id) {
                self.part(&id);
            }
        }
    }

    /// Both sides would close another connection if both did this, and be left with none.
    fn trim(&mut self, now: Instant) {
        let own = *self.swarm.local_peer_id();
        let peers = self.peers.iter().filter(|(id, _)| own < **id);
        for connection in peers.filter_map(|(_, peer)| surplus(peer, now)).collect::<Vec<_>>() {
            self.swarm.close_connection(connection);
        }
    }

    pub(super) fn count_peers(&self) {
        self.shared.peers.store(self.peers.greeted(), Ordering::Relaxed);
    }
}

/// A second connection that is not needed. Of a peer that does not tell its run the first one may be dead, unless it gave
/// a sign of life since.
fn surplus(peer: &Peer, now: Instant) -> Option<ConnectionId> {
    let second = peer.connections.get(1).filter(|second| now.duration_since(second.since) >= TRIM_AFTER)?;
    (peer.run.is_some() || peer.first().heard > second.since).then_some(second.id)
}

#[cfg(test)]
mod tests {
    use super::super::peers::Peers;
    use super::*;

    /// A peer with two connections, the second made 10 s after the first; and when that was.
    fn twice_connected(run: Option<&str>) -> (Peers, PeerId, Instant) {
        let (mut peers, id, start) = (Peers::default(), PeerId::random(), Instant::now());
        let second = start + Duration::from_secs(10);
        for (number, since) in [(1, start), (2, second)] {
            let address = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
            let (connection, source) = (ConnectionId::new_unchecked(number), Source::Inbound);
            peers.connected(
                id,
                Connection { id: connection, address, inbound: true, since, heard: since, source, visit: false },
            );
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
