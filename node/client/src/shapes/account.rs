//! One account.

use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One account: what is final, and what it will be once the pool is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub address: Address,
    /// At this height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Final balance.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub balance: Coins,
    /// Balance once this node's pooled transactions of the account are final (income not counted).
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub pending_balance: Coins,
    /// Staked coins.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake: Coins,
    /// Coins on their way back from the stake.
    pub unbonding: Vec<UnbondingView>,
    /// Nonce after the last final transaction.
    pub next_nonce: u64,
    /// Nonce to sign with next: after the pooled ones.
    pub pending_nonce: u64,
    /// Where it stands as a validator.
    pub standing: Standing,
    /// Has it had its welcome grant?
    #[serde(default)]
    pub claimed: bool,
}

/// Stake on its way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnbondingView {
    /// How much.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub amount: Coins,
    /// When, in unix ms of block time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub release: UnixMillis,
}

/// Where an account stands as a validator. SPEC VAL-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No member, with or without stake.
    Inactive,
    /// A member while its stake is large enough.
    Active,
    /// Was absent for too long.
    Jailed,
    /// Misbehaved; never comes back.
    Barred,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

impl Standing {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Active => "active",
            Self::Jailed => "jailed",
            Self::Barred => "barred",
            Self::Unknown => "unknown",
        }
    }
}

impl From<ledger::Standing> for Standing {
    fn from(standing: ledger::Standing) -> Self {
        match standing {
            ledger::Standing::Inactive => Self::Inactive,
            ledger::Standing::Active => Self::Active,
            ledger::Standing::Jailed => Self::Jailed,
            ledger::Standing::Barred => Self::Barred,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_is_its_name_and_a_new_one_does_not_hide_the_account() {
        for standing in [Standing::Inactive, Standing::Active, Standing::Jailed, Standing::Barred, Standing::Unknown] {
            let json = format!("\"{}\"", standing.as_str());
            assert_eq!(serde_json::to_string(&standing).unwrap(), json);
            assert_eq!(serde_json::from_str::<Standing>(&json).unwrap(), standing);
        }
        assert_eq!(serde_json::from_str::<Standing>("\"retired\"").unwrap(), Standing::Unknown);
    }
}
