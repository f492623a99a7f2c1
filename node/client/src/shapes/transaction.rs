//! The state of a transaction.

use super::Code;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::refusal::Retry;
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// The state of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransactionState {
    /// Waits for an earlier nonce.
    Queued,
    /// In the pool, will go into a block.
    Pooled,
    /// In a proposed block that is not final yet.
    InBlock {
        /// Of this height.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
        height: Height,
    },
    /// Final: never undone.
    Final {
        /// In this block.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::Height))]
        height: Height,
        /// Position in it.
        index: u32,
        /// Leader that assembled the block and got the fee.
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::Address))]
        leader: Address,
    },
    /// Refused.
    Refused {
        /// For programs.
        code: Code,
        /// For a person.
        reason: String,
        /// May the same bytes be taken later?
        #[cfg_attr(feature = "openapi", schema(value_type = super::open::Retry))]
        retry: Retry,
    },
    /// Something that this program does not know yet.
    #[serde(other)]
    Unknown,
}

/// Query parameters of a submit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// The pooled transaction of the same sender and nonce whose place it takes. Without it, a nonce must be free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Hash32>,
}

/// The part of an answer to a submit that says whether it is refused; for a load generator, which reads nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// Why it is refused; absent if it is not.
    pub code: Option<Code>,
    /// With it, whether to try again.
    pub retry: Option<Retry>,
}

/// Why a queued transaction waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitView {
    /// The nonce that the account's next transaction must have.
    pub next_nonce: u64,
    /// It is refused then, if the nonces between have not come.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::UnixMillis))]
    pub until: UnixMillis,
}

/// Answer to a submit. A known transaction answers with where it is: submitting again is safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubmitView {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub id: Hash32,
    /// Where it is.
    #[serde(flatten)]
    pub state: TransactionState,
    /// If it is queued, what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<WaitView>,
}

/// One transaction and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TransactionView {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = super::open::Hash32))]
    pub id: Hash32,
    /// Where it is.
    #[serde(flatten)]
    pub state: TransactionState,
    /// If it is queued, what for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<WaitView>,
    /// Its text; absent for a refused one that was not kept.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::SignedTransaction>))]
    pub transaction: Option<SignedTransaction>,
    /// The fee it pays.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::open::Coins>))]
    pub fee: Option<Coins>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::refusal::TxCode;

    #[test]
    fn a_place_is_the_field_state_with_its_fields_beside_it() {
        let refused = TransactionState::Refused {
            code: TxCode::PoolFull.into(),
            reason: "the pool is full".into(),
            retry: Retry::Now,
        };
        let view = SubmitView { id: Hash32::ZERO, state: refused, waits: None };
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!(
            (&json["state"], &json["code"], &json["retry"]),
            (&"refused".into(), &"pool_full".into(), &"now".into())
        );
        assert_eq!(serde_json::from_value::<SubmitView>(json.clone()).unwrap(), view);
        let verdict: Verdict = serde_json::from_value(json).unwrap();
        assert_eq!(verdict, Verdict { code: Some(TxCode::PoolFull.into()), retry: Some(Retry::Now) });
    }

    #[test]
    fn a_place_of_a_newer_node_does_not_hide_the_others() {
        let json = format!(r#"{{"id":"{}","state":"on_its_way","train":7}}"#, Hash32::ZERO);
        let view: SubmitView = serde_json::from_str(&json).unwrap();
        assert_eq!(view.state, TransactionState::Unknown);
    }
}
