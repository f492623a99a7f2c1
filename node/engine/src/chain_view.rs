//! A read-only picture of a node for those who look. Readers get a new one; none locks the engine.

use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Tip;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::validators::ValidatorSet;

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// Last final block.
    pub tip: Tip,
    /// State root after it.
    pub state_root: Hash32,
    /// All coins there are.
    pub supply: Coins,
    /// The set of the height being decided.
    pub validators: ValidatorSet,
    /// Its round.
    pub round: Round,
    /// Leader of that round.
    pub leader: Address,
    /// What the node does now.
    pub phase: PhaseView,
    /// Does it vote?
    pub voting: bool,
    /// Has it been at the tip since it started? Before that its verdicts are about an old state: after a restart, a
    /// payment that was final long ago could look unpayable.
    pub settled: bool,
    /// Pooled transactions, without the shelf.
    pub pool_transactions: usize,
    /// Their bytes.
    pub pool_bytes: usize,
}

/// What a node does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhaseView {
    /// At the tip, waiting for transactions or the next block's time.
    Idle,
    /// Deciding a height.
    Deciding,
    /// Fetching blocks it missed, up to here.
    CatchingUp {
        /// The highest height a peer has backed.
        target: Height,
    },
    /// Too little stake is heard of to decide anything.
    WaitingForStake {
        /// Stake heard of lately, our own included.
        online: Stake,
        /// Members not heard of.
        missing: Vec<Address>,
    },
}
