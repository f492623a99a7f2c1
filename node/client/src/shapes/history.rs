//! History of an account. SPEC API-8.

use super::page::{Cursor, PageRequest};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::Sealed;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One final thing that happened to an account: a transaction of its own, one to it, or what the ledger did to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryView {
    /// In this block.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
    pub height: Height,
    /// Position in it; what the ledger did comes after the block's transactions.
    pub index: u32,
    /// Block time.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub time: UnixMillis,
    /// Its kind.
    pub kind: HistoryKind,
    /// The account's part in it.
    pub direction: Direction,
    /// Of the transaction; absent for what the ledger did.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Hash32>))]
    pub id: Option<Hash32>,
    /// Its nonce; absent for what the ledger did.
    pub nonce: Option<u64>,
    /// Its signer; absent for acts of the ledger.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Address>))]
    pub from: Option<Address>,
    /// The other account concerned, such as a recipient; absent if only the signer is.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Address>))]
    pub to: Option<Address>,
    /// Coins that were sent, paid or released; of a *stake*, the new stake; otherwise zero.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Coins))]
    pub amount: Coins,
    /// The fee that the signer paid; absent for what the ledger did.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Coins>))]
    pub fee: Option<Coins>,
    /// Plain text, if there is one.
    pub text: Option<String>,
    /// Is there a message sealed to the recipient?
    pub sealed: bool,
    /// The sealed payload; absent if nothing is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Sealed>))]
    pub seal: Option<Sealed>,
}

/// Kinds of entries in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// Coins without a message.
    Payment,
    /// A message, with or without coins.
    Message,
    /// The stake was set.
    Stake,
    /// A validator's node declared that it runs.
    Activate,
    /// A welcome grant was claimed.
    Claim,
    /// The fees of a block, paid to its leader.
    Fees,
    /// Coins came back from the stake.
    Released,
    /// The validator was jailed for absence.
    Jailed,
    /// The validator was barred for misbehaviour; the amount is what burned.
    Barred,
    /// A validator's node declared the rules that it knows.
    Announce,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

/// The part of an account in what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It came to the account, from another one or from the ledger.
    In,
    /// The account signed it.
    Out,
    /// Both: the account sent it to itself.
    Own,
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

/// Which part of an account's history is wanted: the query of a request. Everything but the part's length must stay the
/// same from one part to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// As in [`PageRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// As in [`PageRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Only what came in, or went out, what did both included; `own`: only what did both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Only this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<HistoryKind>,
    /// Only from this height on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Height>,
    /// Only up to this height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Height>,
}

impl HistoryRequest {
    /// Which part of the list.
    pub fn part(&self) -> PageRequest {
        PageRequest { limit: self.limit, cursor: self.cursor.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_only_what_is_wanted() {
        assert_eq!(serde_json::to_string(&HistoryRequest::default()).unwrap(), "{}");
        let request = HistoryRequest {
            direction: Some(Direction::In),
            kind: Some(HistoryKind::Released),
            from: Some(Height(5)),
            ..HistoryRequest::default()
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(json, r#"{"direction":"in","kind":"released","from":5}"#);
    }
}
