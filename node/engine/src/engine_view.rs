//! What a node's engine tells those who ask how it decides: the height under way, the last decided ones, the validators,
//! the pool. Built when somebody asks, never kept up to date.
//!
//! Always true: plain data; times are the shell's, as they came with events; all lists are bounded.

use crate::chain_view::{PhaseView, RulesView};
use crate::event::Timer;
use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Standing;
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::units::{Height, Round, UnixMillis};
use blockchat_proto::validators::ValidatorSet;

/// Most decided heights that are kept, to count over.
pub const DECIDED_MAX: usize = 1_024;
/// Most decided heights in an [`EngineView`].
pub const DECIDED_SHOWN: usize = 64;
/// Most rounds in an [`EngineView`]: the last ones.
pub const ROUNDS_SHOWN: usize = 8;
/// Leaders in an [`EngineView`].
pub const LEADERS_SHOWN: u32 = 8;

/// How the height after the tip is being decided, and how the last ones were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineView {
    /// When it was built.
    pub now: UnixMillis,
    /// The height being decided.
    pub height: Height,
    /// Has it begun?
    pub begun: bool,
    /// As in [`crate::chain_view::ChainView`].
    pub phase: PhaseView,
    /// As there.
    pub rules: RulesView,
    /// As there.
    pub voting: bool,
    /// Round that we are in.
    pub round: Round,
    /// When the height began, or the last one was decided.
    pub since: UnixMillis,
    /// Who decides.
    pub validators: ValidatorSet,
    /// When each of them was last heard, in their order.
    pub heard: Vec<Option<UnixMillis>>,
    /// Our own validator.
    pub own: Option<Address>,
    /// At most [`ROUNDS_SHOWN`] rounds up to the current one, oldest first; none before the height begins.
    pub rounds: Vec<RoundFacts>,
    /// Timers that run, with their beginning and end, by their end.
    pub timers: Vec<(Timer, UnixMillis, UnixMillis)>,
    /// Leaders of the current round and of the next ones.
    pub leaders: Vec<(Round, Address)>,
    /// The last decided heights, newest first, at most [`DECIDED_SHOWN`].
    pub decided: Vec<Decided>,
}

/// One round of the height under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundFacts {
    /// Which.
    pub round: Round,
    /// Its leader.
    pub leader: Address,
    /// When we entered it.
    pub entered: Option<UnixMillis>,
    /// What its leader proposed.
    pub proposal: Option<ProposalFacts>,
    /// What each member prevoted, in the order of the set; `None` of one not heard, `Some(None)` for nil.
    pub prevotes: Vec<Option<Option<Hash32>>>,
    /// The same of precommits.
    pub precommits: Vec<Option<Option<Hash32>>>,
}

/// A proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposalFacts {
    /// Hash of the block.
    pub block: Hash32,
    /// The round of its lock, if it is proposed again.
    pub lock_round: Option<Round>,
    /// When it was first heard.
    pub seen: UnixMillis,
    /// How many transactions the block holds and how many bytes it has, once it is here.
    pub holds: Option<(usize, usize)>,
    /// Is it valid, once that is known?
    pub valid: Option<bool>,
}

/// A decided height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Which.
    pub height: Height,
    /// Hash of its block.
    pub hash: Hash32,
    /// Who assembled the block.
    pub leader: Address,
    /// Round of the decision.
    pub round: Round,
    /// Block time.
    pub time: UnixMillis,
    /// When it became final here.
    pub decided: UnixMillis,
    /// Did a peer send it as final?
    pub caught_up: bool,
    /// Since the decision before it.
    pub interval_ms: Option<u64>,
    /// Since one of its transactions was first pooled here.
    pub seen_to_final_ms: Option<u64>,
    /// Transactions in it.
    pub transactions: usize,
    /// Its canonical bytes.
    pub bytes: usize,
    /// Who decided.
    pub members: ValidatorSet,
    /// Which of them signed, in their order, late ones included.
    pub signed: Vec<bool>,
}

/// One validator over the last decided heights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorFacts {
    /// Whose.
    pub address: Address,
    /// Its stake.
    pub stake: Coins,
    /// Where it stands.
    pub standing: Standing,
    /// Its part of the set of the next height, if it is a member, and that set's stake.
    pub weight: Option<(Stake, Stake)>,
    /// Decided heights in whose set it was: what follows is about these.
    pub counted: u32,
    /// Of them, those that it led.
    pub led: u32,
    /// What it should lead of them by its stake, in millionths of a block.
    pub fair_ppm_blocks: u64,
    /// Of them, those whose certificate lacks it.
    pub missed: u32,
    /// The last ones in a row that lack it.
    pub missed_in_a_row: u32,
    /// Missed by the rules, of the last 100 blocks.
    pub absent: u32,
    /// Block time at which the rules last saw it.
    pub last_present: UnixMillis,
}

/// Where a transaction stands in the list of the pool: by sender; of each first what needs no nonce, then the row, then
/// the shelf, by nonce.
pub type PoolPlace = (Address, u8, u64);

/// Part of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPart {
    /// In the order of their places.
    pub rows: Vec<PoolRow>,
    /// Place of the last one, if more follow.
    pub next: Option<PoolPlace>,
}

/// One transaction of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRow {
    /// It.
    pub transaction: VerifiedTransaction,
    /// Does it wait for an earlier nonce?
    pub queued: bool,
    /// When it came.
    pub since: UnixMillis,
}
