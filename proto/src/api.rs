//! The HTTP API as JSON shapes and paths: a contract with clients, separate from the ledger's own types.
//! SPEC API-2 to API-4, API-6.
//!
//! Does not own: what a node answers when (`api` in the node). Always true: a field once published keeps its name and
//! meaning; a new one has a default, so that old nodes and clients go on.
//! Coins are decimal BCC strings (they pass 2^53), hashes hex, addresses bech32m, times unix ms.

use crate::coins::Coins;
use crate::hash::Hash32;
use crate::keys::Address;
use crate::transaction::SignedTransaction;
use crate::units::{Height, Round, UnixMillis};
use serde::{Deserialize, Serialize};

/// Paths under the API's base address.
pub mod path {
    /// GET -> [`super::StatusView`].
    pub const STATUS: &str = "/v1/status";
    /// GET -> [`super::AccountView`]; append the address.
    pub const ACCOUNTS: &str = "/v1/accounts";
    /// POST one [`crate::transaction::SignedTransaction`] as JSON -> [`super::SubmitView`]; GET with an id appended ->
    /// [`super::TransactionView`].
    pub const TRANSACTIONS: &str = "/v1/transactions";
    /// POST canonical bytes of `Vec<SignedTransaction>` -> `Vec<`[`super::SubmitView`]`>` in order.
    pub const TRANSACTIONS_BATCH: &str = "/v1/transactions/batch";
    /// GET with `last`, a height or a hash appended -> [`super::BlockView`].
    pub const BLOCKS: &str = "/v1/blocks";
    /// GET with an address appended, `?limit=&before=` -> `Vec<`[`super::MessageView`]`>`, newest first.
    pub const MESSAGES: &str = "/v1/messages";
    /// GET -> `Vec<`[`super::PeerView`]`>`.
    pub const PEERS: &str = "/v1/peers";
    /// GET -> `Vec<`[`super::KnownPeerView`]`>`.
    pub const PEERS_KNOWN: &str = "/v1/peers/known";
    /// GET -> server-sent events named `block`, each `{height, hash, time}` of a new final block.
    pub const EVENTS: &str = "/v1/events";
    /// GET -> the genesis as JSON.
    pub const GENESIS: &str = "/v1/genesis";
    /// GET -> 200 while the process works.
    pub const LIVE: &str = "/healthz/live";
    /// GET -> 200 while the node takes part, 503 with the reason otherwise.
    pub const READY: &str = "/healthz/ready";
}

/// Content type of a batch submit.
pub const BATCH_CONTENT_TYPE: &str = "application/cbor";

/// How a node is, in one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// `name-8hex`.
    pub chain: String,
    /// Genesis hash.
    pub genesis_hash: Hash32,
    /// Version of the program.
    pub version: String,
    /// Digest of the rules' sources this program was built from.
    pub sources: String,
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it listens, as multiaddresses.
    pub listen: Vec<String>,
    /// The validator key's address, if this node has one.
    pub validator: Option<Address>,
    /// Last final height.
    pub height: Height,
    /// Its hash.
    pub tip: Hash32,
    /// State root after it.
    pub state_root: Hash32,
    /// Its time.
    pub tip_time: UnixMillis,
    /// All coins there are: balances, stakes, unbonding, treasury.
    pub supply: Coins,
    /// What the node does now.
    pub phase: Phase,
    /// Round of the height being decided.
    pub round: Round,
    /// Leader of that round.
    pub leader: Option<Address>,
    /// Does this node vote?
    pub voting: bool,
    /// Connected peers of this chain.
    pub peers: u32,
    /// Pooled transactions.
    pub pool_transactions: u32,
    /// Their bytes.
    pub pool_bytes: u64,
    /// The set of the height being decided.
    pub validators: Vec<ValidatorView>,
    /// When the process started.
    pub started: UnixMillis,
    /// Bytes to and from peers since then; zeros of a node that does not say.
    #[serde(default)]
    pub traffic: TrafficView,
}

/// Bytes through the sockets between a node and its peers, since its process started: with encryption and framing,
/// without the headers of TCP and IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficView {
    /// From peers.
    pub received_bytes: u64,
    /// To peers.
    pub sent_bytes: u64,
}

/// What a node does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// At the tip, waiting for transactions or the next block's time.
    Idle,
    /// Deciding a height.
    Deciding,
    /// Fetching blocks it missed.
    CatchingUp {
        /// The height it knows of.
        target: Height,
    },
    /// Too little stake is reachable: nothing can be decided until it returns.
    WaitingForStake {
        /// Reachable share of the stake, in percent with one decimal, such as `60.0`.
        online_percent: String,
        /// The members that are missing.
        missing: Vec<Address>,
    },
}

