//! Everything a node can ask of the world. Closed, and performed in the order returned.
//!
//! Does not own: how it is done (`runtime::perform` in the node, `sim` in the testnet).
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

/// One wish. Every effect is performed before the next one is looked at; if a disk effect fails, the node stops at once,
/// and nothing after it happens.
#[derive(Clone, Debug)]
#[must_use = "an unperformed effect is a lost vote"]
#[expect(
    clippy::large_enum_variant,
    reason = "effects live for one turn; boxing the view would cost more than it saves"
)]
pub enum Effect {
    /// Append to the journal; need not be durable yet.
    Journal(JournalEntry),
    /// A sync point: make the journal durable, then the guard with this content, and only then go on. SPEC VOTE-7.
    Sync(GuardState),
    /// Send to all peers.
    Broadcast(ConsensusMessage),
    /// Send to all peers, in batches with bytes of their own.
    GossipTransactions(Vec<VerifiedTransaction>),
    /// Tell all peers that a member contradicted itself.
    GossipEvidence(Evidence),
    /// Make durable which contradictions wait for a block, in place of what was kept before.
    KeepEvidence(Vec<Evidence>),
    /// Tell gossip whether to pass a batch on.
    GossipVerdict {
        /// Which batch.
        ticket: GossipTicket,
        /// Whether.
        verdict: GossipVerdict,
    },
    /// Start, or start anew, a timer.
    StartTimer {
        /// Which.
        timer: Timer,
        /// How long, in ms.
        after_ms: u64,
    },
    /// Stop a timer, if it runs.
    CancelTimer(Timer),
    /// Make final blocks durable with everything they change, all of them in one write or none; then empty the journal.
    /// Consecutive, at least one; more than one only while catching up.
    Commit(Vec<CommittedBlock>),
    /// What readers see from now on.
    PublishView(ChainView),
    /// Answer a submit, one outcome each, in order.
    Reply {
        /// Whom.
        request: RequestId,
        /// The outcomes.
        outcomes: Vec<(TransactionId, SubmitOutcome)>,
    },
    /// Answer a query.
    Answer {
        /// Whom.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// Keep transactions that entered the network here, so that they survive a restart.
    RememberOwn(Vec<VerifiedTransaction>),
    /// They are final or hopeless: no need to keep them.
    ForgetOwn(Vec<TransactionId>),
    /// Ask a peer for final blocks.
    RequestBlocks {
        /// Number of the question.
        request: SyncId,
        /// Whom.
        peer: PeerTag,
        /// From this height
        from: Height,
        /// at most so many.
        count: u32,
    },
    /// Ask a peer for one block.
    RequestBody {
        /// Number of the question.
        request: SyncId,
        /// Whom.
        peer: PeerTag,
        /// Its hash.
        block: Hash32,
    },
    /// Send our status to one peer that seems to be behind.
    SendStatus(PeerTag),
    /// A peer sent what no honest peer sends.
    Blame {
        /// Who.
        peer: PeerTag,
        /// What.
        offence: Offence,
    },
    /// Our own bug or a damaged disk: stop loudly, never guess.
    Halt(Fault),
}

/// What gossip does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GossipVerdict {
    /// Pass it on.
    Accept,
    /// Let it end here.
    Ignore,
}

/// What became of a submitted transaction.
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
    /// Nonce already used by a final transaction: if it is this very one, it is final; the store knows. SPEC API-1.
    MaybeFinal(TxRejected),
}

/// Answer to a [`crate::event::Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An account.
    Account(Box<AccountAnswer>),
    /// Where a transaction is; `None` if neither pooled nor refused lately.
    Transaction(Option<(SubmitOutcome, Option<VerifiedTransaction>)>),
    /// What each of some transactions waits for, in order; `None` for one that is not queued.
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

/// What a transaction waits for whose nonce is too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The nonce that its sender's next transaction must have.
    pub next_nonce: u64,
    /// It is refused then, if the nonces between have not come.
    pub until: UnixMillis,
}

/// An account, final and with its pooled transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountAnswer {
    /// Whose.
    pub address: Address,
    /// Final at this height.
    pub height: Height,
    /// Its final state.
    pub account: Account,
    /// Its balance after its pooled transactions; income is not counted.
    pub pending_balance: Coins,
    /// The nonce to sign with next.
    pub pending_nonce: u64,
}

/// A final block with everything that must be written with it.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    /// The block.
    pub block: VerifiedBlock,
    /// Proof that it is final.
    pub certificate: Certificate,
    /// What it changes.
    pub applied: AppliedBlock,
}

/// What no honest peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Blocks that do not follow, or certificates that prove nothing, in answer to our question.
    BadBlocks,
}

/// Why a node must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A certified block does not execute to the state it promises: our execution differs from the network's.
    #[error("certified block {height} cannot be applied: {reason}")]
    CertifiedBlockInvalid {
        /// Its height.
        height: Height,
        /// The refusal.
        reason: String,
    },
    /// The voting core reports an error that it should never report.
    #[error("the voting core failed: {reason}")]
    Consensus {
        /// In its words.
        reason: String,
    },
    /// We were about to contradict something we signed.
    #[error("about to sign {wanted:?} after {guard:?}: the key may be in use elsewhere")]
    GuardContradicted {
        /// Highest thing signed.
        guard: GuardMark,
        /// What would be signed.
        wanted: GuardMark,
    },
    /// The journal does not replay.
    #[error("the journal cannot be replayed: {reason}")]
    Journal {
        /// Why.
        reason: String,
    },
}
