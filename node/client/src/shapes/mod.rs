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
mod event;
mod history;
mod message;
mod page;
mod peer;
mod problem;
mod status;
mod transaction;

pub use account::{AccountView, Standing, UnbondingView};
pub use block::{BlockIds, BlockRowView, BlockTransactionView, BlockView, BlocksRequest, IdOnly};
pub use code::{ApiCode, Code, status_of};
pub use event::{BLOCK_EVENT, BlockEvent};
pub use history::{Direction, HistoryKind, HistoryRequest, HistoryView};
pub use message::MessageView;
pub use page::{Cursor, Page, PageRequest};
pub use peer::{KnownPeerView, PeerSource, PeerView};
pub use problem::Problem;
pub use status::{LiveView, Phase, ReadyView, RulesView, StatusView, TrafficView, ValidatorView};
pub use transaction::{SubmitView, TransactionState, TransactionView, Verdict};

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
    /// GET -> server-sent events named `block`, each a [`BlockEvent`](super::BlockEvent): the tip at once, then each new
    /// one. With `Last-Event-ID`, the id of the last one heard, the tip comes only if it is another.
    pub const EVENTS: &str = "/v1/events";
    /// GET -> the genesis as JSON.
    pub const GENESIS: &str = "/v1/genesis";
    /// GET -> [`super::LiveView`] while the process works.
    pub const LIVE: &str = "/healthz/live";
    /// GET -> [`super::ReadyView`] while the node takes part, 503 with the reason otherwise.
    pub const READY: &str = "/healthz/ready";
}

/// Content type of a batch submit.
pub const BATCH_CONTENT_TYPE: &str = "application/cbor";