/// One member of the validator set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorView {
    /// Whose.
    pub address: Address,
    /// Staked coins.
    pub stake: Coins,
}

/// One account: what is final, and what it will be once the pool is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Whose.
    pub address: Address,
    /// At this height.
    pub height: Height,
    /// Final balance.
    pub balance: Coins,
    /// Balance once this node's pooled transactions of the account are final (income not counted).
    pub pending_balance: Coins,
    /// Staked coins.
    pub stake: Coins,
    /// Coins on their way back from the stake.
    pub unbonding: Vec<UnbondingView>,
    /// Nonce after the last final transaction.
    pub next_nonce: u64,
    /// Nonce to sign with next: after the pooled ones.
    pub pending_nonce: u64,
    /// `inactive`, `active`, `jailed` or `barred`.
    pub standing: String,
}

/// Stake on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbondingView {
    /// How much.
    pub amount: Coins,
    /// When, in unix ms of block time.
    pub release: UnixMillis,
}

/// Where a transaction is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransactionState {
    /// Waits for an earlier nonce.
    Queued,
    /// In the pool, will go into a block.
    Pooled,
    /// In a proposed block that is not final yet.
    InBlock {
        /// Of this height.
        height: Height,
    },
    /// Final: never undone.
    Final {
        /// In this block.
        height: Height,
        /// Position in it.
        index: u32,
        /// Who assembled the block and got the fee.
        leader: Address,
    },
    /// Refused.
    Refused {
        /// Stable code, such as `insufficient_funds`.
        code: String,
        /// For a person.
        reason: String,
    },
}

/// Answer to a submit. A known transaction answers with where it is: submitting again is safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitView {
    /// Its id.
    pub id: Hash32,
    /// Where it is.
    #[serde(flatten)]
    pub state: TransactionState,
}

/// One transaction and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Its id.
    pub id: Hash32,
    /// Where it is.
    #[serde(flatten)]
    pub state: TransactionState,
    /// What it says; absent for a refused one that was not kept.
    pub transaction: Option<SignedTransaction>,
    /// The fee it pays.
    pub fee: Option<Coins>,
}

/// One final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Parent's hash.
    pub parent: Hash32,
    /// Its time.
    pub time: UnixMillis,
    /// Who assembled it.
    pub leader: Address,
    /// Round in which it was built.
    pub round: Round,
    /// State root after it.
    pub state_root: Hash32,
    /// Who signed its certificate.
    pub signers: Vec<Address>,
    /// Fees its leader received.
    pub fees: Coins,
    /// Size of the canonical bytes.
    pub bytes: u64,
    /// What it holds.
    pub transactions: Vec<BlockTransactionView>,
}

/// One transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTransactionView {
    /// Its id.
    pub id: Hash32,
    /// What it says.
    pub transaction: SignedTransaction,
    /// The fee it paid.
    pub fee: Coins,
}

/// One final message to or from an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Of the transaction.
    pub id: Hash32,
    /// In this block.
    pub height: Height,
    /// Position in it.
    pub index: u32,
    /// Block time.
    pub time: UnixMillis,
    /// Who wrote.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// Coins with it.
    pub amount: Coins,
    /// Plain text, if it is plain.
    pub text: Option<String>,
    /// Is it sealed to the recipient?
    pub sealed: bool,
}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// libp2p peer id.
    pub peer_id: String,
    /// Its address, as a multiaddress.
    pub address: String,
    /// Did it call us?
    pub inbound: bool,
    /// Its last final height.
    pub height: Height,
    /// Round trip, in ms.
    pub latency_ms: Option<u64>,
    /// The same in µs: peers on one machine or one wire are less than a ms apart.
    #[serde(default)]
    pub latency_us: Option<u64>,
    /// How it was found: `peer` (its address was given), `dns` (a name was given), `mdns`, `kademlia`, `book`; `inbound` if
    /// it found us.
    pub source: String,
}

/// A peer that a node knows of, connected or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPeerView {
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it is or was reached, as multiaddresses.
    pub addresses: Vec<String>,
    /// How it was found, as in [`PeerView::source`].
    pub source: String,
    /// Is it connected now?
    pub connected: bool,
}

/// An error, as in RFC 9457. SPEC API-5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Cause and next step.
    pub detail: String,
    /// Stable code for scripts.
    pub code: String,
}
