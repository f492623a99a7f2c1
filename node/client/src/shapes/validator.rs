//! Validators: what is their share, and do they do it.

use super::account::Standing;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use serde::{Deserialize, Serialize};

/// Most blocks over which a node counts who leads and who signs: the last ones, since its process started.
pub const COUNTED_MAX: u32 = 1_024;

/// One validator: a member of the set, or an account that is none though it has stake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidatorRowView {
    /// Whose.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub address: Address,
    /// Its stake.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub stake: Coins,
    /// Where it stands: `jailed` for absence, `barred` for misbehaviour.
    pub standing: Standing,
    /// Is it a member of the set that decides the next height?
    pub member: bool,
    /// Its part of that set's stake, in millionths; 0 if it is no member.
    pub stake_ppm: u32,
    /// Of the last [`COUNTED_MAX`] blocks since the process started, those in whose set it was. All that follows is about
    /// these.
    pub counted: u32,
    /// How many of them it led.
    pub led: u32,
    /// The same in millionths.
    pub led_ppm: u32,
    /// Its fair share of them by stake, in millionths.
    pub fair_ppm: u32,
    /// If it led more than its fair share: how likely chance alone is to give it as much or more, in millionths. 0 is less
    /// than one in a million. `null` if it did not.
    pub chance_ppm: Option<u32>,
    /// Does it lead more of the last 100 blocks than chance explains, as [`super::LedView`] says?
    #[serde(default)]
    pub suspect: bool,
    /// How many of their certificates lack its precommit.
    pub missed: u32,
    /// How many of the last ones in a row lack it.
    pub missed_in_a_row: u32,
    /// Of the last 100 blocks, those that count as missed by the rules: above 90, and after 30 s, it is jailed.
    pub absent: u32,
    /// Block time at which the rules last saw it present.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub last_present: UnixMillis,
}
