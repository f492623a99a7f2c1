//! Shapes of event streams.

use super::history::HistoryView;
use super::log_line::LogLineView;
use super::message::MessageView;
use super::peer::PeerSource;
use super::status::Phase;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::vote::{Evidence, VoteKind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Most topics of one stream.
pub const TOPICS_MAX: usize = 16;

/// Subject of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventTopic {
    /// New final blocks: [`BlockEvent`]. The tip at once, then each new one.
    Block,
    /// Another height, round, leader or phase: [`ConsensusEvent`].
    Consensus,
    /// Peers that come and go: [`PeersEvent`].
    Peers,
    /// Validators that are barred for misbehaviour: [`BarredEvent`].
    Barred,
    /// Final messages to and from an account: [`MessageEvent`].
    Messages(Address),
    /// Changes of an account: [`TransactionEvent`]; and what it replaces in the node's pool: [`ReplacedEvent`].
    Transactions(Address),
    /// Log lines: [`LogLineView`].
    Log,
}

impl fmt::Display for EventTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => f.write_str("block"),
            Self::Consensus => f.write_str("consensus"),
            Self::Peers => f.write_str("peers"),
            Self::Barred => f.write_str("barred"),
            Self::Messages(address) => write!(f, "messages:{address}"),
            Self::Transactions(address) => write!(f, "transactions:{address}"),
            Self::Log => f.write_str("log"),
        }
    }
}

/// Why a text is no topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no topic: there are block, consensus, peers, barred, log, messages:ADDRESS and transactions:ADDRESS")]
pub struct TopicRejected(String);

impl FromStr for EventTopic {
    type Err = TopicRejected;

    fn from_str(text: &str) -> Result<Self, TopicRejected> {
        let rejected = || TopicRejected(text.chars().take(100).collect());
        let address = |text: &str| text.parse::<Address>().map_err(|_| rejected());
        Ok(match text.split_once(':') {
            None if text == "block" => Self::Block,
            None if text == "consensus" => Self::Consensus,
            None if text == "peers" => Self::Peers,
            None if text == "barred" => Self::Barred,
            None if text == "log" => Self::Log,
            Some(("messages", of)) => Self::Messages(address(of)?),
            Some(("transactions", of)) => Self::Transactions(address(of)?),
            _ => return Err(rejected()),
        })
    }
}

/// Names of events: `block`, `consensus`, `peers`, `barred`, `message`, `transaction`, `replaced`, `log`, `reset`.
pub mod event_name {
    /// A [`BlockEvent`](super::BlockEvent).
    pub const BLOCK: &str = "block";
    /// A [`ConsensusEvent`](super::ConsensusEvent).
    pub const CONSENSUS: &str = "consensus";
    /// A [`PeersEvent`](super::PeersEvent).
    pub const PEERS: &str = "peers";
    /// A [`BarredEvent`](super::BarredEvent).
    pub const BARRED: &str = "barred";
    /// A [`MessageEvent`](super::MessageEvent).
    pub const MESSAGE: &str = "message";
    /// A [`TransactionEvent`](super::TransactionEvent).
    pub const TRANSACTION: &str = "transaction";
    /// A [`ReplacedEvent`](super::ReplacedEvent).
    pub const REPLACED: &str = "replaced";
    /// A [`LogLineView`](crate::shapes::LogLineView).
    pub const LOG: &str = "log";
    /// A [`ResetEvent`](super::ResetEvent).
    pub const RESET: &str = "reset";
}

/// One event of a stream, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// A new final block.
    Block(BlockEvent),
    /// Consensus goes on.
    Consensus(ConsensusEvent),
    /// A peer came or went.
    Peers(PeersEvent),
    /// A validator is barred.
    Barred(BarredEvent),
    /// A final message.
    Message(Box<MessageEvent>),
    /// Something happened to an account.
    Transaction(Box<TransactionEvent>),
    /// A transaction that is not final was replaced.
    Replaced(ReplacedEvent),
    /// A log line.
    Log(LogLineView),
    /// Earlier events are incomplete: ask for the state anew.
    Reset(ResetEvent),
}

impl NodeEvent {
    /// From its name and data; `None` for a name that this program does not know.
    pub fn read(name: &str, data: &str) -> Option<Result<Self, serde_json::Error>> {
        Some(match name {
            event_name::BLOCK => serde_json::from_str(data).map(Self::Block),
            event_name::CONSENSUS => serde_json::from_str(data).map(Self::Consensus),
            event_name::PEERS => serde_json::from_str(data).map(Self::Peers),
            event_name::BARRED => serde_json::from_str(data).map(Self::Barred),
            event_name::MESSAGE => serde_json::from_str(data).map(Self::Message),
            event_name::TRANSACTION => serde_json::from_str(data).map(Self::Transaction),
            event_name::REPLACED => serde_json::from_str(data).map(Self::Replaced),
            event_name::LOG => serde_json::from_str(data).map(Self::Log),
            event_name::RESET => serde_json::from_str(data).map(Self::Reset),
            _ => return None,
        })
    }
}

