//! Why a transaction or a block is refused: by rules that need no state (`transaction`, `block`), or by the ledger.
//! Each variant has one cause, with the value found and the value required.

use crate::coins::Coins;
use crate::hash::Hash32;
use crate::keys::Address;
use crate::refusal::{Retry, TxCode};
use crate::units::{Height, RulesVersion, UnixMillis};
use crate::vote::{CertificateRejected, EvidenceRejected, LateRejected};

/// Why a transaction is refused. The state is unchanged whenever this is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxRejected {
    /// SPEC TX-1.
    #[error("signed for another chain ({found:?}, this is {expected:?})")]
    OtherChain {
        /// This chain's genesis hash.
        expected: Hash32,
        /// The chain it names.
        found: Hash32,
    },
    /// SPEC SIG-1.
    #[error("the signature does not verify")]
    BadSignature,
    /// SPEC TX-5.
    #[error("transaction is {found_bytes} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// Its length.
        found_bytes: usize,
        /// The maximum.
        limit_bytes: usize,
    },
    /// SPEC TX-3.
    #[error("nothing to send: neither coins nor a message")]
    NothingToSend,
    /// SPEC TX-3.
    #[error("the message is empty")]
    EmptyMessage,
    /// SPEC TX-3.
    #[error("message is {found_bytes} bytes, the limit is {limit_bytes}")]
    MessageTooLong {
        /// Its length.
        found_bytes: usize,
        /// The maximum.
        limit_bytes: usize,
    },
    /// SPEC TX-3.
    #[error("sealed with unknown version {found}")]
    UnknownSeal {
        /// The version it names.
        found: u8,
    },
    /// SPEC TX-7.
    #[error("activate, claim and announce carry nonce 0, not {found}")]
    NonceNotZero {
        /// The nonce it carries.
        found: u64,
    },
    /// SPEC TX-7.
    #[error("nonce is {found}, the account's next is {expected}")]
    WrongNonce {
        /// The account's next.
        expected: u64,
        /// The nonce it carries.
        found: u64,
    },
    /// SPEC TX-8.
    #[error("expired: valid up to height {expiry}, this is {height}")]
    Expired {
        /// Its expiry height.
        expiry: Height,
        /// The height of the block that would include it.
        height: Height,
    },
    /// SPEC FEE-1: `needed` is the amount with its fee.
    #[error("needs {needed} BCC, the account can spend {spendable} BCC")]
    InsufficientFunds {
        /// Amount plus fee.
        needed: Coins,
        /// The spendable balance.
        spendable: Coins,
    },
    /// SPEC MONEY-2: the amounts add up to more than the cap.
    #[error("the amounts exceed the maximum supply")]
    AmountOverflow,
    /// SPEC STAKE-2.
    #[error("a stake is 0 or between {min} and {max} BCC, not {found}")]
    StakeOutOfRange {
        /// Smallest stake.
        min: Coins,
        /// Largest stake.
        max: Coins,
        /// The requested stake.
        found: Coins,
    },
    /// SPEC STAKE-3.
    #[error("the stake is already {stake} BCC")]
    StakeUnchanged {
        /// The present stake.
        stake: Coins,
    },
    /// SPEC STAKE-4.
    #[error("too many withdrawals are waiting; the first is released at {earliest} (unix ms)")]
    TooManyUnbonding {
        /// When the first entry is released.
        earliest: UnixMillis,
    },
    /// SPEC STAKE-5.
    #[error("the last {min} validators cannot leave")]
    LastValidators {
        /// `validators_min`, or the number at genesis if smaller.
        min: u32,
    },
    /// SPEC STAKE-6.
    #[error("this validator is barred for misbehaviour")]
    Barred,
    /// SPEC ACT-1.
    #[error("the account has no stake to activate")]
    NoStake,
    /// SPEC ACT-2.
    #[error("the validator is already active")]
    AlreadyActive,
    /// SPEC ACT-3: unknown, too old, or from before the account was last present.
    #[error("names no recent block, or a block from before the validator was last present")]
    NotRecent,
    /// SPEC ACT-4.
    #[error("was jailed for absence, and may come back at {until} (unix ms of block time)")]
    JailWait {
        /// The earliest block time for it.
        until: UnixMillis,
    },
    /// SPEC CLAIM-1.
    #[error("this chain has no treasury for welcome grants")]
    ClaimsClosed,
    /// SPEC CLAIM-1.
    #[error("this account has already received its welcome grant")]
    AlreadyClaimed,
    /// SPEC CLAIM-2.
    #[error("the work names no recent hash of one of the last {blocks} blocks")]
    StaleWork {
        /// Maximum age, in blocks.
        blocks: u64,
    },
    /// SPEC CLAIM-3, CLAIM-4.
    #[error("the work is worth {found} tries, a grant costs {needed} now")]
    WeakWork {
        /// Average number of tries for a grant.
        needed: u64,
        /// Average number of tries for such a hash.
        found: u64,
    },
    /// SPEC CLAIM-5.
    #[error("the treasury has {treasury} BCC, less than one grant")]
    TreasuryEmpty {
        /// The remaining coins.
        treasury: Coins,
    },
    /// SPEC CLAIM-6.
    #[error("all grants of the day are paid; the next ones are at {again} (unix ms of block time)")]
    GrantsSpent {
        /// The first block time of the next span.
        again: UnixMillis,
    },
    /// SPEC CLAIM-7.
    #[error("a block pays at most one grant, and this one already does")]
    OneGrantPerBlock,
    /// SPEC VER-1: only validators announce.
    #[error("only a candidate for the validator set may announce a version of the rules")]
    NotCandidate,
    /// SPEC VER-2: the version in force needs no announcement, and an announcement is never taken back.
    #[error("announcing version {found} of the rules changes nothing: {least} is the lowest to announce")]
    NothingToAnnounce {
        /// One above the higher of the version in force and the announced one.
        least: RulesVersion,
        /// The version it names.
        found: RulesVersion,
    },
    /// Local: the sender has reached its limit in the pool.
    #[error("the pool already holds {limit} transactions of this sender")]
    SenderLimit {
        /// The limit.
        limit: usize,
    },
    /// Local: the pool is full of better transactions.
    #[error("the pool is full")]
    PoolFull,
    /// Local: another transaction with this sender and nonce is pooled.
    #[error("another transaction with nonce {nonce} of this sender is pooled")]
    NonceTaken {
        /// The nonce.
        nonce: u64,
    },
    /// Local: its fee is too low to replace the pooled one.
    #[error("another transaction with this nonce is pooled: replacing it needs a fee of {needed} BCC, not {found} BCC")]
    FeeTooLow {
        /// Smallest sufficient fee.
        needed: Coins,
        /// The fee it pays.
        found: Coins,
    },
    /// Local: the sender has replaced too often.
    #[error("this sender has replaced {limit} transactions since its last one became final")]
    ReplacedTooOften {
        /// The limit.
        limit: u32,
    },
    /// Local: its sender replaced it.
    #[error("replaced by transaction {by} of the same sender and nonce")]
    Replaced {
        /// The other one's id.
        by: Hash32,
    },
}

