//! The gate that every gossip message passes before gossipsub's duplicate cache: the shares of the peer that brings it.
//!
//! Why before: gossipsub remembers the id of everything that comes in, and never hands the same one out again. Were a
//! message refused only afterwards, a peer beyond its share could bring true votes just to have them forgotten here.
//! So a refused message gets an id of its own that no true message has, and what it holds stays unseen.
//!
//! Always true: the id of a message depends on topic and data alone, whichever peer brings it; a copy costs its peer
//! bytes, and a new message the checking, too; nothing is decoded here. Start reading at [`Gate::id_of`].

use super::gossip::Gossip;
use super::shares::Shares;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::gossipsub::{self, Message, MessageId};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use sha2::{Digest, Sha256};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a message's id. SPEC GOSSIP-1.
pub(super) const ID_BYTES: usize = 20;
/// The id of all that is refused: no hash is so short. After the first one, gossipsub drops them as seen before.
const REFUSED: &[u8] = &[0];
/// Gossip that we take in, in bytes a second, copies included.
const BYTES_A_SECOND: u32 = 32 * 1024 * 1024;
/// Handling of one new message, as a part of the capacity: 2,000 of them a second, because gossipsub keeps the id of each
/// for two minutes, at some 300 bytes. 128 validators that decide four blocks a second say half as many.
const MESSAGE: Duration = Duration::from_micros(500);
/// Checking of one signature on one thread.
const SIGNATURE: Duration = Duration::from_micros(20);

/// See the module's header. Shared by gossipsub, which asks for ids, and the task, which says what messages cost.
#[derive(Debug)]
pub(super) struct Gate {
    /// Checking of one signature, as a part of the capacity: of half of the machine.
    signature: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The peer whose messages gossipsub is reading; `None` for our own.
    delivering: Option<PeerId>,
    bytes: Shares,
    checking: Shares,
}

impl Gate {
    /// `threads`: of the machine.
    pub(super) fn new(threads: usize) -> Self {
        let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        Self { signature: SIGNATURE * 2 / threads, inner: Mutex::default() }
    }

    /// The id of a message in gossipsub. SPEC GOSSIP-1.
    pub(super) fn id_of(&self, message: &Message) -> MessageId {
        if !self.lets_in(message.data.len()) {
            return MessageId::new(REFUSED);
        }
        let digest = Sha256::new().chain_update(message.topic.as_str()).chain_update(&message.data).finalize();
        MessageId::new(&digest[..ID_BYTES])
    }

    /// Was this message refused?
    pub(super) fn is_refused(id: &MessageId) -> bool {
        id.0 == REFUSED
    }

    /// A peer brought something new, with so many signatures to check.
    pub(super) fn charge(&self, peer: PeerId, signatures: usize, now: Instant) {
        let signatures = u32::try_from(signatures).unwrap_or(u32::MAX);
        let work = MESSAGE.saturating_add(self.signature.saturating_mul(signatures));
        self.lock().checking.charge(peer, work, now);
    }

    fn lets_in(&self, bytes: usize) -> bool {
        let mut inner = self.lock();
        let Some(peer) = inner.delivering else {
            return true;
        };
        let now = Instant::now();
        let may = inner.bytes.may(&peer, now) && inner.checking.may(&peer, now);
        if may {
            let second = Duration::from_secs(1).saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
            inner.bytes.charge(peer, second / BYTES_A_SECOND, now);
        }
        may
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while holding it")
    }
}

/// Gossipsub behind the gate: the same behaviour, which tells the gate whose messages it is looking at.
pub(super) struct Gated {
    gossip: Gossip,
    gate: Arc<Gate>,
}

impl Gated {
    pub(super) fn new(gossip: Gossip, gate: Arc<Gate>) -> Self {
        Self { gossip, gate }
    }
}

impl Deref for Gated {
    type Target = Gossip;

    fn deref(&self) -> &Gossip {
        &self.gossip
    }
}

impl DerefMut for Gated {
    fn deref_mut(&mut self) -> &mut Gossip {
        &mut self.gossip
    }
}

impl NetworkBehaviour for Gated {
    type ConnectionHandler = <Gossip as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = gossipsub::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.gossip.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.gossip.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.gossip.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.gate.lock().delivering = Some(peer);
        self.gossip.on_connection_handler_event(peer, connection, event);
        self.gate.lock().delivering = None;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.gossip.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::gossipsub::IdentTopic;

    fn message(data: Vec<u8>) -> Message {
        Message { source: None, data, sequence_number: None, topic: IdentTopic::new("a topic").hash() }
    }

    /// The id that a message gets when this peer brings it.
    fn brought(gate: &Gate, peer: PeerId, message: &Message) -> MessageId {
        gate.lock().delivering = Some(peer);
        let id = gate.id_of(message);
        gate.lock().delivering = None;
        id
    }

    #[test]
    fn a_message_has_one_id_whoever_brings_it_and_another_one_on_another_topic() {
        let gate = Gate::new(2);
        let one = message(vec![1, 2, 3]);
        let id = gate.id_of(&one);
        assert_eq!(id.0.len(), ID_BYTES);
        assert_eq!(brought(&gate, PeerId::random(), &one), id);
        assert_ne!(gate.id_of(&Message { topic: IdentTopic::new("another").hash(), ..one.clone() }), id);
        assert_ne!(gate.id_of(&message(vec![1, 2, 4])), id);
    }

    #[test]
    fn what_is_refused_has_not_been_seen_and_others_may_still_bring_it() {
        let (gate, liar, honest) = (Gate::new(2), PeerId::random(), PeerId::random());
        let vote = message(vec![7; 200]);
        gate.charge(honest, 1, Instant::now());
        while !Gate::is_refused(&brought(&gate, liar, &vote)) {
            gate.charge(liar, 1_000, Instant::now());
        }
        assert_eq!(brought(&gate, honest, &vote), gate.id_of(&vote));
    }

    #[test]
    fn bytes_count_even_if_there_is_nothing_new_in_them() {
        let (gate, liar, honest) = (Gate::new(2), PeerId::random(), PeerId::random());
        let copy = message(vec![7; 1024 * 1024]);
        brought(&gate, honest, &message(vec![1]));
        let copies = (0..1_000).take_while(|_| !Gate::is_refused(&brought(&gate, liar, &copy))).count();
        assert!((32..1_000).contains(&copies), "{copies} MiB");
        assert!(!Gate::is_refused(&brought(&gate, honest, &copy)));
    }

    #[test]
    fn our_own_messages_are_never_refused() {
        let (gate, peer) = (Gate::new(2), PeerId::random());
        gate.charge(peer, 1_000_000_000, Instant::now());
        let ours = message(vec![1]);
        assert!(Gate::is_refused(&brought(&gate, peer, &ours)));
        assert!(!Gate::is_refused(&gate.id_of(&ours)));
    }
}
