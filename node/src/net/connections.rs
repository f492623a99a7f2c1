//! Turns events of connections into facts for the membership, and its acts into calls of libp2p.
//!
//! Owns: the order in which acts are performed. Does not own: any decision (`membership`).
//! Start reading at [`Task::decide`].

use super::behaviour::RUN_MARK;
use super::errand::Errand;
use super::handle::NetEvent;
use super::membership::failure::Failure;
use super::membership::{About, Act, Fact, Note, Way};
use super::peer_score::PeerFault;
use super::swarm_task::Task;
use super::transport::endpoint_key;
use blockchat_engine::effect::Offence;
use blockchat_engine::event::PeerTag;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, identify, ping};
use std::sync::atomic::Ordering;
use tokio::time::Instant;
use tracing::{debug, info, warn};

/// The prefix of the names of gossipsub's versions.
const GOSSIP_PROTOCOLS: &str = "/meshsub/";
/// So much is kept of what a peer says it is.
const CLIENT_CHARS_MAX: usize = 64;

impl Task {
    /// Tells the membership what happened, and does what it wants.
    pub(super) fn decide(&mut self, fact: Fact) {
        for act in self.membership.handle(fact, Instant::now()) {
            self.perform(act);
        }
        self.shared.peers.store(self.membership.peers.greeted(), Ordering::Relaxed);
    }

    fn perform(&mut self, act: Act) {
        match act {
            Act::Dial(dial) => self.resolve_and_dial(dial),
            Act::Greet(id) => self.greet(&id),
            Act::Close(connection) => _ = self.swarm.close_connection(connection),
            Act::Part(id) => self.part(&id),
            Act::Dismiss(id, why) => self.dismiss(id, why),
            Act::Probe(id, connection) => self.swarm.behaviour_mut().errands.run(id, connection, Errand::Probe),
            Act::Refuse(id, connection, why) => {
                self.swarm.behaviour_mut().errands.run(id, connection, Errand::Goodbye(why));
            }
            Act::Block(id) => _ = self.swarm.behaviour_mut().blocked.block_peer(id),
            Act::Unblock(id) => _ = self.swarm.behaviour_mut().blocked.unblock_peer(id),
            Act::Ask(id) => self.ask_for_others(id),
            Act::Route(id, addresses) => self.route(id, addresses),
            Act::Unroute(id) => self.unroute(&id),
            Act::Score(id, score) => _ = self.swarm.behaviour_mut().gossip.set_application_score(&id, score),
            Act::Reached(id, address) => self.discovery.reached(id, &address),
            Act::Called(id, addresses) => self.discovery.called(id, &addresses),
            Act::Moved(id, address) => self.discovery.book.is_wrong(id, &address),
            Act::TellStatus(peer, status) => _ = self.tell(NetEvent::PeerStatus { peer, status }),
            Act::TellGone(peer) => _ = self.tell(NetEvent::PeerGone { peer }),
            Act::TellElsewhere { shut_out } => _ = self.tell(NetEvent::Elsewhere { shut_out }),
            Act::Say(note) => say(&note),
        }
    }

    /// Closes all connections to a peer.
    pub(super) fn part(&mut self, id: &PeerId) {
        // An error means that it is gone already.
        _ = self.swarm.disconnect_peer_id(*id);
    }

    pub(super) fn on_connected(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let attempt = self.discovery.attempts.remove(&connection);
        let (address, way) = match (endpoint, attempt) {
            (ConnectedPoint::Dialer { address, .. }, Some(attempt)) => (address.clone(), Way::Out(attempt)),
            // Only we dial: see `dial_gate`.
            (ConnectedPoint::Dialer { .. }, None) => return self.part(&id),
            (ConnectedPoint::Listener { send_back_addr, .. }, _) => (send_back_addr.clone(), Way::In),
        };
        debug!(peer = %id, %address, ?way, "connected");
        let traffic = self.shared.traffic.of_connection(&endpoint_key(&address, way == Way::In));
        self.traffics.extend(traffic.map(|traffic| (connection, traffic)));
        self.decide(Fact::Connected { id, connection, address, way });
    }

    pub(super) fn on_disconnected(&mut self, id: PeerId, connection: ConnectionId) {
        self.traffics.remove(&connection);
        self.decide(Fact::Closed { id, connection });
    }

    pub(super) fn on_identified(&mut self, id: PeerId, connection: ConnectionId, info: identify::Info) {
        let (client, run) = match info.agent_version.split_once(RUN_MARK) {
            Some((client, run)) => (client, Some(run.to_owned())),
            None => (info.agent_version.as_str(), None),
        };
        let about = About {
            client: Some(client.chars().take(CLIENT_CHARS_MAX).collect()),
            run,
            gossips: info.protocols.iter().any(|protocol| protocol.as_ref().starts_with(GOSSIP_PROTOCOLS)),
            routes: info.protocols.contains(&self.discovery.kademlia),
            listens: info.listen_addrs,
        };
        self.decide(Fact::Identified { id, connection, about });
        self.answer_held_statuses();
    }

    pub(super) fn on_ping(&mut self, event: ping::Event) {
        let ping::Event { peer: id, connection, result } = event;
        match result {
            Ok(latency) => self.decide(Fact::Pinged { id, connection, latency }),
            Err(ping::Failure::Unsupported) => {}
            // libp2p leaves this to us; a dead link would otherwise live for a quarter of an hour.
            Err(error) => {
                debug!(peer = %id, %error, "a ping failed");
                self.decide(Fact::PingFailed { id });
            }
        }
    }

    /// Holds a fault against a peer.
    pub(super) fn lower(&mut self, id: PeerId, fault: PeerFault) {
        self.decide(Fact::Wronged { id, fault });
    }

    /// The node does.
    pub(super) fn blame(&mut self, peer: PeerTag, offence: Offence) {
        let fault = match offence {
            Offence::BadBlocks => PeerFault::Blocks,
        };
        if let Some(id) = self.membership.peers.id(peer) {
            self.lower(id, fault);
        }
    }
}

/// Tells people.
fn say(note: &Note) {
    match note {
        Note::Joined { id, address, source } => {
            info!(peer = %id, %address, source = source.told().as_str(), "peer joined");
        }
        Note::Left { id } => info!(peer = %id, "peer left"),
        Note::Anew { id, why } => info!(peer = %id, why, "reconnecting to peer"),
        Note::LetGo { id, why } => debug!(peer = %id, why, "disconnecting from peer"),
        Note::OtherChain { id, theirs, version } => {
            info!(peer = %id, theirs = %theirs.short(), version, "peer is of another chain, disconnecting: its genesis differs from ours");
        }
        Note::Misbehaves { id, fault, spared } => warn!(peer = %id, ?fault, spared, "peer misbehaves"),
        Note::Unreachable { addresses, why } => unreachable_peer(addresses, why),
        Note::Copied { id, at, news } if *news => {
            warn!(
                peer = %id,
                %at,
                "a peer's identity is used in two places (a copied home, a restored backup, a second replica): the node that \
                 is connected stays, the other one is refused"
            );
        }
        Note::Copied { id, at, .. } => {
            debug!(peer = %id, %at, "the second node with this peer's identity is refused again")
        }
        Note::Elsewhere { by, at } => {
            warn!(peer = %by, %at, "a peer refuses this node: its identity is used in two places, and the other node is connected there");
        }
    }
}

fn unreachable_peer(addresses: &[Multiaddr], why: &Failure) {
    let addresses = addresses.iter().map(Multiaddr::to_string).collect::<Vec<_>>().join(" ");
    warn!(addresses, %why, "a configured peer cannot be reached, retrying");
}
