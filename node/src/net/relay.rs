//! Gossip in and out: what peers send is decoded, charged to them and handed on with a ticket; what we send is salted and
//! published.
//!
//! Always true:
//! - a message is judged as soon as it is here, whether or not its peer has said its status: gossip hands nothing out
//!   twice, so what is not looked at is lost, and others could be kept from hearing it;
//! - a consensus message is published at once, never behind transactions, and again if no peer could be reached;
//! - two sends of one message differ in bytes, or the duplicate caches of peers would swallow the second.
//!
//! Start reading at [`Task::on_message`].

use super::batcher::Batcher;
use super::config::EVENTS_MAX;
use super::gate::Gate;
use super::gossip::{self, Held, Topics, Waiting, wire_max};
use super::handle::{NetEvent, NetVerdict};
use super::membership::Fact;
use super::peer_score::PeerFault;
use super::swarm_task::Task;
use super::weight::{Scale, Weight};
use blockchat_engine::event::{GossipTicket, PeerTag};
use blockchat_proto::codec;
use blockchat_proto::gossip::{
    ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, EvidenceEnvelope, Topic, TransactionBatch,
};
use blockchat_proto::limits::BATCH_TRANSACTIONS_MAX;
use blockchat_proto::vote::Evidence;
use libp2p::PeerId;
use libp2p::gossipsub::{Message, MessageId, PublishError, TopicHash};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};

/// Bytes of one kind of gossip that the node has not looked at yet.
const UNREAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Maximum consensus messages that wait for a peer to hear them.
const UNSENT_MAX: usize = 64;
/// A message that no peer could hear is given up after this: the voting rounds repeat themselves.
const UNSENT_FOR: Duration = Duration::from_secs(2);

/// Everything about gossip that outlives one message.
pub(super) struct Relay {
    topics: Topics,
    waiting: Waiting,
    pub(super) batcher: Batcher,
    unsent: VecDeque<(Instant, ConsensusMessage)>,
    /// Evidence that no peer could hear yet.
    unheard: Vec<Evidence>,
    gate: Arc<Gate>,
    transactions: Scale,
    blocks: Scale,
    /// Votes, certificates and evidence: never behind blocks.
    votes: Scale,
}

impl Relay {
    /// `started_ms`: unix time, so that the salts of batches go on where the last run stopped.
    pub(super) fn new(topics: Topics, gate: Arc<Gate>, started_ms: u64) -> Self {
        Self {
            topics,
            waiting: Waiting::default(),
            batcher: Batcher::new(started_ms, Instant::now()),
            unsent: VecDeque::new(),
            unheard: vec![],
            gate,
            transactions: Scale::new(UNREAD_BYTES_MAX),
            blocks: Scale::new(UNREAD_BYTES_MAX),
            votes: Scale::new(UNREAD_BYTES_MAX),
        }
    }

    fn scale(&self, topic: Topic) -> &Scale {
        match topic {
            Topic::Transactions => &self.transactions,
            Topic::Blocks => &self.blocks,
            Topic::Votes | Topic::Evidence => &self.votes,
        }
    }

    pub(super) fn topic_hash(&self, topic: Topic) -> TopicHash {
        self.topics.ident(topic).hash()
    }
}

impl Task {
    /// A message came, for the first time.
    pub(super) fn on_message(&mut self, source: PeerId, id: MessageId, message: &Message) {
        let refused = Gate::is_refused(&id);
        let ticket = self
            .relay
            .waiting
            .issue(id, Held { source, topic: self.relay.topics.of(&message.topic), bytes: message.data.len() });
        let (topic, peer) = (self.relay.topics.of(&message.topic), self.membership.peers.get(&source));
        let (Some(topic), Some(peer), false) = (topic, peer, refused) else {
            debug!(peer = %source, refused, "gossip that is not looked at");
            return self.give_verdict(ticket, NetVerdict::Ignore);
        };
        let from = peer.tag;
        self.decide(Fact::Gossiped { id: source });
        self.judge(source, from, ticket, topic, &message.data);
    }

    /// Form here; signatures are for others to check, at the expense of the peer.
    fn judge(&mut self, source: PeerId, from: PeerTag, ticket: GossipTicket, topic: Topic, data: &[u8]) {
        let Some(weight) = self.relay.scale(topic).take(from, data.len()) else {
            debug!(peer = %source, ?topic, "gossip waits already, dropping");
            self.relay.gate.charge(source, 0, Instant::now());
            return self.give_verdict(ticket, NetVerdict::Ignore);
        };
        let Some(event) = decode(topic, data, from, ticket, weight) else {
            debug!(peer = %source, ?topic, "gossip does not decode");
            self.relay.gate.charge(source, 0, Instant::now());
            return self.give_verdict(ticket, NetVerdict::Reject);
        };
        self.relay.gate.charge(source, signatures(&event), Instant::now());
        if !self.deliver(event) {
            self.give_verdict(ticket, NetVerdict::Ignore);
        }
    }

    /// Transactions may fill half of the queue, and are dropped beyond it: their node repeats them.
    fn deliver(&mut self, event: NetEvent) -> bool {
        match event {
            NetEvent::Transactions { .. } => {
                let taken = self.events.capacity() > EVENTS_MAX / 2 && self.events.try_send(event).is_ok();
                self.shared.transactions_dropped.fetch_add(u64::from(!taken), Ordering::Relaxed);
                taken
            }
            event => self.tell(event),
        }
    }

