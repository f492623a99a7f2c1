//! One account.

use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One account: what is final, and what it will be once the pool is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Whose.
    pub address: Address,
    /// At this height.
    pub height: Height,
    /// Final balance.
    pub balance: Coins,
    /// Balance once this node's pooled transactions of the account are final (income not counted).
    pub pending_balance: Coins,
    /// Staked coins.
    pub stake: Coins,
    /// Coins on their way back from the stake.
    pub unbonding: Vec<UnbondingView>,
    /// Nonce after the last final transaction.
    pub next_nonce: u64,
    /// Nonce to sign with next: after the pooled ones.
    pub pending_nonce: u64,
    /// `inactive`, `active`, `jailed` or `barred`.
    pub standing: String,
}

/// Stake on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbondingView {
    /// How much.
    pub amount: Coins,
    /// When, in unix ms of block time.
    pub release: UnixMillis,
}
