//! How a node is.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use serde::{Deserialize, Serialize};

/// How a node is, in one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// `name-8hex`.
    pub chain: String,
    /// Genesis hash.
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
    pub validator: Option<Address>,
    /// Last final height.
    pub height: Height,
    /// Its hash.
    pub tip: Hash32,
    /// State root after it.
    pub state_root: Hash32,
    /// Its time.
    pub tip_time: UnixMillis,
    /// All coins there are: balances, stakes, unbonding, treasury.
    pub supply: Coins,
    /// What the node does now.
    pub phase: Phase,
    /// By which rules.
    pub rules: RulesView,
    /// Round of the height being decided.
    pub round: Round,
    /// Leader of that round.
    pub leader: Option<Address>,
    /// Does this node vote?
    pub voting: bool,
    /// Why its validator signs nothing, or not all that others would, and what to do about it: for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<String>,
    /// Connected peers of this chain.
    pub peers: u32,
    /// Pooled transactions.
    pub pool_transactions: u32,
    /// Their bytes.
    pub pool_bytes: u64,
    /// The set of the height being decided.
    pub validators: Vec<ValidatorView>,
    /// When the process started.
    pub started: UnixMillis,
    /// Bytes to and from peers since then; zeros of a node that does not say.
    #[serde(default)]
    pub traffic: TrafficView,
}

/// Versions of the rules. SPEC VER-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesView {
    /// In force at the height being decided.
    pub version: RulesVersion,
    /// The highest that this program knows.
    pub known: RulesVersion,
    /// Where the version after that in force begins, once it is decided.
    pub next_begins: Option<Height>,
}

/// Bytes through the sockets between a node and its peers, since its process started: with encryption and framing,
/// without the headers of TCP and IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficView {
    /// From peers.
    pub received_bytes: u64,
    /// To peers.
    pub sent_bytes: u64,
}

/// What a node does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Phase {
    /// At the tip, waiting for transactions or the next block's time.
    Idle,
    /// Deciding a height.
    Deciding,
    /// Fetching blocks it missed.
    CatchingUp {
        /// The height it knows of.
        target: Height,
    },
    /// Nothing: the next height is executed by a version of the rules that this program does not know.
    UpdateNeeded {
        /// That version.
        version: RulesVersion,
        /// The highest that it knows.
        known: RulesVersion,
    },
    /// Too little stake is reachable: nothing can be decided until it returns.
    WaitingForStake {
        /// Reachable share of the stake, in percent with one decimal, such as `60.0`.
        online_percent: String,
        /// The members that are missing.
        missing: Vec<Address>,
    },
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

/// A node that takes part in its chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyView {
    /// Always true: a node that is not ready answers with a problem.
    pub ready: bool,
    /// Last final height.
    pub height: Height,
    /// Connected peers of this chain.
    pub peers: u32,
    /// What it does now.
    pub phase: Phase,
}

/// A process that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveView {
    /// Always true: one that hangs answers with a problem.
    pub live: bool,
}

/// One member of the validator set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorView {
    /// Whose.
    pub address: Address,
    /// Staked coins.
    pub stake: Coins,
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
