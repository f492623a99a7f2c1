//! Rows of the store as the API's JSON shapes. Pure.
//!
//! Start reading at [`history`].

use crate::store::history::{self, AccountRow, BlockRow, Row, RowKind, TransactionRow};
use blockchat_client::shapes::{self, BlockRowView, HistoryKind, HistoryView, MessageView};
use blockchat_proto::coins::Coins;
use blockchat_proto::ledger::LedgerAct;
use blockchat_proto::transaction::{Body, Payload, Sealed};

/// One message; `None` of a row that holds none.
pub(super) fn message(found: AccountRow) -> Option<MessageView> {
    let (height, index) = found.position;
    let Row::Transaction(TransactionRow { id, sender, nonce, body: Body::Send { to, amount, payload }, .. }) =
        found.row
    else {
        return None;
    };
    let (text, seal) = content(payload);
    let sealed = seal.is_some();
    (sealed || text.is_some()).then_some(MessageView {
        id,
        height,
        index,
        time: found.time,
        nonce,
        from: sender,
        to,
        amount,
        text,
        sealed,
        seal,
    })
}

/// Plain text, or what is sealed.
fn content(payload: Payload) -> (Option<String>, Option<Sealed>) {
    match payload {
        Payload::None => (None, None),
        Payload::Plain(text) => (Some(text), None),
        Payload::Sealed(seal) => (None, Some(seal)),
    }
}

/// One thing that happened to an account.
pub(super) fn history(found: AccountRow) -> HistoryView {
    let (height, index) = found.position;
    let blank = HistoryView {
        height,
        index,
        time: found.time,
        kind: kind(found.row.kind()),
        direction: direction(found.direction),
        id: None,
        nonce: None,
        from: None,
        to: None,
        amount: Coins::ZERO,
        fee: None,
        text: None,
        sealed: false,
        seal: None,
    };
    match found.row {
        Row::Transaction(row) => transaction_in_history(row, blank),
        Row::Ledger(act) => {
            let amount = match act {
                LedgerAct::Jailed { .. } => Coins::ZERO,
                LedgerAct::Paid { amount, .. }
                | LedgerAct::Released { amount, .. }
                | LedgerAct::Barred { amount, .. } => amount,
            };
            HistoryView { to: Some(act.account()), amount, ..blank }
        }
    }
}

fn transaction_in_history(row: TransactionRow, blank: HistoryView) -> HistoryView {
    let TransactionRow { id, sender, nonce, fee, grant, body } = row;
    let signed = HistoryView { id: Some(id), nonce: Some(nonce), from: Some(sender), fee: Some(fee), ..blank };
    match body {
        Body::Send { to, amount, payload } => {
            let (text, seal) = content(payload);
            HistoryView { to: Some(to), amount, text, sealed: seal.is_some(), seal, ..signed }
        }
        Body::Stake { amount } => HistoryView { amount, ..signed },
        Body::Claim { .. } => HistoryView { to: Some(sender), amount: grant, ..signed },
        Body::Activate { .. } | Body::Announce { .. } => signed,
    }
}

fn kind(kind: RowKind) -> HistoryKind {
    match kind {
        RowKind::Payment => HistoryKind::Payment,
        RowKind::Message => HistoryKind::Message,
        RowKind::Stake => HistoryKind::Stake,
        RowKind::Activate => HistoryKind::Activate,
        RowKind::Claim => HistoryKind::Claim,
        RowKind::Fees => HistoryKind::Fees,
        RowKind::Released => HistoryKind::Released,
        RowKind::Jailed => HistoryKind::Jailed,
        RowKind::Barred => HistoryKind::Barred,
        RowKind::Announce => HistoryKind::Announce,
    }
}

/// The kind of rows that a request wants; `None` if its name is unknown.
pub(super) fn kind_wanted(kind: HistoryKind) -> Option<RowKind> {
    Some(match kind {
        HistoryKind::Payment => RowKind::Payment,
        HistoryKind::Message => RowKind::Message,
        HistoryKind::Stake => RowKind::Stake,
        HistoryKind::Activate => RowKind::Activate,
        HistoryKind::Claim => RowKind::Claim,
        HistoryKind::Fees => RowKind::Fees,
        HistoryKind::Released => RowKind::Released,
        HistoryKind::Jailed => RowKind::Jailed,
        HistoryKind::Barred => RowKind::Barred,
        HistoryKind::Announce => RowKind::Announce,
        HistoryKind::Unknown => return None,
    })
}

fn direction(direction: history::Direction) -> shapes::Direction {
    match direction {
        history::Direction::In => shapes::Direction::In,
        history::Direction::Out => shapes::Direction::Out,
        history::Direction::Own => shapes::Direction::Own,
    }
}

/// The direction of rows that a request wants; `None` if its name is unknown.
pub(super) fn direction_wanted(direction: shapes::Direction) -> Option<history::Direction> {
    match direction {
        shapes::Direction::In => Some(history::Direction::In),
        shapes::Direction::Out => Some(history::Direction::Out),
        shapes::Direction::Own => Some(history::Direction::Own),
        shapes::Direction::Unknown => None,
    }
}

/// A block at a glance.
pub(super) fn block_row(row: BlockRow) -> BlockRowView {
    let BlockRow { height, hash, parent, time, leader, round, transactions, fees, bytes } = row;
    BlockRowView { height, hash, parent, time, leader, round, transactions, fees, bytes }
}