impl TxRejected {
    /// Its code.
    pub fn code(&self) -> TxCode {
        match self {
            Self::OtherChain { .. } => TxCode::OtherChain,
            Self::BadSignature => TxCode::BadSignature,
            Self::TooLarge { .. } => TxCode::TransactionTooLarge,
            Self::NothingToSend => TxCode::NothingToSend,
            Self::EmptyMessage => TxCode::EmptyMessage,
            Self::MessageTooLong { .. } => TxCode::MessageTooLong,
            Self::UnknownSeal { .. } => TxCode::UnknownSeal,
            Self::NonceNotZero { .. } => TxCode::NonceNotZero,
            Self::WrongNonce { expected, found } if found < expected => TxCode::StaleNonce,
            Self::WrongNonce { .. } => TxCode::EarlyNonce,
            Self::Expired { .. } => TxCode::Expired,
            Self::InsufficientFunds { .. } => TxCode::InsufficientFunds,
            Self::AmountOverflow => TxCode::AmountOverflow,
            Self::StakeOutOfRange { .. } => TxCode::StakeOutOfRange,
            Self::StakeUnchanged { .. } => TxCode::StakeUnchanged,
            Self::TooManyUnbonding { .. } => TxCode::TooManyUnbonding,
            Self::LastValidators { .. } => TxCode::LastValidators,
            Self::Barred => TxCode::Barred,
            Self::NoStake => TxCode::NoStake,
            Self::AlreadyActive => TxCode::AlreadyActive,
            Self::NotRecent => TxCode::NotRecent,
            Self::JailWait { .. } => TxCode::JailWait,
            Self::ClaimsClosed => TxCode::ClaimsClosed,
            Self::AlreadyClaimed => TxCode::AlreadyClaimed,
            Self::StaleWork { .. } => TxCode::StaleWork,
            Self::WeakWork { .. } => TxCode::WeakWork,
            Self::TreasuryEmpty { .. } => TxCode::TreasuryEmpty,
            Self::GrantsSpent { .. } => TxCode::GrantsSpent,
            Self::OneGrantPerBlock => TxCode::OneGrantPerBlock,
            Self::NotCandidate => TxCode::NotCandidate,
            Self::NothingToAnnounce { .. } => TxCode::NothingToAnnounce,
            Self::SenderLimit { .. } => TxCode::SenderLimit,
            Self::PoolFull => TxCode::PoolFull,
            Self::NonceTaken { .. } => TxCode::NonceTaken,
            Self::FeeTooLow { .. } => TxCode::FeeTooLow,
            Self::ReplacedTooOften { .. } => TxCode::ReplacedTooOften,
            Self::Replaced { .. } => TxCode::Replaced,
        }
    }

