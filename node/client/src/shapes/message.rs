//! Final messages.

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use serde::{Deserialize, Serialize};

/// One final message to or from an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Of the transaction.
    pub id: Hash32,
    /// In this block.
    pub height: Height,
    /// Position in it.
    pub index: u32,
    /// Block time.
    pub time: UnixMillis,
    /// Who wrote.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// Coins with it.
    pub amount: Coins,
    /// Plain text, if it is plain.
    pub text: Option<String>,
    /// Is it sealed to the recipient?
    pub sealed: bool,
}
