//! Gossip in and out: what peers send is decoded, held against quotas and handed on with a ticket; what we send is
//! stamped and published.
//!
//! Always true:
//! - a message of a peer that has not said yet which chain it is of waits, [`HELD_FOR`] at most, before it is judged: a
//!   verdict of "ignore" is for ever;
//! - a consensus message is published at once, never behind transactions, and again if nobody could be reached;
//! - two sends of one message differ in bytes, or everybody's memory of seen messages would swallow the second.
//!
//! Start reading at [`Task::on_message`].

use super::batcher::Batcher;
use super::config::{BLOCK_WIRE_MAX, EVENTS_MAX};
use super::gossip::{Topics, Waiting, wire_max};
use super::handle::{NetEvent, NetVerdict};
use super::peer_score::Fault;
use super::quota::{Authors, GOSSIP_BYTES};
use super::swarm_task::Task;
use blockchat_engine::event::{GossipTicket, PeerTag};
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, Topic, TransactionBatch};
use blockchat_proto::limits::BATCH_TRANSACTIONS_MAX;
use libp2p::PeerId;
use libp2p::gossipsub::{Message, MessageId, PublishError, TopicHash};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};

/// How long a message waits for its sender's handshake.
const HELD_FOR: Duration = Duration::from_secs(1);
/// Most bytes held of one peer: one block fits.
const HELD_BYTES_MAX: usize = BLOCK_WIRE_MAX;
/// Most bytes held of all peers.
const HELD_BYTES_ALL_MAX: usize = 8 * HELD_BYTES_MAX;
/// Most consensus messages that wait for somebody to hear them.
const UNSENT_MAX: usize = 64;
/// A message that nobody could hear is given up after this: the voting rounds repeat themselves.
const UNSENT_FOR: Duration = Duration::from_secs(2);

/// Everything about gossip that outlives one message.
pub(super) struct Relay {
    topics: Topics,
    waiting: Waiting,
    held: Held,
    authors: Authors,
    pub(super) batcher: Batcher,
    unsent: VecDeque<(Instant, ConsensusMessage)>,
    /// Stamped on every consensus message; rises over restarts.
    counter: u64,
}

impl Relay {
    /// `started_ms`: unix time, so that counters and salts go on where the last run stopped.
    pub(super) fn new(topics: Topics, started_ms: u64) -> Self {
        Self {
            topics,
            waiting: Waiting::default(),
            held: Held::default(),
            authors: Authors::default(),
            batcher: Batcher::new(started_ms, Instant::now()),
            unsent: VecDeque::new(),
            counter: started_ms,
        }
    }

    pub(super) fn topic_hash(&self, topic: Topic) -> TopicHash {
        self.topics.ident(topic).hash()
    }
}

/// A message that waits for its sender's handshake.
struct HeldMessage {
    since: Instant,
    ticket: GossipTicket,
    topic: Topic,
    message: Message,
}

/// What peers sent before their handshake.
#[derive(Default)]
struct Held {
    by_peer: BTreeMap<PeerId, Vec<HeldMessage>>,
}

impl Held {
    /// Keeps a message, if there is room.
    fn add(&mut self, peer: PeerId, message: HeldMessage) -> Result<(), GossipTicket> {
        let all: usize = self.by_peer.values().map(|held| bytes(held)).sum();
        let held = self.by_peer.entry(peer).or_default();
        let more = message.message.data.len();
        if bytes(held) + more > HELD_BYTES_MAX || all + more > HELD_BYTES_ALL_MAX {
            return Err(message.ticket);
        }
        held.push(message);
        Ok(())
    }

    /// Takes all of one peer, in order.
    fn take(&mut self, peer: &PeerId) -> Vec<HeldMessage> {
        self.by_peer.remove(peer).unwrap_or_default()
    }

    /// Takes what has waited long enough.
    fn take_late(&mut self, now: Instant) -> Vec<GossipTicket> {
        let late = |held: &mut HeldMessage| now.duration_since(held.since) >= HELD_FOR;
        let taken =
            self.by_peer.values_mut().flat_map(|held| held.extract_if(.., late)).map(|held| held.ticket).collect();
        self.by_peer.retain(|_, held| !held.is_empty());
        taken
    }
}

fn bytes(held: &[HeldMessage]) -> usize {
    held.iter().map(|held| held.message.data.len()).sum()
}

impl Task {
    /// A message came, for the first time.
    pub(super) fn on_message(&mut self, source: PeerId, id: MessageId, message: Message) {
        let ticket = self.relay.waiting.issue(id, source);
        let Some(topic) = self.relay.topics.of(&message.topic) else {
            return self.settle(ticket, NetVerdict::Ignore);
        };
        let now = Instant::now();
        match self.peers.get_mut(&source) {
            Some(peer) if peer.status.is_some() => {
                peer.gossiped = Some(now);
                let from = peer.tag;
                self.judge(source, from, ticket, topic, &message);
            }
            _ => {
                let held = HeldMessage { since: now, ticket, topic, message };
                if let Err(ticket) = self.relay.held.add(source, held) {
                    self.settle(ticket, NetVerdict::Ignore);
                }
            }
        }
    }

