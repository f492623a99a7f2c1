//! Final messages.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::Sealed;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One final message to or from an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageView {
    /// Of the transaction.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub id: Hash32,
    /// In this block.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Position in it.
    pub index: u32,
    /// Block time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// Nonce of the transaction; what is sealed is bound to it.
    pub nonce: u64,
    /// Its sender.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub from: Address,
    /// To whom.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub to: Address,
    /// Coins with it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub amount: Coins,
    /// Plain text, if it is plain.
    pub text: Option<String>,
    /// Is it sealed to the recipient?
    pub sealed: bool,
    /// The sealed payload; absent if nothing is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Sealed>))]
    pub seal: Option<Sealed>,
}
