//! Gossipsub: its settings, our topics, and messages that wait for a verdict.
//!
//! Always true: nothing is forwarded before its verdict; messages carry no signature of their own, and their ids are
//! hashes of topic and content, so that a message is the same whichever peer relays it, and a copy costs no more than a
//! hash; honest nodes under load do not score each other out of the network; no node sends a frame that another one
//! with the same settings would refuse to read. Start reading at [`behaviour`].

use super::config::{BLOCK_WIRE_MAX, EVIDENCE_WIRE_MAX, TRANSACTIONS_WIRE_MAX, VOTE_WIRE_MAX};
use super::gate::{Gate, ID_BYTES};
use super::handle::NetVerdict;
use blockchat_engine::event::GossipTicket;
use blockchat_proto::gossip::Topic;
use libp2p::PeerId;
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentTopic, MessageAcceptance, MessageId, PeerScoreParams, PeerScoreThresholds, TopicHash,
    TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Gossipsub on our topics only.
pub(super) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// Messages that wait for a verdict; beyond it the oldest are ignored.
const WAITING_MAX: usize = 4_096;
/// Ids that one control message announces or asks for, at most; of more, a random choice.
const CONTROL_IDS_MAX: usize = 400;
/// Maximum bytes of control messages in one frame. A receiver of a longer frame ends the stream, and after five streams
/// never speaks over that connection again: libp2p's own maximum, 16 KiB, is less than its own announcements of a chain
/// with many votes a second, and cut such networks into their meshes.
const CONTROL_BYTES_MAX: usize = 64 * 1024;
const _: () = assert!(CONTROL_IDS_MAX * (ID_BYTES + 2) + 1_024 < CONTROL_BYTES_MAX);
/// Messages that wait to be sent to one peer: all that it may ask for at once, and some more. Each holds its bytes, so
/// that a peer that takes nothing costs 64 MiB at worst.
const SEND_QUEUE_MAX: usize = 512;
const _: () = assert!(CONTROL_IDS_MAX < SEND_QUEUE_MAX);

/// The topics of one chain.
pub(super) struct Topics {
    names: [(Topic, IdentTopic); Topic::ALL.len()],
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

/// Longest data of a message on a topic, in bytes. Ours to hold against peers: gossipsub, told of it, drops what is longer
/// without a word.
pub(super) fn wire_max(topic: Topic) -> usize {
    match topic {
        Topic::Transactions => TRANSACTIONS_WIRE_MAX,
        Topic::Blocks => BLOCK_WIRE_MAX,
        Topic::Votes => VOTE_WIRE_MAX,
        Topic::Evidence => EVIDENCE_WIRE_MAX,
    }
}

/// Builds the behaviour, subscribed to all our topics. Scoring is on, because without it slow peers are never pruned.
pub(super) fn behaviour(topics: &Topics, gate: Arc<Gate>) -> Result<Gossip, String> {
    behaviour_with(topics, &settings(gate))
}

/// The same with other settings.
pub(super) fn behaviour_with(topics: &Topics, settings: &ConfigBuilder) -> Result<Gossip, String> {
    let ours = WhitelistSubscriptionFilter(Topic::ALL.iter().map(|topic| topics.ident(*topic).hash()).collect());
    let mut gossip: Gossip = gossipsub::Behaviour::new_with_subscription_filter(
        gossipsub::MessageAuthenticity::Anonymous,
        settings.build().map_err(|error| error.to_string())?,
        ours,
    )?;
    gossip.with_peer_score(score_params(topics), thresholds())?;
    for topic in Topic::ALL {
        gossip.subscribe(&topics.ident(topic)).map_err(|error| error.to_string())?;
    }
    Ok(gossip)
}

/// The settings of our gossip.
pub(super) fn settings(gate: Arc<Gate>) -> ConfigBuilder {
    let mut config = ConfigBuilder::default();
    config
        .validate_messages()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(move |message| gate.id_of(message))
        .mesh_n(6)
        .mesh_n_low(4)
        .mesh_n_high(12)
        .mesh_outbound_min(2)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(500))
        .flood_publish(true)
        .history_length(10)
        .history_gossip(4)
        .iwant_followup_time(Duration::from_secs(1))
        .duplicate_cache_time(Duration::from_secs(120))
        .max_transmit_size(BLOCK_WIRE_MAX)
        .max_control_messages_sent(CONTROL_IDS_MAX)
        .max_control_message_size(CONTROL_BYTES_MAX)
        .connection_handler_queue_len(SEND_QUEUE_MAX)
        .publish_queue_duration(Duration::from_secs(5))
        .forward_queue_duration(Duration::from_secs(3))
        .prune_backoff(Duration::from_secs(10))
        .idontwant_message_size_threshold(1_000)
        .idontwant_on_publish(true);
    config
}

