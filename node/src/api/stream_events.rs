//! Events of streams, made of what the store knows. Pure.
//!
//! Start reading at [`InBlock`].

use super::history_views;
use crate::store::history::{AccountRow, Barred, BlockRow, Filter, RowKind};
use blockchat_client::shapes::{BarredEvent, BlockEvent, EventTopic, MessageEvent, TransactionEvent};
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;

/// Something in a block that a stream is about.
pub(super) enum InBlock {
    /// A validator is barred.
    Barred(BarredEvent),
    /// A message of an account.
    Message(MessageEvent),
    /// An entry of the history of an account.
    Transaction(TransactionEvent),
}

/// Which rows of the store a topic is about.
pub(super) fn account_filter(topic: &EventTopic, from: Height, to: Height) -> Option<(Address, Filter)> {
    let filter = Filter { from, to, ..Filter::default() };
    match topic {
        EventTopic::Messages(account) => Some((*account, filter.only([RowKind::Message]))),
        EventTopic::Transactions(account) => Some((*account, filter)),
        EventTopic::Block | EventTopic::Barred | EventTopic::Consensus | EventTopic::Peers | EventTopic::Log => None,
    }
}

/// The row as an event of the topic, if it is about that.
pub(super) fn account_event(topic: &EventTopic, row: AccountRow) -> Option<InBlock> {
    match topic {
        EventTopic::Messages(account) => {
            let message = history_views::message(row)?;
            Some(InBlock::Message(MessageEvent { account: *account, message }))
        }
        EventTopic::Transactions(account) => {
            let entry = history_views::history(row);
            Some(InBlock::Transaction(TransactionEvent { account: *account, entry }))
        }
        EventTopic::Block | EventTopic::Barred | EventTopic::Consensus | EventTopic::Peers | EventTopic::Log => None,
    }
}

/// The block at a glance.
pub(super) fn block_event(row: &BlockRow) -> BlockEvent {
    BlockEvent {
        height: row.height,
        hash: row.hash,
        time: row.time,
        leader: Some(row.leader),
        round: row.round,
        transactions: row.transactions,
        bytes: row.bytes,
    }
}

/// A barred account, and the reason.
pub(super) fn barred_event(barred: &Barred) -> BarredEvent {
    let Barred { height, time, account, burned, ref evidence } = *barred;
    BarredEvent { height, time, account, burned, offence: evidence.into() }
}
