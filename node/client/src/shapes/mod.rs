//! The JSON shapes of the HTTP API and its paths: a contract with clients, separate from the ledger's own types.
//! SPEC API-2 to API-4, API-6 to API-8.
//!
//! Does not own: what a node answers when (`api` in the node). Always true: a field once published keeps its name and
//! meaning; a new one has a default, so that old nodes and clients go on; a name in a list of names (a code, a standing, a
//! phase) that a program does not know is read as unknown, and hides nothing else.
//! Coins are decimal BCC strings (they pass 2^53), hashes hex, addresses bech32m, times unix ms.

mod account;
mod block;
mod code;
mod consensus;
mod event;
mod finality;
mod history;
mod log_line;
mod message;
mod node;
#[cfg(feature = "openapi")]
mod open;
#[cfg(feature = "openapi")]
mod openapi;
mod page;
mod peer;
mod pool;
mod problem;
mod status;
mod transaction;
mod validator;

pub use account::{AccountView, Standing, UnbondingView};
pub use block::{BlockIds, BlockRowView, BlockTransactionView, BlockView, BlocksRequest, IdOnly};
pub use code::{ApiCode, Code, status_of};
pub use consensus::{
    ConsensusView, DECIDED_TOLD_MAX, DecidedView, LEADERS_TOLD, LeaderView, MemberView, ProposalView, ROUNDS_TOLD_MAX,
    RoundView, SetView, TimerKind, TimerView, VoteView, VotesView,
};
pub use event::{
    BarredEvent, BlockEvent, ConsensusEvent, EventTopic, MessageEvent, NodeEvent, OffenceView, PeersEvent,
    ReplacedEvent, ResetEvent, SignedTwice, TOPICS_MAX, TopicRejected, TransactionEvent, event_name,
};
pub use finality::{HeaderView, TrustRequest};
pub use history::{Direction, HistoryKind, HistoryRequest, HistoryView};
pub use log_line::{LogLevel, LogLineView};
pub use message::MessageView;
pub use node::{LOG_LINES_MAX, NodeRequest, NodeView, QueueView};
#[cfg(feature = "openapi")]
pub use openapi::document;
pub use page::{Cursor, Page, PageRequest};
pub use peer::{KnownPeerView, PeerFault, PeerFaultView, PeerScoreView, PeerSource, PeerTopicView, PeerView};
pub use pool::{PoolRequest, PoolRowView};
pub use problem::Problem;
pub use status::{
    GrantsView, LedView, LiveView, Phase, QueuedView, ReadyView, RulesView, StatusView, TrafficView, ValidatorView,
};
pub use transaction::{SubmitRequest, SubmitView, TransactionState, TransactionView, Verdict, WaitView};
pub use validator::{COUNTED_MAX, ValidatorRowView};

/// Paths under the API's base address.
pub mod path {
    /// GET -> [`super::StatusView`].
    pub const STATUS: &str = "/v1/status";
    /// GET -> [`super::AccountView`]; append the address.
    pub const ACCOUNTS: &str = "/v1/accounts";
    /// POST one [`blockchat_proto::transaction::SignedTransaction`] as JSON -> [`super::SubmitView`]; GET with an id
    /// appended -> [`super::TransactionView`].
    pub const TRANSACTIONS: &str = "/v1/transactions";
    /// POST canonical bytes of `Vec<SignedTransaction>` -> `Vec<`[`super::SubmitView`]`>` in order.
    pub const TRANSACTIONS_BATCH: &str = "/v1/transactions/batch";
    /// GET with `last`, a height or a hash appended -> [`super::BlockView`]; without, and with a [`super::BlocksRequest`]
    /// -> [`super::Page`] of [`super::BlockRowView`], newest first.
    pub const BLOCKS: &str = "/v1/blocks";
    /// GET with the id of a final transaction appended, and a [`super::TrustRequest`] ->
    /// [`blockchat_proto::receipt::Receipt`].
    pub const RECEIPTS: &str = "/v1/receipts";
    /// Behind the path of an account: GET with a [`super::TrustRequest`] -> [`blockchat_proto::receipt::Receipt`].
    pub const PROOF: &str = "proof";
    /// GET with a [`super::BlocksRequest`] -> [`super::Page`] of [`super::HeaderView`], newest first.
    pub const HEADERS: &str = "/v1/headers";
    /// GET with a hash appended -> list of [`blockchat_proto::validators::Member`].
    pub const VALIDATOR_SETS: &str = "/v1/validator-sets";
    /// GET with an address appended, and a [`super::HistoryRequest`] -> [`super::Page`] of [`super::HistoryView`], newest
    /// first.
    pub const HISTORY: &str = "/v1/history";
    /// GET with an address appended, and a [`super::PageRequest`] -> [`super::Page`] of [`super::MessageView`], newest
    /// first.
    pub const MESSAGES: &str = "/v1/messages";
    /// GET, with a [`super::PageRequest`] -> [`super::Page`] of [`super::PeerView`].
    pub const PEERS: &str = "/v1/peers";
    /// GET, with a [`super::PageRequest`] -> [`super::Page`] of [`super::KnownPeerView`].
    pub const PEERS_KNOWN: &str = "/v1/peers/known";
    /// GET with `?topics=`, [`super::EventTopic`]s with commas between them (`block` without) -> server-sent events, each
    /// with an id, named as in [`super::event_name`]. With `Last-Event-ID`, the id of the last one heard on a stream of the
    /// same topics, it goes on behind that without a gap, or begins with a [`super::ResetEvent`].
    pub const EVENTS: &str = "/v1/events";
    /// GET -> [`super::ConsensusView`].
    pub const CONSENSUS: &str = "/v1/consensus";
    /// GET, with a [`super::PageRequest`] -> [`super::Page`] of [`super::ValidatorRowView`], by address.
    pub const VALIDATORS: &str = "/v1/validators";
    /// GET, with a [`super::PoolRequest`] -> [`super::Page`] of [`super::PoolRowView`], by sender and nonce.
    pub const POOL: &str = "/v1/pool";
    /// GET, with a [`super::NodeRequest`] -> [`super::NodeView`].
    pub const NODE: &str = "/v1/node";
    /// GET -> the API as an OpenAPI document.
    pub const OPENAPI: &str = "/v1/openapi.json";
    /// GET -> the node's counters as OpenMetrics text.
    pub const METRICS: &str = "/metrics";
    /// GET -> the genesis as JSON.
    pub const GENESIS: &str = "/v1/genesis";
    /// GET -> [`super::LiveView`] while the process works.
    pub const LIVE: &str = "/healthz/live";
    /// GET -> [`super::ReadyView`] while the node takes part, 503 with the reason otherwise.
    pub const READY: &str = "/healthz/ready";
}

/// Content type of a batch submit.
pub const BATCH_CONTENT_TYPE: &str = "application/cbor";
