//! How a node's engine decides: the current height, recent heights, validators and the pool. Built on request, not kept
//! up to date.
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

/// Maximum decided heights kept for counting.
pub const DECIDED_MAX: usize = 1_024;
/// Maximum decided heights in an [`EngineView`].
pub const DECIDED_SHOWN: usize = 64;
/// Maximum rounds in an [`EngineView`]: the last ones.
pub const ROUNDS_SHOWN: usize = 8;
/// Leaders in an [`EngineView`].
pub const LEADERS_SHOWN: u32 = 8;

/// The current height, and the last decided ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineView {
    /// When it was built.
    pub now: UnixMillis,
    /// The current height.
    pub height: Height,
    /// Has it begun?
    pub begun: bool,
    /// As in [`crate::chain_view::ChainView`].
    pub phase: PhaseView,
    /// As above.
    pub rules: RulesView,
    /// As above.
    pub voting: bool,
    /// Our current round.
    pub round: Round,
    /// When the height began, or the last one was decided.
    pub since: UnixMillis,
    /// The deciding set.
    pub validators: ValidatorSet,
    /// When each of them was last heard, in their order.
    pub heard: Vec<Option<UnixMillis>>,
    /// Our own validator.
    pub own: Option<Address>,
    /// At most [`ROUNDS_SHOWN`] rounds up to the current one, oldest first; none before the height begins.
    pub rounds: Vec<RoundFacts>,
    /// Running timers, with start and end, by their end.
    pub timers: Vec<(Timer, UnixMillis, UnixMillis)>,
    /// Leaders of the current round and the next ones.
    pub leaders: Vec<(Round, Address)>,
    /// The last decided heights, newest first, at most [`DECIDED_SHOWN`].
    pub decided: Vec<Decided>,
}

/// One round of the current height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundFacts {
    /// Its number.
    pub round: Round,
    /// Its leader.
    pub leader: Address,
    /// When we entered it.
    pub entered: Option<UnixMillis>,
    /// Its proposal.
    pub proposal: Option<ProposalFacts>,
    /// Each member's prevote, in the order of the set; `None` if not received, `Some(None)` for nil.
    pub prevotes: Vec<Option<Option<Hash32>>>,
    /// The same for precommits.
    pub precommits: Vec<Option<Option<Hash32>>>,
}

/// A proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposalFacts {
    /// Hash of the block.
    pub block: Hash32,
    /// The round of its lock, if it is proposed again.
    pub lock_round: Option<Round>,
    /// When it was first received.
    pub seen: UnixMillis,
    /// Number of transactions and bytes of the block, once it is here.
    pub holds: Option<(usize, usize)>,
    /// Is it valid, once known?
    pub valid: Option<bool>,
}

/// A decided height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The height.
    pub height: Height,
    /// Hash of its block.
    pub hash: Hash32,
    /// Builder of the block.
    pub leader: Address,
    /// Round of the decision.
    pub round: Round,
    /// Block time.
    pub time: UnixMillis,
    /// When it became final here.
    pub decided: UnixMillis,
    /// Did a peer send it as final?
    pub caught_up: bool,
    /// Time since the previous decision.
    pub interval_ms: Option<u64>,
    /// Time since one of its transactions was first pooled here.
    pub seen_to_final_ms: Option<u64>,
    /// Transactions in it.
    pub transactions: usize,
    /// Its canonical bytes.
    pub bytes: usize,
    /// The deciding set.
    pub members: ValidatorSet,
    /// Which of them signed, in their order, late ones included.
    pub signed: Vec<bool>,
}

/// One validator over the last decided heights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorFacts {
    /// Its address.
    pub address: Address,
    /// Its stake.
    pub stake: Coins,
    /// Its standing.
    pub standing: Standing,
    /// Its share of the next height's set, if it is a member, and that set's stake.
    pub weight: Option<(Stake, Stake)>,
    /// Decided heights with it in the set; the numbers below are about these.
    pub counted: u32,
    /// Heights that it led.
    pub led: u32,
    /// Its expected number by stake, in millionths of a block.
    pub fair_ppm_blocks: u64,
    /// Heights whose certificate lacks it.
    pub missed: u32,
    /// The latest consecutive ones that lack it.
    pub missed_in_a_row: u32,
    /// Missed according to the rules, of the last 100 blocks.
    pub absent: u32,
    /// Block time at which the rules last recorded it as present.
    pub last_present: UnixMillis,
}

/// The position of a transaction in the pool's list: by sender; per sender first those without nonce, then the row,
/// then the shelf, by nonce.
pub type PoolPlace = (Address, u8, u64);

/// Part of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPart {
    /// In the order of their positions.
    pub rows: Vec<PoolRow>,
    /// Position of the last one, if more follow.
    pub next: Option<PoolPlace>,
}

/// One transaction of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRow {
    /// The transaction.
    pub transaction: VerifiedTransaction,
    /// Does it wait for an earlier nonce?
    pub queued: bool,
    /// When it arrived.
    pub since: UnixMillis,
}
