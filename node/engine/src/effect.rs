//! Every output of a node to the outside. Closed, and performed in the order returned.
//!
//! Does not own: the execution (`runtime::perform` in the node, `sim` in the testnet).
//! Start reading at [`Effect`].

use crate::chain_view::ChainView;
use crate::engine_view::{EngineView, PoolPart, ValidatorFacts};
use crate::event::{GossipTicket, PeerTag, RequestId, SyncId, Timer};
use crate::journal::{GuardMark, GuardState, JournalEntry};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, AccountProof, AppliedBlock, TxRejected};
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::{Certificate, Evidence};

/// One output. Each effect is performed before the next one; if a disk effect fails, the node stops at once, and
/// performs none of the later ones.
#[derive(Clone, Debug)]
#[must_use = "an unperformed effect is a lost vote"]
#[expect(
    clippy::large_enum_variant,
    reason = "effects live for one turn; boxing the view would cost more than it saves"
)]
pub enum Effect {
    /// Append to the journal; need not be durable yet.
    Journal(JournalEntry),
    /// A sync point: make the journal durable, then the guard with this content, and only then continue. SPEC VOTE-7.
    Sync(GuardState),
    /// Send to all peers.
    Broadcast(ConsensusMessage),
    /// Send to all peers, in batches with unique bytes.
    GossipTransactions(Vec<VerifiedTransaction>),
    /// Tell all peers that a member contradicted itself.
    GossipEvidence(Evidence),
    /// Make the contradictions that wait for a block durable, replacing the previous list.
    KeepEvidence(Vec<Evidence>),
    /// Tell gossip whether to forward a batch.
    GossipVerdict {
        /// The batch.
        ticket: GossipTicket,
        /// The verdict.
        verdict: GossipVerdict,
    },
    /// Start or restart a timer.
    StartTimer {
        /// The timer.
        timer: Timer,
        /// Its duration, in ms.
        after_ms: u64,
    },
    /// Stop a timer, if it runs.
    CancelTimer(Timer),
    /// Make final blocks and all their changes durable, in one write or not at all; then empty the journal.
    /// Consecutive, at least one; more than one only while catching up.
    Finalise(Vec<FinalBlock>),
    /// The view for readers from now on.
    PublishView(ChainView),
    /// Answer a submit, one outcome per transaction, in order.
    Reply {
        /// The caller.
        request: RequestId,
        /// The outcomes.
        outcomes: Vec<(TransactionId, SubmitOutcome)>,
    },
    /// Answer a query.
    Answer {
        /// The caller.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// Keep transactions that entered the network here, so that they survive a restart.
    RememberOwn(Vec<VerifiedTransaction>),
    /// They are final or invalid: no need to keep them.
    ForgetOwn(Vec<TransactionId>),
    /// Others took their places in the pool: tell those who wait for them. At least one.
    Replaced(Vec<Replaced>),
    /// Ask a peer for final blocks.
    RequestBlocks {
        /// Number of the request.
        request: SyncId,
        /// The peer.
        peer: PeerTag,
        /// The first height.
        from: Height,
        /// Maximum number.
        count: u32,
    },
    /// Ask a peer for one block.
    RequestBody {
        /// Number of the request.
        request: SyncId,
        /// The peer.
        peer: PeerTag,
        /// Its hash.
        block: Hash32,
    },
    /// Send our status to one peer that seems to be behind.
    SendStatus(PeerTag),
    /// A peer sent something that no honest peer sends.
    Blame {
        /// The peer.
        peer: PeerTag,
        /// The offence.
        offence: Offence,
    },
    /// Our own bug or a damaged disk: stop with an error, never guess.
    Halt(Fault),
}

/// The decision of gossip about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GossipVerdict {
    /// Forward it.
    Accept,
    /// Do not forward it.
    Ignore,
}

/// A transaction whose place another one of its sender took. SPEC API-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// It.
    pub id: TransactionId,
    /// The other one.
    pub by: TransactionId,
    /// The sender of both.
    pub sender: Address,
    /// The nonce of both.
    pub nonce: u64,
}

/// The outcome of a submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// In the pool.
    Pooled,
    /// Waits for an earlier nonce.
    Queued,
    /// In a proposed block of this height.
    InBlock(Height),
    /// Refused.
    Refused(TxRejected),
    /// Another or the same transaction with this nonce is final; the store knows which. SPEC API-1.
    MaybeFinal(TxRejected),
}

/// Answer to a [`crate::event::Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An account.
    Account(Box<AccountAnswer>),
    /// The place of a transaction; `None` if it is neither pooled nor recently refused.
    Transaction(Option<(SubmitOutcome, Option<VerifiedTransaction>)>),
    /// The reason why each of some transactions waits, in order; `None` if it is not queued.
    Waits(Vec<Option<Wait>>),
    /// A block we hold in memory.
    Body(Option<VerifiedBlock>),
    /// An account with its proof, and the height whose state it is in.
    Proof(Height, Box<AccountProof>),
    /// How heights are decided.
    Consensus(Box<EngineView>),
    /// All validators, by address.
    Validators(Vec<ValidatorFacts>),
    /// Part of the pool.
    Pool(PoolPart),
}

/// The wait of a transaction with an early nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The next nonce of its sender.
    pub next_nonce: u64,
    /// It is refused at this time, if the nonces between have not arrived.
    pub until: UnixMillis,
}

/// An account, final and with its pooled transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAnswer {
    /// Its address.
    pub address: Address,
    /// The final height.
    pub height: Height,
    /// Its final state.
    pub account: Account,
    /// Its balance after its pooled transactions; income is not counted.
    pub pending_balance: Coins,
    /// The next nonce to sign with.
    pub pending_nonce: u64,
}

/// A final block with everything that must be written with it.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// The block.
    pub block: VerifiedBlock,
    /// Proof that it is final.
    pub certificate: Certificate,
    /// Its effect on the ledger.
    pub applied: AppliedBlock,
}

/// Something that no honest peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Blocks that do not follow, or invalid certificates, in answer to our request.
    BadBlocks,
}

/// Why a node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A certified block does not execute to its state root: our execution differs from the network's.
    #[error("certified block {height} cannot be applied: {reason}")]
    CertifiedBlockInvalid {
        /// Its height.
        height: Height,
        /// The refusal.
        reason: String,
    },
    /// The voting core reports an impossible error.
    #[error("the voting core failed: {reason}")]
    Consensus {
        /// Its text.
        reason: String,
    },
    /// We were about to contradict an earlier signature.
    #[error("about to sign {wanted:?} after {guard:?}: the key may be in use elsewhere")]
    GuardContradicted {
        /// Highest thing signed.
        guard: GuardMark,
        /// The mark to be signed.
        wanted: GuardMark,
    },
    /// The journal does not replay.
    #[error("the journal cannot be replayed: {reason}")]
    Journal {
        /// Why.
        reason: String,
    },
}
