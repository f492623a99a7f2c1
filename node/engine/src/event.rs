//! Every input of a node. Closed: nothing else can influence a decision.
//!
//! Always true: an event is plain data, with numbers instead of channel ends, so it can be recorded and replayed; its
//! external content was verified, as far as that needs no state.
//! Start reading at [`Event`].

use crate::engine_view::PoolPlace;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::sync::Status;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{Certificate, Evidence, RoundCertificate, SignedProposal, SignedVote, Verified};

/// A connected peer, as the shell numbers them. Never reused within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerTag(pub u64);

/// A caller's request; its answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Our request to a peer; its answer carries the same number. Numbered by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(pub u64);

/// A gossiped batch that waits for our verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipTicket(pub u64);

/// One input. Signatures were checked before; state was not.
#[derive(Clone, Debug)]
pub enum Event {
    /// A timer started by [`crate::effect::Effect::StartTimer`] fired.
    TimerElapsed(Timer),
    /// A caller submits transactions. Answered with one [`crate::effect::SubmitOutcome`] each, in order.
    SubmitTransactions {
        /// The caller.
        request: RequestId,
        /// At most [`blockchat_proto::limits::BATCH_TRANSACTIONS_MAX`].
        transactions: Vec<VerifiedTransaction>,
        /// The pooled transaction that they may replace, if any.
        replaces: Option<TransactionId>,
    },
    /// A peer's batch. Answered with a verdict.
    GossipTransactions {
        /// The batch.
        ticket: GossipTicket,
        /// All of it: one wrong signature refuses the whole batch before it gets here.
        transactions: Vec<VerifiedTransaction>,
    },
    /// A proposal, with its block unless that came before.
    Proposal {
        /// The sending peer.
        from: PeerTag,
        /// The leader's signed hash.
        proposal: Verified<SignedProposal>,
        /// The block with that hash.
        block: Option<VerifiedBlock>,
    },
    /// A vote.
    Vote {
        /// The sending peer.
        from: PeerTag,
        /// The vote.
        vote: Verified<SignedVote>,
    },
    /// Votes of others that let us follow to a later round.
    RoundCertificate {
        /// The sending peer.
        from: PeerTag,
        /// The votes.
        certificate: Verified<RoundCertificate>,
    },
    /// Evidence that a member contradicted itself.
    Evidence(Verified<Evidence>),
    /// A peer of our chain sends its status: on connecting, and with each new head.
    PeerStatus {
        /// The peer.
        peer: PeerTag,
        /// Its claim, unproven.
        status: Status,
    },
    /// A peer disconnected; our requests to it will not be answered.
    PeerGone {
        /// The peer.
        peer: PeerTag,
    },
    /// Peers report another connected node with our network identity: a copied home. This is unproven.
    IdentityElsewhere {
        /// Do we have no peer ourselves?
        shut_out: bool,
    },
    /// Final blocks that we requested.
    BlocksReceived {
        /// Our request.
        request: SyncId,
        /// The answering peer.
        peer: PeerTag,
        /// Consecutive, each with its certificate; may be empty.
        blocks: Vec<(VerifiedBlock, Verified<Certificate>)>,
    },
    /// The block requested by hash, if the peer had it.
    BodyReceived {
        /// Our request.
        request: SyncId,
        /// The block.
        block: Option<VerifiedBlock>,
    },
    /// A request of ours failed.
    RequestFailed {
        /// Our request.
        request: SyncId,
        /// The reason.
        reason: RequestFailure,
    },
    /// A caller sends a query.
    Query {
        /// The caller.
        request: RequestId,
        /// The query.
        query: Query,
    },
}

/// Why a peer did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// It is busy.
    Busy {
        /// Wait this long, in ms.
        retry_ms: u64,
    },
    /// It does not answer, or disconnected.
    Unreachable,
    /// Its answer does not decode or verify; its score was already lowered.
    Garbage,
}

/// The timers of a node. Starting a running one replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A timer of a voting round. Its key includes the height, so that a stale one of an earlier height does not count.
    Round {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// The step.
        step: RoundTimer,
    },
    /// The wait before this height starts.
    Pace(Height),
    /// Our clock reaches the time of a block that was ahead of it.
    HeldBlock(Hash32),
    /// Request a block by hash again.
    Body(Hash32),
    /// Check catching up: expired claims, unanswered requests.
    CatchUp,
    /// Continue with the blocks of a peer that did not fit into one write.
    NextPart,
    /// Check the pool: repeat own transactions, empty the shelf.
    Mempool,
    /// Check which members are reachable, and what our own validator must announce.
    Presence,
}

/// The step of a round that times out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoundTimer {
    /// Propose timeout.
    Propose,
    /// Prevote timeout.
    Prevote,
    /// Precommit timeout.
    Precommit,
    /// Repetition of our last votes.
    Rebroadcast,
}

/// A query to the engine. Answers are [`crate::effect::Answer`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// An account, final and with its pooled transactions.
    Account(Address),
    /// The place of a transaction that is not final yet.
    Transaction(TransactionId),
    /// The reasons why queued transactions wait.
    Waits(Vec<TransactionId>),
    /// A block by hash that we hold, including proposed ones: peers request these.
    Body(Hash32),
    /// The content of an account after the tip, with its proof.
    Proof(Address),
    /// The current height, and the last decided ones.
    Consensus,
    /// All validators.
    Validators,
    /// Part of the pool.
    Pool {
        /// Only entries after this position.
        after: Option<PoolPlace>,
        /// Only transactions signed by this account.
        of: Option<Address>,
        /// Maximum number.
        limit: usize,
    },
}
