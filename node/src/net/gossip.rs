//! Gossipsub: its settings, our topics, and messages that wait for a verdict.

use super::config::{BLOCK_WIRE_MAX, TRANSACTIONS_WIRE_MAX, VOTE_WIRE_MAX};
use super::handle::NetVerdict;
use blockchat_engine::event::GossipTicket;
use blockchat_proto::gossip::Topic;
use libp2p::PeerId;
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentTopic, MessageAcceptance, MessageId, PeerScoreParams, PeerScoreThresholds, TopicHash,
    TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};
use libp2p::identity::Keypair;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Gossipsub on our topics only.
pub(super) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// Messages that wait for a verdict; beyond it the oldest are ignored.
const WAITING_MAX: usize = 4_096;

/// The topics of one chain.
pub(super) struct Topics {
    names: [(Topic, IdentTopic); 3],
}

impl Topics {
    pub(super) fn new(chain: &str) -> Self {
        Self { names: Topic::ALL.map(|topic| (topic, IdentTopic::new(topic.name(chain)))) }
    }

    pub(super) fn ident(&self, topic: Topic) -> IdentTopic {
        let found = self.names.iter().find(|(name, _)| *name == topic);
        found.map(|(_, ident)| ident.clone()).expect("all topics are listed")
    }

    pub(super) fn of(&self, hash: &TopicHash) -> Option<Topic> {
        self.names.iter().find(|(_, ident)| ident.hash() == *hash).map(|(topic, _)| *topic)
    }
}

/// Longest message of a topic on the wire, in bytes.
pub(super) fn wire_max(topic: Topic) -> usize {
    match topic {
        Topic::Transactions => TRANSACTIONS_WIRE_MAX,
        Topic::Blocks => BLOCK_WIRE_MAX,
        Topic::Votes => VOTE_WIRE_MAX,
    }
}

/// Builds the behaviour, subscribed to all our topics.
///
/// Ids are hashes of topic and content, so that a message is the same whoever relays it; nothing is passed on before its
/// verdict; scoring is on, because without it slow peers are never pruned.
pub(super) fn behaviour(key: &Keypair, topics: &Topics) -> Result<Gossip, String> {
    let mut config = ConfigBuilder::default();
    config
        .validate_messages()
        .validation_mode(ValidationMode::Strict)
        .message_id_fn(|message| {
            let digest = Sha256::new().chain_update(message.topic.as_str()).chain_update(&message.data).finalize();
            MessageId::new(&digest[..20])
        })
        .mesh_n(6)
        .mesh_n_low(4)
        .mesh_n_high(12)
        .mesh_outbound_min(2)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(300))
        .flood_publish(true)
        .history_length(10)
        .history_gossip(4)
        .duplicate_cache_time(Duration::from_secs(120))
        .max_transmit_size(BLOCK_WIRE_MAX)
        .connection_handler_queue_len(256)
        .publish_queue_duration(Duration::from_secs(5))
        .forward_queue_duration(Duration::from_secs(3))
        .prune_backoff(Duration::from_secs(10))
        .idontwant_message_size_threshold(1_000);
    for topic in Topic::ALL {
        config.max_transmit_size_for_topic(wire_max(topic), topics.ident(topic).hash());
    }
    let config = config.build().map_err(|error| error.to_string())?;
    let ours = WhitelistSubscriptionFilter(Topic::ALL.iter().map(|topic| topics.ident(*topic).hash()).collect());
    let mut gossip: Gossip = gossipsub::Behaviour::new_with_subscription_filter(
        gossipsub::MessageAuthenticity::Signed(key.clone()),
        config,
        ours,
    )?;
    gossip.with_peer_score(score_params(topics), PeerScoreThresholds::default())?;
    for topic in Topic::ALL {
        gossip.subscribe(&topics.ident(topic)).map_err(|error| error.to_string())?;
    }
    Ok(gossip)
}

/// Many nodes behind one address are normal here (a laptop, a cluster), and a quiet mesh is no offence.
fn score_params(topics: &Topics) -> PeerScoreParams {
    let quiet = TopicScoreParams {
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        ip_colocation_factor_weight: 0.0,
        topics: Topic::ALL.iter().map(|topic| (topics.ident(*topic).hash(), quiet.clone())).collect(),
        ..PeerScoreParams::default()
    }
}

/// Messages that were handed out and wait for a verdict.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    messages: BTreeMap<GossipTicket, (MessageId, PeerId)>,
    order: VecDeque<GossipTicket>,
}

impl Waiting {
    /// A ticket for a message; the oldest one waiting may be given up for it.
    pub(super) fn issue(&mut self, id: MessageId, source: PeerId) -> GossipTicket {
        self.next += 1;
        let ticket = GossipTicket(self.next);
        self.messages.insert(ticket, (id, source));
        self.order.push_back(ticket);
        while self.order.len() > WAITING_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.messages.remove(&oldest);
            }
        }
        ticket
    }

    /// Carries out a verdict, once.
    pub(super) fn settle(&mut self, gossip: &mut Gossip, ticket: GossipTicket, verdict: NetVerdict) -> Option<PeerId> {
        let (id, source) = self.messages.remove(&ticket)?;
        let acceptance = match verdict {
            NetVerdict::Accept => MessageAcceptance::Accept,
            NetVerdict::Reject => MessageAcceptance::Reject,
            NetVerdict::Ignore => MessageAcceptance::Ignore,
        };
        gossip.report_message_validation_result(&id, &source, acceptance);
        Some(source)
    }
}
