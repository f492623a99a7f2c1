//! Final blocks.

use super::page::{Cursor, PageRequest};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use blockchat_proto::units::{Height, Round, UnixMillis};
use serde::{Deserialize, Serialize};

/// One final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockView {
    /// Its height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Its hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub hash: Hash32,
    /// Parent's hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub parent: Hash32,
    /// Its time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// Its leader, which assembled it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub leader: Address,
    /// Round in which it was built.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// State root after it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub state_root: Hash32,
    /// Signers of its certificate.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<super::open::Address>))]
    pub signers: Vec<Address>,
    /// Fees its leader received.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub fees: Coins,
    /// Size of the canonical bytes.
    pub bytes: u64,
    /// Its contents.
    pub transactions: Vec<BlockTransactionView>,
}

/// One transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockTransactionView {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub id: Hash32,
    /// Its text.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::SignedTransaction))]
    pub transaction: SignedTransaction,
    /// The fee it paid.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub fee: Coins,
}

/// A final block for readers that want to know only which transactions it holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BlockIds {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Its contents.
    pub transactions: Vec<IdOnly>,
}

/// A transaction in a [`BlockIds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct IdOnly {
    /// Its id.
    pub id: TransactionId,
}

/// One final block without what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockRowView {
    /// Its height.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Its hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub hash: Hash32,
    /// Parent's hash.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub parent: Hash32,
    /// Its time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// Its leader, which assembled it.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub leader: Address,
    /// Round in which it was built.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Round))]
    pub round: Round,
    /// How many transactions it holds.
    pub transactions: u32,
    /// Fees its leader received.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub fees: Coins,
    /// Size of the canonical bytes.
    pub bytes: u64,
}

/// Which part of the list of blocks is wanted: the query of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlocksRequest {
    /// As in [`PageRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// As in [`PageRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Only from this height on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Height>,
    /// Only up to this height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Height>,
}

impl BlocksRequest {
    /// Which part of the list.
    pub fn part(&self) -> PageRequest {
        PageRequest { limit: self.limit, cursor: self.cursor.clone() }
    }
}
