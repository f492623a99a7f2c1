//! A read-only snapshot of a node for readers. They get a new one each time; none locks the engine.

use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{GrantTerms, Led, Ledger, Tip, TxRejected, Waiting};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use std::sync::Arc;

/// The status of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// Last final block.
    pub tip: Tip,
    /// State root after it.
    pub state_root: Hash32,
    /// The supply.
    pub supply: Coins,
    /// Stakes at the tip.
    pub stakes: Arc<StakesView>,
    /// The set of the height being decided.
    pub validators: ValidatorSet,
    /// Its round.
    pub round: Round,
    /// Leader of that round.
    pub leader: Address,
    /// The current phase of the node.
    pub phase: PhaseView,
    /// Versions of the rules.
    pub rules: RulesView,
    /// Does it vote?
    pub voting: bool,
    /// Why this validator does not vote, or votes differently; or why this node takes no part.
    pub silence: Option<Silence>,
    /// How far the clocks of others are ahead of ours, in ms, according to their blocks; `None` until enough were
    /// heard. It decides nothing.
    pub clocks_ahead_ms: Option<i64>,
    /// Has this node's validator enough stake to be a member, whether or not it is one now?
    pub staked: bool,
    /// Start of the undecided height; `None` if there is none.
    pub undecided_since: Option<UnixMillis>,
    /// Members that said nothing about the last heights, and nothing for some seconds. Empty until the node is at the
    /// tip.
    pub silent: Vec<Address>,
    /// Has it been at the tip since it started? Before that, its verdicts are about an old state: after a restart, a
    /// payment that was final long ago could look unpayable.
    pub reached_tip: bool,
    /// Pooled transactions, without the shelf.
    pub pool_transactions: usize,
    /// Their bytes.
    pub pool_bytes: usize,
}

/// Stakes at the tip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StakesView {
    /// Coins burned for misbehaviour.
    pub burned: Coins,
    /// Accounts barred for misbehaviour, by address.
    pub barred: Vec<Address>,
    /// Stake waiting to become power, in order. SPEC VAL-6.
    pub queue: Vec<Waiting>,
    /// How often each member led one of the recent blocks, by address. SPEC LEAD-5.
    pub led: Vec<Led>,
    /// Terms of a welcome grant; `None` on a chain without them. SPEC CLAIM-1.
    pub grants: Option<GrantTerms>,
}

impl StakesView {
    /// At the tip of this ledger.
    pub fn of(ledger: &Ledger) -> Arc<Self> {
        let grants = ledger.grant_terms(ledger.tip().time);
        Arc::new(Self {
            burned: ledger.system().burned,
            barred: ledger.barred().collect(),
            queue: ledger.queue(),
            led: ledger.led(),
            grants: Some(grants).filter(|terms| terms.closed != Some(TxRejected::ClaimsClosed)),
        })
    }
}

/// Versions of the rules. SPEC VER-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulesView {
    /// In force at the height being decided.
    pub version: RulesVersion,
    /// The highest that this program knows.
    pub known: RulesVersion,
    /// The first height of the next version, once decided.
    pub next_begins: Option<Height>,
}

impl RulesView {
    /// The first height, decided or not, whose version this program does not know; with that version. `tip`: the last
    /// final height.
    pub fn unknown_from(&self, tip: Height) -> Option<(Height, RulesVersion)> {
        let now = (tip.next(), self.version);
        let later = self.next_begins.map(|height| (height, self.version.next()));
        [Some(now), later].into_iter().flatten().find(|(_, version)| *version > self.known)
    }
}

/// Why a validator signs nothing at the current height, or less than others. SPEC VOTE-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Its guard is lost.
    NoGuard,
    /// Another node signs with its key: this one signs nothing until the guard is reset. SPEC VOTE-9.
    Elsewhere,
    /// The chain contains signatures of its key that the guard does not know, or peers report another connected run of
    /// its identity: it listens before it signs. SPEC VOTE-9.
    Listening,
    /// Peers keep another run of this node's network identity, and this node has no peer: applies to any node. SPEC
    /// VOTE-9.
    ShutOut,
    /// It has signed at a height that it has not reached: it signs nothing below that height.
    Behind {
        /// The height.
        signed: Height,
    },
    /// According to its guard, all of this height counts as signed.
    Closed,
    /// Its journal of this height was lost, and the guard does not know the lock: it signs nothing.
    LockUnknown,
    /// Its journal was lost, but its guard knows the lock: it votes only for that block, or for another with a polka of
    /// this round or later; and it has no block to propose.
    Locked {
        /// The round of the lock.
        round: Round,
        /// The block's hash.
        block: Hash32,
    },
}

/// The phase of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhaseView {
    /// At the tip, waiting for transactions or the next block's time.
    Idle,
    /// Deciding a height.
    Deciding,
    /// Fetching missed blocks.
    CatchingUp {
        /// The highest height that a peer has proved.
        target: Height,
    },
    /// Stopped: this program does not know the version of the rules at the next height. SPEC VER-5.
    UpdateNeeded,
    /// Too little stake is online to decide anything.
    WaitingForStake {
        /// Stake heard recently, our own included.
        online: Stake,
        /// Members not heard recently.
        missing: Vec<Address>,
    },
}