    /// May the same bytes be accepted later? If the nonce is taken: yes, until the other is final, because it may be
    /// dropped.
    pub fn retry(&self) -> Retry {
        match self {
            Self::TooManyUnbonding { earliest } => Retry::AtTime(*earliest),
            Self::JailWait { until } => Retry::AtTime(*until),
            Self::GrantsSpent { again } => Retry::AtTime(*again),
            Self::OneGrantPerBlock => Retry::Now,
            Self::WrongNonce { expected, found } if found > expected => Retry::Now,
            Self::SenderLimit { .. } | Self::PoolFull | Self::NonceTaken { .. } | Self::ReplacedTooOften { .. } => {
                Retry::Now
            }
            Self::OtherChain { .. }
            | Self::BadSignature
            | Self::TooLarge { .. }
            | Self::NothingToSend
            | Self::EmptyMessage
            | Self::MessageTooLong { .. }
            | Self::UnknownSeal { .. }
            | Self::NonceNotZero { .. }
            | Self::WrongNonce { .. }
            | Self::Expired { .. }
            | Self::InsufficientFunds { .. }
            | Self::AmountOverflow
            | Self::StakeOutOfRange { .. }
            | Self::StakeUnchanged { .. }
            | Self::LastValidators { .. }
            | Self::Barred
            | Self::NoStake
            | Self::AlreadyActive
            | Self::NotRecent
            | Self::ClaimsClosed
            | Self::AlreadyClaimed
            | Self::StaleWork { .. }
            | Self::WeakWork { .. }
            | Self::TreasuryEmpty { .. }
            | Self::NotCandidate
            | Self::NothingToAnnounce { .. }
            | Self::FeeTooLow { .. }
            | Self::Replaced { .. } => Retry::Never,
        }
    }
}

/// Why a block is refused. Depends only on the parent state and the block's bytes, never on a clock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockRejected {
    /// SPEC BLOCK-4, VER-4.
    #[error("its version is {found}, but version {expected} of the rules is in force at its height")]
    Version {
        /// Version in force at the height.
        expected: RulesVersion,
        /// The version it names.
        found: RulesVersion,
    },
    /// SPEC VER-5: this program cannot tell whether the block is valid.
    #[error("version {version} of the rules is in force at its height, this program knows only {known}")]
    RulesUnknown {
        /// Version in force at the height.
        version: RulesVersion,
        /// The highest known.
        known: RulesVersion,
    },
    /// SPEC BLOCK-4.
    #[error("a block of another chain")]
    OtherChain,
    /// SPEC BLOCK-4.
    #[error("block is {found_bytes} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// Its length.
        found_bytes: usize,
        /// The maximum.
        limit_bytes: usize,
    },
    /// SPEC BLOCK-4: more than the chain's capacity, or than any chain allows.
    #[error("{found} transactions, the limit is {limit}")]
    TooManyTransactions {
        /// Number found.
        found: usize,
        /// The maximum.
        limit: usize,
    },
    /// SPEC BLOCK-4.
    #[error("{found} evidence items are too many")]
    TooMuchEvidence {
        /// Number found.
        found: usize,
    },
    /// SPEC BLOCK-4: more precommits than a set has members.
    #[error("{found} precommits for one block, the limit is {limit}")]
    TooManyPrecommits {
        /// Number found.
        found: usize,
        /// The maximum.
        limit: usize,
    },
    /// SPEC BLOCK-3: a root in the header is not that of the contents.
    #[error("{which} root is {found:?}, the header says {promised:?}")]
    Root {
        /// Which root.
        which: &'static str,
        /// In the header.
        promised: Hash32,
        /// Computed.
        found: Hash32,
    },
    /// SPEC BLOCK-5.
    #[error("height is {found}, expected {expected}")]
    Height {
        /// One after the tip.
        expected: Height,
        /// In the header.
        found: Height,
    },
    /// SPEC BLOCK-5.
    #[error("its parent {found:?} is not our tip {expected:?}")]
    Parent {
        /// Our tip.
        expected: Hash32,
        /// In the header.
        found: Hash32,
    },
    /// SPEC BLOCK-5.
    #[error("time {found} does not come after the parent's {parent}")]
    Time {
        /// The parent's.
        parent: UnixMillis,
        /// In the header.
        found: UnixMillis,
    },
    /// SPEC LEAD-1.
    #[error("built by {found}, the leader of its round is {expected}")]
    Leader {
        /// The drawn leader.
        expected: Address,
        /// In the header.
        found: Address,
    },
    /// SPEC BLOCK-6: the parent's commit is missing, or present in block 1.
    #[error("every block but the first carries its parent's commit")]
    CommitMissing,
    /// SPEC VOTE-4.
    #[error("the parent's commit is invalid: {0}")]
    Commit(CertificateRejected),
    /// SPEC BLOCK-7.
    #[error("{0}")]
    Late(LateRejected),
    /// SPEC TX-*: a transaction in it cannot be applied.
    #[error("transaction {index}: {reason}")]
    Transaction {
        /// Its position.
        index: usize,
        /// Why not.
        reason: TxRejected,
    },
    /// SPEC EVID-1 to EVID-3: evidence in it proves nothing, or punishes no account.
    #[error("evidence {index}: {reason}")]
    Evidence {
        /// Its position.
        index: usize,
        /// Why not.
        reason: EvidenceRejected,
    },
}