    /// Carries out a verdict; a rejection is blamed on the peer that sent us the message: honest nodes check before
    /// they forward anything.
    pub(super) fn give_verdict(&mut self, ticket: GossipTicket, verdict: NetVerdict) {
        let held = self.relay.waiting.give_verdict(&mut self.swarm.behaviour_mut().gossip, ticket, verdict);
        let Some(Held { source: id, topic, bytes }) = held else {
            return;
        };
        if verdict == NetVerdict::Accept {
            self.decide(Fact::Sent { to: None, bytes });
        }
        match (verdict, topic) {
            (NetVerdict::Reject, _) => self.lower(id, PeerFault::Gossip),
            (NetVerdict::Accept, Some(Topic::Blocks | Topic::Votes)) => self.decide(Fact::Delivered { id }),
            (NetVerdict::Accept | NetVerdict::Ignore, _) => {}
        }
    }

    /// Publishes at once. A message that no peer could hear is tried again when a peer subscribes, and soon.
    pub(super) fn broadcast(&mut self, message: ConsensusMessage) {
        self.broadcast_since(Instant::now(), message);
    }

    fn broadcast_since(&mut self, since: Instant, message: ConsensusMessage) {
        let topic = message.topic();
        let envelope = ConsensusEnvelope { version: ENVELOPE_VERSION, salt: rand::random(), message };
        let bytes = codec::encode(&envelope);
        match self.publish(topic, bytes) {
            Ok(()) => {}
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {
                while self.relay.unsent.len() >= UNSENT_MAX {
                    self.relay.unsent.pop_front();
                }
                self.relay.unsent.push_back((since, envelope.message));
            }
            Err(error) => warn!(%error, ?topic, "message not sent"),
        }
    }

    /// A peer may now hear messages that none heard before.
    pub(super) fn broadcast_unsent(&mut self, now: Instant) {
        for (since, message) in std::mem::take(&mut self.relay.unsent) {
            if now.duration_since(since) < UNSENT_FOR {
                self.broadcast_since(since, message);
            }
        }
    }

    /// A message that cannot be sent is repeated by its author, or was forwarded by others.
    pub(super) fn send_batch(&mut self) {
        let bytes = self.relay.batcher.take(Instant::now());
        match self.publish(Topic::Transactions, bytes) {
            Ok(()) | Err(PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => debug!(%error, "batch not sent"),
        }
    }

    /// Publishes evidence; if no peer could hear it, it is tried again when a peer subscribes.
    pub(super) fn publish_evidence(&mut self, evidence: Evidence) {
        let bytes = codec::encode(&EvidenceEnvelope { version: ENVELOPE_VERSION, evidence: evidence.clone() });
        match self.publish(Topic::Evidence, bytes) {
            Ok(()) => {}
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {
                if self.relay.unheard.len() < UNSENT_MAX {
                    self.relay.unheard.push(evidence);
                }
            }
            Err(error) => warn!(%error, "evidence not sent"),
        }
    }

    fn publish(&mut self, topic: Topic, bytes: Vec<u8>) -> Result<(), PublishError> {
        let ident = self.relay.topics.ident(topic);
        self.decide(Fact::Sent { to: None, bytes: bytes.len() });
        match self.swarm.behaviour_mut().gossip.publish(ident, bytes) {
            Ok(_) | Err(PublishError::Duplicate) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn on_subscribed(&mut self, topic: &TopicHash) {
        if self.relay.topics.of(topic).is_some() {
            let unheard = std::mem::take(&mut self.relay.unheard);
            unheard.into_iter().for_each(|evidence| self.publish_evidence(evidence));
            self.broadcast_unsent(Instant::now());
        }
    }

    /// Tries again the messages that no peer could hear, and gives up those that waited too long.
    pub(super) fn tick_relay(&mut self, now: Instant) {
        self.broadcast_unsent(now);
        for id in gossip::formless(&self.swarm.behaviour().gossip) {
            self.lower(id, PeerFault::Gossip);
        }
    }
}

/// `None` for what no honest node sends.
fn decode(topic: Topic, data: &[u8], from: PeerTag, ticket: GossipTicket, weight: Weight) -> Option<NetEvent> {
    let (limit, weight) = (wire_max(topic), Arc::new(weight));
    match topic {
        Topic::Transactions => {
            let batch: TransactionBatch = codec::decode(data, limit).ok()?;
            let fits = batch.version == ENVELOPE_VERSION && batch.transactions.len() <= BATCH_TRANSACTIONS_MAX;
            fits.then_some(NetEvent::Transactions { from, ticket, batch, weight })
        }
        Topic::Blocks | Topic::Votes => {
            let envelope: ConsensusEnvelope = codec::decode(data, limit).ok()?;
            let fits = envelope.version == ENVELOPE_VERSION && envelope.message.topic() == topic;
            fits.then_some(NetEvent::Consensus { from, ticket, message: envelope.message, weight })
        }
        Topic::Evidence => {
            let envelope: EvidenceEnvelope = codec::decode(data, limit).ok()?;
            let fits = envelope.version == ENVELOPE_VERSION;
            fits.then_some(NetEvent::Evidence { from, ticket, evidence: envelope.evidence, weight })
        }
    }
}

/// Number of signatures to check on the word of the peer alone: those of a block are checked for its leader.
fn signatures(event: &NetEvent) -> usize {
    match event {
        NetEvent::Transactions { batch, .. } => batch.transactions.len(),
        NetEvent::Consensus { message: ConsensusMessage::RoundCertificate(certificate), .. } => certificate.votes.len(),
        NetEvent::Evidence { .. } => 2,
        _ => 1,
    }
}
