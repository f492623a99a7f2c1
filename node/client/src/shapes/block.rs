//! Final blocks.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use blockchat_proto::units::{Height, Round, UnixMillis};
use serde::{Deserialize, Serialize};

/// One final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Parent's hash.
    pub parent: Hash32,
    /// Its time.
    pub time: UnixMillis,
    /// Who assembled it.
    pub leader: Address,
    /// Round in which it was built.
    pub round: Round,
    /// State root after it.
    pub state_root: Hash32,
    /// Who signed its certificate.
    pub signers: Vec<Address>,
    /// Fees its leader received.
    pub fees: Coins,
    /// Size of the canonical bytes.
    pub bytes: u64,
    /// What it holds.
    pub transactions: Vec<BlockTransactionView>,
}

/// One transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTransactionView {
    /// Its id.
    pub id: Hash32,
    /// What it says.
    pub transaction: SignedTransaction,
    /// The fee it paid.
    pub fee: Coins,
}

/// A final block as somebody reads it who wants to know only which transactions it holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BlockIds {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// What it holds.
    pub transactions: Vec<IdOnly>,
}

/// A transaction in a [`BlockIds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct IdOnly {
    /// Its id.
    pub id: TransactionId,
}