/// Our own blame of a peer ([`super::peer_score`]) counts one to one. Gossipsub's own penalties count little, because
/// an overloaded node breaks promises and drops messages without being a liar, and all nodes of a laptop are overloaded
/// together. Good conduct earns little too, or it would outweigh blame.
fn score_params(topics: &Topics) -> PeerScoreParams {
    let topic = TopicScoreParams {
        topic_weight: 0.5,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 300.0,
        first_message_deliveries_weight: 0.1,
        first_message_deliveries_decay: 0.5,
        first_message_deliveries_cap: 20.0,
        // A quiet topic is no offence.
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -1.0,
        invalid_message_deliveries_decay: 0.9,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: Topic::ALL.iter().map(|name| (topics.ident(*name).hash(), topic.clone())).collect(),
        topic_score_cap: 10.0,
        app_specific_weight: 1.0,
        // Many nodes behind one address are normal here: a laptop, a cluster.
        ip_colocation_factor_weight: 0.0,
        // Each message that was announced and did not come counts, squared. One queue that overflows once must not
        // silence a peer; a peer that announces without end and delivers nothing keeps others from being asked.
        behaviour_penalty_weight: -0.001,
        behaviour_penalty_threshold: 500.0,
        behaviour_penalty_decay: 0.5,
        slow_peer_weight: -0.01,
        slow_peer_threshold: 100.0,
        slow_peer_decay: 0.5,
        // libp2p keeps an hour of every peer that ever connected, which strangers can fill; we keep the blame of peers
        // ourselves.
        retain_score: Duration::from_secs(60),
        ..PeerScoreParams::default()
    }
}

/// The score of a peer that keeps sending messages of a form that GOSSIP-1 excludes: 142 within a second.
///
/// Gossipsub drops such messages (signed, numbered, with an author) before we see them, and only this score tells. Nothing
/// else lowers a score so far: see [`score_params`].
const FORMLESS_SCORE: f64 = -10_000.0;

/// Peers that flood us with messages of a form that no node of ours sends.
pub(super) fn formless(gossip: &Gossip) -> Vec<PeerId> {
    let low = |id: &&PeerId| gossip.peer_score(id).is_some_and(|score| score < FORMLESS_SCORE);
    gossip.all_peers().map(|(id, _)| id).filter(low).copied().collect()
}

/// At -19 we let a peer go ourselves, and at -49 ban it: only those whom we spare ever get that low.
fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -40.0,
        publish_threshold: -200.0,
        // Deaf to those whom we spare, if they flood us. Above it, messages count on: see [`FORMLESS_SCORE`].
        graylist_threshold: 2.0 * FORMLESS_SCORE,
        accept_px_threshold: 1_000.0,
        opportunistic_graft_threshold: 0.5,
    }
}

/// The facts about a message that its verdict needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The first peer that brought it.
    pub(super) source: PeerId,
    /// `None` of none of ours.
    pub(super) topic: Option<Topic>,
    pub(super) bytes: usize,
}

/// Messages that were handed out and wait for a verdict.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    messages: BTreeMap<GossipTicket, (MessageId, Held)>,
    order: VecDeque<GossipTicket>,
}

impl Waiting {
    /// A ticket for a message; the oldest one waiting may be given up for it.
    pub(super) fn issue(&mut self, id: MessageId, held: Held) -> GossipTicket {
        self.next += 1;
        let ticket = GossipTicket(self.next);
        self.messages.insert(ticket, (id, held));
        self.order.push_back(ticket);
        while self.order.len() > WAITING_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.messages.remove(&oldest);
            }
        }
        ticket
    }

    /// Carries out a verdict, once; on whose message, and on which topic.
    pub(super) fn give_verdict(
        &mut self,
        gossip: &mut Gossip,
        ticket: GossipTicket,
        verdict: NetVerdict,
    ) -> Option<Held> {
        let (id, held) = self.messages.remove(&ticket)?;
        let acceptance = match verdict {
            NetVerdict::Accept => MessageAcceptance::Accept,
            NetVerdict::Reject => MessageAcceptance::Reject,
            NetVerdict::Ignore => MessageAcceptance::Ignore,
        };
        gossip.report_message_validation_result(&id, &held.source, acceptance);
        Some(held)
    }
}
