//! Everything that can happen to a node. Closed: what is not listed cannot influence a decision.
//!
//! Always true: an event is plain data, with numbers instead of channel ends, so it can be recorded and replayed; what it
//! brings from outside was verified, as far as that needs no state.
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

/// A caller's question; its answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A question of ours to a peer; its answer carries the same number. Numbered by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(pub u64);

/// A gossiped batch that waits for our verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipTicket(pub u64);

/// One thing that happened. Signatures were checked on the way in; state was not.
#[derive(Clone, Debug)]
pub enum Event {
    /// A timer that [`crate::effect::Effect::StartTimer`] started has run out.
    TimerElapsed(Timer),
    /// A caller hands in transactions. Answered with one [`crate::effect::SubmitOutcome`] each, in order.
    SubmitTransactions {
        /// Whom to answer.
        request: RequestId,
        /// At most [`blockchat_proto::limits::BATCH_TRANSACTIONS_MAX`].
        transactions: Vec<VerifiedTransaction>,
        /// The pooled transaction whose place they may take, if any.
        replaces: Option<TransactionId>,
    },
    /// A peer's batch. Answered with a verdict.
    GossipTransactions {
        /// Which batch.
        ticket: GossipTicket,
        /// All of it: one wrong signature refuses the batch before it comes here.
        transactions: Vec<VerifiedTransaction>,
    },
    /// A proposal, with its block unless that came before.
    Proposal {
        /// Who sent it to us.
        from: PeerTag,
        /// The leader's signed hash.
        proposal: Verified<SignedProposal>,
        /// The block with that hash.
        block: Option<VerifiedBlock>,
    },
    /// A vote.
    Vote {
        /// Who sent it to us.
        from: PeerTag,
        /// The vote.
        vote: Verified<SignedVote>,
    },
    /// Votes of others that let us follow to a later round.
    RoundCertificate {
        /// Who sent it to us.
        from: PeerTag,
        /// The votes.
        certificate: Verified<RoundCertificate>,
    },
    /// Evidence that a member contradicted itself.
    Evidence(Verified<Evidence>),
    /// A peer of our chain says how far it is: on connecting, and with each new head.
    PeerStatus {
        /// Who.
        peer: PeerTag,
        /// What it claims. Nothing in it is proved.
        status: Status,
    },
    /// A peer is gone; what we asked of it will not be answered.
    PeerGone {
        /// Who.
        peer: PeerTag,
    },
    /// Peers say that another node with our network identity is connected to them: a copied home. Nothing in it is proved.
    IdentityElsewhere {
        /// And we have no peer ourselves.
        shut_out: bool,
    },
    /// Final blocks we asked for.
    BlocksReceived {
        /// Our question.
        request: SyncId,
        /// Who answered.
        peer: PeerTag,
        /// Consecutive, each with its certificate; may be empty.
        blocks: Vec<(VerifiedBlock, Verified<Certificate>)>,
    },
    /// The block we asked for by hash, if the peer had it.
    BodyReceived {
        /// Our question.
        request: SyncId,
        /// The block.
        block: Option<VerifiedBlock>,
    },
    /// A question of ours was not answered.
    RequestFailed {
        /// Our question.
        request: SyncId,
        /// Why.
        reason: RequestFailure,
    },
    /// A caller wants to know something.
    Query {
        /// Whom to answer.
        request: RequestId,
        /// What.
        query: Query,
    },
}

/// Why a peer did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// It asks to wait.
    Busy {
        /// So long, in ms.
        retry_ms: u64,
    },
    /// It does not answer, or is gone.
    Unreachable,
    /// It answered something that does not decode or verify; its score was lowered already.
    Garbage,
}

/// The timers of a node. Starting one that runs already replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// One of the voting rounds' timers. Keyed by height too: a stale one of an earlier height must not count.
    Round {
        /// Of this height
        height: Height,
        /// and round,
        round: Round,
        /// in this step.
        step: RoundTimer,
    },
    /// The wait before this height starts.
    Pace(Height),
    /// Our clock reaches the time of a block that came from ahead of it.
    HeldBlock(Hash32),
    /// Ask again for a block by hash.
    Body(Hash32),
    /// Look at the catching-up: expired claims, unanswered questions.
    CatchUp,
    /// Go on with the blocks that a peer sent: they are more than one commit takes in.
    NextPart,
    /// Look at the pool: repeat own transactions, empty the shelf.
    Mempool,
    /// Look at who is reachable, and at what our own validator has to declare.
    Presence,
}

/// Which wait of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoundTimer {
    /// For the proposal.
    Propose,
    /// For more prevotes.
    Prevote,
    /// For more precommits.
    Precommit,
    /// Until our last votes are sent again.
    Rebroadcast,
}

/// A question to the engine. Answers are [`crate::effect::Answer`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// An account, final and with its pooled transactions.
    Account(Address),
    /// Where a transaction is that is not final yet.
    Transaction(TransactionId),
    /// What queued transactions wait for.
    Waits(Vec<TransactionId>),
    /// A block by hash that we hold, proposed ones included: peers ask for these.
    Body(Hash32),
    /// What an account holds after the tip, with its proof.
    Proof(Address),
    /// How the height under way is being decided, and how the last ones were.
    Consensus,
    /// All validators.
    Validators,
    /// Part of the pool.
    Pool {
        /// Only what comes after this place.
        after: Option<PoolPlace>,
        /// Only what this account signed.
        of: Option<Address>,
        /// At most so many.
        limit: usize,
    },
}