/// A new final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockEvent {
    /// Its height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Its hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub hash: Hash32,
    /// Its time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// Leader that assembled it; `null` for the genesis.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Address>))]
    pub leader: Option<Address>,
    /// Round in which it was built.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// How many transactions it holds.
    pub transactions: u32,
    /// Size of the canonical bytes.
    pub bytes: u64,
}

/// The node is at another height, round, leader or phase than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsensusEvent {
    /// When, by the node's clock.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// The height being decided.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Its round.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// Leader of that round.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub leader: Address,
    /// Phase of the node.
    pub phase: Phase,
    /// Does it vote?
    pub voting: bool,
}

/// A peer came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PeersEvent {
    /// When, by the node's clock.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// libp2p peer id.
    pub peer_id: String,
    /// Did it come? Otherwise it went.
    pub connected: bool,
    /// Its address, as a multiaddress.
    pub address: String,
    /// How it was found.
    pub source: PeerSource,
    /// How many peers there are now.
    pub peers: u32,
}

/// A validator contradicted itself: from this block on it is barred, for ever. SPEC EVID-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BarredEvent {
    /// The block with the evidence.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Its time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// The barred account.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub account: Address,
    /// How much of its stake and unbonding burned.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub burned: Coins,
    /// Why.
    pub offence: OffenceView,
}

/// Two different things that one key signed where one is allowed. SPEC EVID-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OffenceView {
    /// Kind of message signed twice.
    pub twice: SignedTwice,
    /// At which height,
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// and in which round of it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
}

/// A message that a validator signs once per round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignedTwice {
    /// A proposal.
    Proposal,
    /// A prevote.
    Prevote,
    /// A precommit.
    Precommit,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for OffenceView {
    /// `signed two precommits at height 12, round 0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { twice, height, round } = self;
        let what = match twice {
            SignedTwice::Proposal => "two proposals",
            SignedTwice::Prevote => "two prevotes",
            SignedTwice::Precommit => "two precommits",
            SignedTwice::Unknown => "two things that contradict each other",
        };
        write!(f, "signed {what} at height {height}, round {round}")
    }
}

impl From<&Evidence> for OffenceView {
    fn from(evidence: &Evidence) -> Self {
        let (twice, height, round) = match evidence {
            Evidence::Proposals { first, .. } => (SignedTwice::Proposal, first.proposal.height, first.proposal.round),
            Evidence::Votes { first, .. } => {
                let twice = match first.vote.kind {
                    VoteKind::Prevote => SignedTwice::Prevote,
                    VoteKind::Precommit => SignedTwice::Precommit,
                };
                (twice, first.vote.height, first.vote.round)
            }
        };
        Self { twice, height, round }
    }
}

/// A final message to or from an account that the stream is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageEvent {
    /// The account of the topic.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub account: Address,
    /// The message.
    #[serde(flatten)]
    pub message: MessageView,
}

/// Something final that happened to an account that the stream is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransactionEvent {
    /// The account of the topic.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub account: Address,
    /// The event.
    #[serde(flatten)]
    pub entry: HistoryView,
}

/// In the node's pool, another transaction of the same sender and nonce took the place of one. SPEC API-12.
///
/// Told as it happens; what is missed is not told later: ask for the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplacedEvent {
    /// Id of the one that was replaced.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub id: Hash32,
    /// Id of the one that replaced it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub by: Hash32,
    /// Sender of both; the account of the topic.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub sender: Address,
    /// Nonce of both.
    pub nonce: u64,
}

/// The stream cannot go on where the reader stopped: it begins anew here, and what lies between is lost to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResetEvent {
    /// Why, for a person.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_comes_back_from_its_text_and_anything_else_is_refused() {
        use EventTopic::{Barred, Block, Consensus, Log, Messages, Peers, Transactions};
        let somebody = Address([7; 32]);
        for topic in [Block, Consensus, Peers, Barred, Log, Messages(somebody), Transactions(somebody)] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        for wrong in ["", "blocks", "log:", "messages", "messages:", "messages:bcc1qqq", "transactions: "] {
            assert!(wrong.parse::<EventTopic>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_read_by_its_name_and_unknown_ones_are_passed_over() {
        let reset = ResetEvent { reason: "too slow".into() };
        let data = serde_json::to_string(&reset).unwrap();
        assert_eq!(NodeEvent::read("reset", &data).unwrap().unwrap(), NodeEvent::Reset(reset));
        let (id, by) = (Hash32([1; 32]), Hash32([2; 32]));
        let replaced = ReplacedEvent { id, by, sender: Address([7; 32]), nonce: 3 };
        let told = serde_json::to_string(&replaced).unwrap();
        assert_eq!(NodeEvent::read("replaced", &told).unwrap().unwrap(), NodeEvent::Replaced(replaced));
        assert!(NodeEvent::read("block", &data).unwrap().is_err());
        assert!(NodeEvent::read("moon", &data).is_none());
    }
}
