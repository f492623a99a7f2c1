//! Violations of the rules, in words with the numbers that show them.

use blockchat_engine::journal::{GuardMark, Lock, SignStep};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::{Height, Round, RulesVersion};

/// Something that must never happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two final blocks.
    #[error("FORK at height {height}: node {node} has {found}, another {expected}")]
    Fork {
        /// The height.
        height: Height,
        /// The node that noticed.
        node: usize,
        /// The value of the others.
        expected: Hash32,
        /// Its own value.
        found: Hash32,
    },
    /// One block, two states.
    #[error("node {node} has another state than others after block {height}")]
    State {
        /// The height.
        height: Height,
        /// The node that noticed.
        node: usize,
    },
    /// A final block that does not follow.
    #[error("node {node} finalises block {height} on its tip {tip}")]
    Gap {
        /// Which.
        height: Height,
        /// Its tip.
        tip: Height,
        /// The node.
        node: usize,
    },
    /// A final block without proof.
    #[error("node {node} finalises block {height} without proof: {reason}")]
    Unproved {
        /// Which.
        height: Height,
        /// The node.
        node: usize,
        /// Why.
        reason: String,
    },
    /// A block from a round that had not come when it was decided.
    #[error("block {height} was built for round {built} and decided in round {decided}")]
    Round {
        /// Which.
        height: Height,
        /// Its round.
        built: Round,
        /// Its certificate's.
        decided: Round,
    },
    /// A version of the rules began where none may.
    #[error("block {height} is of version {found} of the rules, the one before of {before}")]
    Version {
        /// Which.
        height: Height,
        /// Its parent's.
        before: RulesVersion,
        /// Its own.
        found: RulesVersion,
    },
    /// It went on by rules that its program does not know.
    #[error("node {node} finalises block {height} of version {found} of the rules, and knows {knows}")]
    RulesUnknown {
        /// Which.
        height: Height,
        /// The node.
        node: usize,
        /// The block's.
        found: RulesVersion,
        /// The highest it knows.
        knows: RulesVersion,
    },
    /// Coins came or went.
    #[error("after block {height} node {node} has {found} micro-BCC, the genesis made {expected}")]
    Coins {
        /// After this block.
        height: Height,
        /// On this node.
        node: usize,
        /// As many as there should be.
        expected: u128,
        /// As many as there are.
        found: u128,
    },
    /// A transaction took effect twice or out of turn.
    #[error("double spend: block {height} uses nonce {found} of {sender:?}, whose next is {expected}")]
    Nonce {
        /// In this block.
        height: Height,
        /// The owner.
        sender: Address,
        /// The next.
        expected: u64,
        /// The one used.
        found: u64,
    },
    /// The same transaction twice.
    #[error("double spend: block {height} repeats transaction {id}")]
    Repeated {
        /// In this block.
        height: Height,
        /// Which.
        id: TransactionId,
    },
    /// An idle chain runs faster than it may.
    #[error("RACE: {heights} heights of an idle chain in {lasted_ms} ms, which may begin one in {idle_ms} ms")]
    Raced {
        /// So many
        heights: u64,
        /// in this time.
        lasted_ms: u64,
        /// A height without transactions may begin so long after the one before.
        idle_ms: u64,
    },
    /// It stopped signing for another signer with its key, and there is none.
    #[error("node {node} stopped for another signer with its key, and there is none")]
    Stopped {
        /// The node.
        node: usize,
    },
    /// It spent time on a message of an account that never had a stake.
    #[error("node {node} listens to {author:?}, who has no stake")]
    StrangerHeard {
        /// The node.
        node: usize,
        /// To whom.
        author: Address,
    },
    /// It spoke before its words were on disk.
    #[error("node {node} sent {mark:?} before it was durable in its journal")]
    SpokeTooSoon {
        /// The node.
        node: usize,
        /// The mark.
        mark: GuardMark,
    },
    /// It voted for bytes it could lose.
    #[error("node {node} sent {mark:?} before block {block} was durable in its journal")]
    BodyNotDurable {
        /// The node.
        node: usize,
        /// The mark.
        mark: GuardMark,
        /// For this block.
        block: Hash32,
    },
    /// It spoke for a block from far ahead of its clock.
    #[error("node {node} sent {mark:?} for a block {ahead_ms} ms ahead of its clock")]
    FromTheFuture {
        /// The node.
        node: usize,
        /// The mark.
        mark: GuardMark,
        /// How far, in ms.
        ahead_ms: u64,
    },
    /// The guard did not cover what was sent.
    #[error("node {node} sent {mark:?} while its guard was at {guard:?}")]
    GuardBehind {
        /// The node.
        node: usize,
        /// The mark.
        mark: GuardMark,
        /// The guard.
        guard: Option<GuardMark>,
    },
    /// It precommitted a block, and its guard does not say so.
    #[error("node {node} sent {mark:?} while its guard named the lock {lock:?}")]
    LockNotKept {
        /// The node.
        node: usize,
        /// The mark.
        mark: GuardMark,
        /// The lock in the guard.
        lock: Lock,
    },
    /// It prevoted against what it had precommitted.
    #[error(
        "node {node} sent {mark:?} for {block}, though it precommitted {locked} in round {round} and no polka came since"
    )]
    LockForgotten {
        /// The node.
        node: usize,
        /// The mark.
        mark: GuardMark,
        /// For this block.
        block: Hash32,
        /// It had precommitted this one last,
        locked: Hash32,
        /// in this round.
        round: Round,
    },
    /// Two different things signed for one place.
    #[error("node {node} contradicts itself at height {height} round {round} {step:?}: {first} and {second}")]
    Contradiction {
        /// The node.
        node: usize,
        /// Height.
        height: Height,
        /// Round.
        round: Round,
        /// Step.
        step: SignStep,
        /// The first signed value.
        first: Hash32,
        /// The second signed value.
        second: Hash32,
    },
    /// It told a peer of a final block that it could lose.
    #[error("node {node} shows block {shown} as final, its disk has {durable}")]
    ShownTooSoon {
        /// The node.
        node: usize,
        /// The value it showed.
        shown: Height,
        /// The durable value.
        durable: Height,
    },
    /// It came back without a block that it had called final.
    #[error("node {node} had shown block {height} as final and came back without it")]
    FinalLost {
        /// The node.
        node: usize,
        /// The message.
        height: Height,
    },
    /// An honest crash that looks like lost data silences a validator for a height.
    #[error("node {node} lost nothing, but its journal does not hold what its guard says: {guard:?}")]
    LooksLost {
        /// The node.
        node: usize,
        /// The guard.
        guard: GuardMark,
    },
    /// An honest node stopped.
    #[error("node {node} halts: {fault}")]
    Halted {
        /// The node.
        node: usize,
        /// Why, in its words.
        fault: String,
    },
    /// Stored data does not read back.
    #[error("node {node} cannot read its disk: {reason}")]
    Damaged {
        /// The node.
        node: usize,
        /// Why.
        reason: String,
    },
    /// The faults stopped, and the chain stands still.
    #[error("no progress: {waited_s} s after all faults stopped some nodes are below height {goal}: {nodes}")]
    NoProgress {
        /// The height to reach.
        goal: Height,
        /// Virtual seconds.
        waited_s: u64,
        /// The positions of all nodes.
        nodes: String,
    },
    /// A transaction was accepted before it would survive a restart.
    #[error("node {node} accepts transaction {id} without remembering it")]
    Unremembered {
        /// By whom.
        node: usize,
        /// Which.
        id: TransactionId,
    },
    /// So many events that something goes round in circles.
    #[error("{events} events, and no end: something goes round in circles")]
    Endless {
        /// How many.
        events: u64,
    },
    /// Power grew too fast.
    #[error("power grew by {found} micro-BCC in one churn span up to block {height}, {most} are the most")]
    Grown {
        /// Up to this block.
        height: Height,
        /// So much.
        found: u64,
        /// The most there may be.
        most: u64,
    },
    /// An account is barred that has not lied.
    #[error("block {height} bars {account}, which signed no two things for one place")]
    Innocent {
        /// Which block.
        height: Height,
        /// The account.
        account: Address,
    },
    /// There was evidence, and the liar was not punished.
    #[error(
        "{account} contradicted itself at height {height}, an honest node had evidence on disk, and it is not barred"
    )]
    Unpunished {
        /// The height of the lie.
        height: Height,
        /// The account.
        account: Address,
    },
    /// A grant was paid once more.
    #[error("block {height} pays {account} a grant, which it or the block has paid already")]
    GrantedTwice {
        /// Which block.
        height: Height,
        /// The account.
        account: Address,
    },
    /// The treasury holds something else than what was not granted.
    #[error("after block {height} the treasury holds {found} micro-BCC, it should hold {expected}")]
    Treasury {
        /// After this block.
        height: Height,
        /// The expected coins.
        expected: u64,
        /// The actual coins.
        found: u64,
    },
    /// A member was jailed as absent that was there.
    #[error("block {height} jails {account}, which precommitted {voted} of the last 100 blocks")]
    JailedPresent {
        /// Which block.
        height: Height,
        /// The account.
        account: Address,
        /// How often it voted in that time.
        voted: usize,
    },
    /// A panic.
    #[error("panic: {message}")]
    Panic {
        /// Its message.
        message: String,
    },
}