    /// A peer turned out to be of our chain: what it sent so far is judged now.
    pub(super) fn judge_held(&mut self, source: PeerId, from: PeerTag) {
        for held in self.relay.held.take(&source) {
            self.judge(source, from, held.ticket, held.topic, &held.message);
        }
    }

    /// A peer is gone before it said which chain it is of.
    pub(super) fn drop_held(&mut self, source: &PeerId) {
        for held in self.relay.held.take(source) {
            self.settle(held.ticket, NetVerdict::Ignore);
        }
    }

    /// Cheap checks here, in order of cost: quota of bytes, form, quota of the author.
    fn judge(&mut self, source: PeerId, from: PeerTag, ticket: GossipTicket, topic: Topic, message: &Message) {
        let now = Instant::now();
        if topic == Topic::Transactions && !self.may_gossip(&source, message.data.len(), now) {
            debug!(peer = %source, "peer sends more than its share of transactions");
            return self.settle(ticket, NetVerdict::Ignore);
        }
        let Some(event) = decode(topic, &message.data, from, ticket) else {
            debug!(peer = %source, ?topic, "gossip does not decode");
            return self.settle(ticket, NetVerdict::Reject);
        };
        if let NetEvent::Consensus { message: said, .. } = &event {
            let author = message.source.unwrap_or(source);
            if !self.relay.authors.may_say(author, said, now) {
                debug!(%author, "author repeats itself too often");
                return self.settle(ticket, NetVerdict::Ignore);
            }
        }
        if !self.deliver(event) {
            self.settle(ticket, NetVerdict::Ignore);
        }
    }

    fn may_gossip(&mut self, source: &PeerId, bytes: usize, now: Instant) -> bool {
        self.peers.get_mut(source).is_some_and(|peer| peer.pace.gossip.spend(GOSSIP_BYTES, bytes, now).is_ok())
    }

    /// Transactions may fill half of the queue, and are dropped beyond it: their node repeats them.
    fn deliver(&mut self, event: NetEvent) -> bool {
        match event {
            NetEvent::Transactions { .. } => {
                self.events.capacity() > EVENTS_MAX / 2 && self.events.try_send(event).is_ok()
            }
            event => self.tell(event),
        }
    }

    /// Carries out a verdict; a rejection is held against who sent us the message: honest nodes check before they pass
    /// anything on.
    pub(super) fn settle(&mut self, ticket: GossipTicket, verdict: NetVerdict) {
        let source = self.relay.waiting.settle(&mut self.swarm.behaviour_mut().gossip, ticket, verdict);
        if let (NetVerdict::Reject, Some(source)) = (verdict, source) {
            self.lower(source, Fault::Gossip);
        }
    }

    /// Publishes at once. What nobody could hear is tried again when somebody subscribes, and soon.
    pub(super) fn broadcast(&mut self, message: ConsensusMessage) {
        self.broadcast_since(Instant::now(), message);
    }

    fn broadcast_since(&mut self, since: Instant, message: ConsensusMessage) {
        self.relay.counter += 1;
        let topic = message.topic();
        let envelope = ConsensusEnvelope { version: ENVELOPE_VERSION, counter: self.relay.counter, message };
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

    /// Somebody may hear now what nobody heard before.
    pub(super) fn broadcast_unsent(&mut self, now: Instant) {
        for (since, message) in std::mem::take(&mut self.relay.unsent) {
            if now.duration_since(since) < UNSENT_FOR {
                self.broadcast_since(since, message);
            }
        }
    }

    /// What cannot be sent is repeated by its node, or was passed on by others.
    pub(super) fn send_batch(&mut self) {
        let bytes = self.relay.batcher.take(Instant::now());
        match self.publish(Topic::Transactions, bytes) {
            Ok(()) | Err(PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => debug!(%error, "batch not sent"),
        }
    }

    fn publish(&mut self, topic: Topic, bytes: Vec<u8>) -> Result<(), PublishError> {
        let ident = self.relay.topics.ident(topic);
        match self.swarm.behaviour_mut().gossip.publish(ident, bytes) {
            Ok(_) | Err(PublishError::Duplicate) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn on_subscribed(&mut self, topic: &TopicHash) {
        if self.relay.topics.of(topic).is_some() {
            self.broadcast_unsent(Instant::now());
        }
    }

    /// Gives up what waited too long.
    pub(super) fn tick_relay(&mut self, now: Instant) {
        for ticket in self.relay.held.take_late(now) {
            self.settle(ticket, NetVerdict::Ignore);
        }
        self.broadcast_unsent(now);
    }
}

/// `None` for what no honest node sends.
fn decode(topic: Topic, data: &[u8], from: PeerTag, ticket: GossipTicket) -> Option<NetEvent> {
    let limit = wire_max(topic);
    match topic {
        Topic::Transactions => {
            let batch: TransactionBatch = codec::decode(data, limit).ok()?;
            let fits = batch.version == ENVELOPE_VERSION && batch.transactions.len() <= BATCH_TRANSACTIONS_MAX;
            fits.then_some(NetEvent::Transactions { from, ticket, batch })
        }
        Topic::Blocks | Topic::Votes => {
            let envelope: ConsensusEnvelope = codec::decode(data, limit).ok()?;
            let fits = envelope.version == ENVELOPE_VERSION && envelope.message.topic() == topic;
            fits.then_some(NetEvent::Consensus { from, ticket, message: envelope.message })
        }
    }
}
