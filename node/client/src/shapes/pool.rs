//! Pooled transactions.

use super::history::HistoryKind;
use super::page::{Cursor, PageRequest};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One transaction of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolRowView {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub id: Hash32,
    /// Does it wait for an earlier nonce? Otherwise it will go into a block.
    pub queued: bool,
    /// Its signer.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
    pub from: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Its kind.
    pub kind: HistoryKind,
    /// Its recipient; absent if only the signer is concerned.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Address>))]
    pub to: Option<Address>,
    /// Coins that it sends; of a *stake*, the new stake; otherwise zero.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub amount: Coins,
    /// The fee it will pay.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub fee: Coins,
    /// Size of its canonical bytes.
    pub bytes: u32,
    /// The last height at which it is valid, if it says one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Height>))]
    pub expiry: Option<Height>,
    /// When this node saw it first.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub since: UnixMillis,
}

/// Which part of the pool is wanted: the query of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRequest {
    /// As in [`PageRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// As in [`PageRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Only those that this account signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Address>,
}

impl PoolRequest {
    /// Which part of the list.
    pub fn part(&self) -> PageRequest {
        PageRequest { limit: self.limit, cursor: self.cursor.clone() }
    }
}
