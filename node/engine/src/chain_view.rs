//! A read-only picture of a node for those who look. Readers get a new one; none locks the engine.

use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Tip;
use blockchat_proto::units::{Height, Round, RulesVersion};
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
    /// By which rules.
    pub rules: RulesView,
    /// Does it vote?
    pub voting: bool,
    /// Why this validator does not vote, or not as others do.
    pub silence: Option<Silence>,
    /// Has it been at the tip since it started? Before that its verdicts are about an old state: after a restart, a
    /// payment that was final long ago could look unpayable.
    pub settled: bool,
    /// Pooled transactions, without the shelf.
    pub pool_transactions: usize,
    /// Their bytes.
    pub pool_bytes: usize,
}

/// Versions of the rules. SPEC VER-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulesView {
    /// In force at the height being decided.
    pub version: RulesVersion,
    /// The highest that this program knows.
    pub known: RulesVersion,
    /// Where the version after `version` begins, once that is decided.
    pub next_begins: Option<Height>,
}

impl RulesView {
    /// The first height, decided or to come, whose version this program does not know; with that version. `tip`: the last
    /// final height.
    pub fn unknown_from(&self, tip: Height) -> Option<(Height, RulesVersion)> {
        let now = (tip.next(), self.version);
        let later = self.next_begins.map(|height| (height, self.version.next()));
        [Some(now), later].into_iter().flatten().find(|(_, version)| *version > self.known)
    }
}

/// Why a validator signs nothing at the height being decided, or not all that others would. SPEC VOTE-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Its guard is lost.
    NoGuard,
    /// It has signed at a height that it has not reached: it signs nothing below.
    Behind {
        /// The height.
        signed: Height,
    },
    /// By its guard all of this height counts as signed.
    Closed,
    /// Its journal of this height was lost, and the guard does not say what it is locked on: it signs nothing.
    LockUnknown,
    /// Its journal was lost, and its guard says what it is locked on: it votes for that block only, or for another one with
    /// a polka of this round or later; and it has no block to propose.
    Locked {
        /// In this round.
        round: Round,
        /// The block's hash.
        block: Hash32,
    },
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
    /// Nothing: the next height is executed by a version of the rules that this program does not know. SPEC VER-5.
    UpdateNeeded,
    /// Too little stake is heard of to decide anything.
    WaitingForStake {
        /// Stake heard of lately, our own included.
        online: Stake,
        /// Members not heard of.
        missing: Vec<Address>,
    },
}
