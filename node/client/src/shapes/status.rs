//! How a node is.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use serde::{Deserialize, Serialize};

/// How a node is, in one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusView {
    /// `name-8hex`.
    pub chain: String,
    /// Genesis hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub genesis_hash: Hash32,
    /// Version of the program.
    pub version: String,
    /// Digest of the rules' sources this program was built from.
    pub sources: String,
    /// libp2p peer id.
    pub peer_id: String,
    /// Where it listens, as multiaddresses.
    pub listen: Vec<String>,
    /// The validator key's address, if this node has one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Address>))]
    pub validator: Option<Address>,
    /// Last final height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Its hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub tip: Hash32,
    /// State root after it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub state_root: Hash32,
    /// Its time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub tip_time: UnixMillis,
    /// All coins there are: balances, stakes, unbonding, treasury.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub supply: Coins,
    /// Coins that misbehaviour burned; not part of the supply any more.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub burned: Coins,
    /// Phase of the node.
    pub phase: Phase,
    /// By which rules.
    pub rules: RulesView,
    /// Round of the height being decided.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// Leader of that round.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Address>))]
    pub leader: Option<Address>,
    /// Does this node vote?
    pub voting: bool,
    /// Why its validator signs nothing, or not all that others would, and what to do about it: for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<String>,
    /// Does another node sign with this validator's key? This one has stopped signing, as `silence` says.
    #[serde(default)]
    pub key_elsewhere: bool,
    /// What is wrong with the machine's clock, if it differs from those of the other validators by more than 2 s: for a
    /// person. It decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// Is the newest block known here, as far as peers can tell? Never without peers, unless this node decides alone.
    #[serde(default)]
    pub at_tip: bool,
    /// Since when the height being decided is undecided; nothing while none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::UnixMillis>))]
    pub undecided_since: Option<UnixMillis>,
    /// Members that let the last heights pass without a word: they do not sign any more.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<super::open::Address>))]
    pub silent: Vec<Address>,
    /// Connected peers of this chain.
    pub peers: u32,
    /// Pooled transactions.
    pub pool_transactions: u32,
    /// Their bytes.
    pub pool_bytes: u64,
    /// The set of the height being decided.
    pub validators: Vec<ValidatorView>,
    /// How often its members led one of the last blocks.
    #[serde(default)]
    pub leaders: Vec<LedView>,
    /// Stake that waits to become voting power, in order.
    #[serde(default)]
    pub queue: Vec<QueuedView>,
    /// Accounts barred for misbehaviour, permanently. Time and amount are in their history.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<super::open::Address>))]
    pub barred: Vec<Address>,
    /// Terms of a welcome grant; `null` on a chain without a treasury.
    #[serde(default)]
    pub grants: Option<GrantsView>,
    /// When the process started.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub started: UnixMillis,
    /// Bytes to and from peers since then; zeros of a node that does not say.
    #[serde(default)]
    pub traffic: TrafficView,
}

/// Terms of a welcome grant at the next block. SPEC CLAIM-1 to CLAIM-6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantsView {
    /// Coins left in the treasury.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub treasury: Coins,
    /// Coins of one grant; an account gets it once.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub grant: Coins,
    /// How many hashes it takes to find the work, on average; nothing where the treasury is too small for one more.
    pub tries: Option<u64>,
    /// The newest block that work may name.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub recent: Hash32,
    /// Coins that grants may still take in this span.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub room: Coins,
    /// The first block at or after this time begins the next span.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub again: UnixMillis,
    /// The reason why none is paid now, if so: for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// Versions of the rules. SPEC VER-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesView {
    /// In force at the height being decided.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::RulesVersion))]
    pub version: RulesVersion,
    /// The highest that this program knows.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::RulesVersion))]
    pub known: RulesVersion,
    /// Where the version after that in force begins, once it is decided.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Height>))]
    pub next_begins: Option<Height>,
}

/// Bytes through the sockets between a node and its peers, since its process started: with encryption and framing,
/// without the headers of TCP and IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrafficView {
    /// From peers.
    pub received_bytes: u64,
    /// To peers.
    pub sent_bytes: u64,
}

/// Phase of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// At the tip, waiting for transactions or the next block's time.
    Idle,
    /// Deciding a height.
    Deciding,
    /// Fetching blocks it missed.
    CatchingUp {
        /// The height it knows of.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
        target: Height,
    },
    /// Nothing: the next height is executed by a version of the rules that this program does not know.
    UpdateNeeded {
        /// That version.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::RulesVersion))]
        version: RulesVersion,
        /// The highest that it knows.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::RulesVersion))]
        known: RulesVersion,
    },
    /// Too little stake is reachable: nothing can be decided until it returns.
    WaitingForStake {
        /// Reachable share of the stake, in percent with one decimal, such as `60.0`.
        online_percent: String,
        /// The members that are missing.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<super::open::Address>))]
        missing: Vec<Address>,
    },
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

/// A node that takes part in its chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadyView {
    /// Always true: a node that is not ready answers with a problem.
    pub ready: bool,
    /// Last final height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Connected peers of this chain.
    pub peers: u32,
    /// Its phase.
    pub phase: Phase,
}

/// A process that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveView {
    /// Always true: one that hangs answers with a problem.
    pub live: bool,
}

/// One member of the validator set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidatorView {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub address: Address,
    /// Its voting power: that part of its stake that has entered the set.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake: Coins,
}

/// How often a member led. SPEC LEAD-5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LedView {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub address: Address,
    /// How many blocks it led,
    pub led: u32,
    /// of so many.
    pub blocks: u32,
    /// The probability that chance alone lets a member with its share of the stake lead at least so many: a number between
    /// 0 and 1, such as `3.1e-22`.
    pub chance: String,
    /// Is that less than one in a thousand million? Then it chooses the next leader by trying out blocks.
    pub suspect: bool,
}

/// Stake that waits to become voting power. SPEC VAL-6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueuedView {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub address: Address,
    /// How much of it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub waiting: Coins,
    /// Since when.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub since: UnixMillis,
    /// When it will have become power if no account comes or goes: of block time, at the earliest.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub done_at: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_of_a_newer_node_does_not_hide_its_status() {
        let json = r#"{"is":"dreaming","of":["sheep"]}"#;
        assert_eq!(serde_json::from_str::<Phase>(json).unwrap(), Phase::Unknown);
        let json = r#"{"is":"catching_up","target":7,"more":1}"#;
        assert_eq!(serde_json::from_str::<Phase>(json).unwrap(), Phase::CatchingUp { target: Height(7) });
    }
}
