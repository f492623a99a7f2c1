//! A read-only picture of a node for those who look. Readers get a new one; none locks the engine.

use blockchat_proto::coins::{Coins, Stake};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{GrantTerms, Led, Ledger, Tip, TxRejected, Waiting};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::validators::ValidatorSet;
use std::sync::Arc;

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// Last final block.
    pub tip: Tip,
    /// State root after it.
    pub state_root: Hash32,
    /// All coins there are.
    pub supply: Coins,
    /// What the tip says about stakes.
    pub stakes: Arc<StakesView>,
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
    /// Why this validator does not vote, or not as others do; or why this node takes no part.
    pub silence: Option<Silence>,
    /// What the clocks of others show beyond ours, in ms, as their blocks tell; nothing before enough were heard. It decides
    /// nothing.
    pub clocks_ahead_ms: Option<i64>,
    /// Has this node's validator enough stake to be a member, whether or not it is one now?
    pub staked: bool,
    /// Since when the height being decided is undecided; nothing while none is.
    pub undecided_since: Option<UnixMillis>,
    /// Members that said nothing about the last heights, and nothing for some seconds. Empty until the node is at the tip.
    pub silent: Vec<Address>,
    /// Has it been at the tip since it started? Before that its verdicts are about an old state: after a restart, a
    /// payment that was final long ago could look unpayable.
    pub settled: bool,
    /// Pooled transactions, without the shelf.
    pub pool_transactions: usize,
    /// Their bytes.
    pub pool_bytes: usize,
}

/// What the tip says about stakes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StakesView {
    /// Coins that misbehaviour burned.
    pub burned: Coins,
    /// Who is barred for misbehaviour, by address.
    pub barred: Vec<Address>,
    /// Stake that waits to become power, in order. SPEC VAL-6.
    pub queue: Vec<Waiting>,
    /// How often each member led one of the last blocks, by address. SPEC LEAD-5.
    pub led: Vec<Led>,
    /// What a welcome grant takes; nothing on a chain without them. SPEC CLAIM-1.
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
    /// Another one signs with its key: it signs nothing until the guard is reset. SPEC VOTE-9.
    Elsewhere,
    /// The chain holds signatures of its key that the guard does not know, or peers say that another run of its identity is
    /// connected to them: it listens before it signs. SPEC VOTE-9.
    Listening,
    /// Peers keep another run of this node's network identity, and it has no peer: said of any node. SPEC VOTE-9.
    ShutOut,
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
