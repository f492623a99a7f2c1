//! Where a transaction is.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::Height;
use serde::{Deserialize, Serialize};

/// Where a transaction is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransactionState {
    /// Waits for an earlier nonce.
    Queued,
    /// In the pool, will go into a block.
    Pooled,
    /// In a proposed block that is not final yet.
    InBlock {
        /// Of this height.
        height: Height,
    },
    /// Final: never undone.
    Final {
        /// In this block.
        height: Height,
        /// Position in it.
        index: u32,
        /// Who assembled the block and got the fee.
        leader: Address,
    },
    /// Refused.
    Refused {
        /// Stable code, such as `insufficient_funds`.
        code: String,
        /// For a person.
        reason: String,
    },
}

/// Answer to a submit. A known transaction answers with where it is: submitting again is safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitView {
    /// Its id.
    pub id: Hash32,
    /// Where it is.
    #[serde(flatten)]
    pub state: TransactionState,
}

/// One transaction and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Its id.
    pub id: Hash32,
    /// Where it is.
    #[serde(flatten)]
    pub state: TransactionState,
    /// What it says; absent for a refused one that was not kept.
    pub transaction: Option<SignedTransaction>,
    /// The fee it pays.
    pub fee: Option<Coins>,
}
