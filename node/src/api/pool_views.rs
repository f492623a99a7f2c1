//! The pool as JSON shapes of the API. Pure.

use blockchat_client::shapes::{HistoryKind, PoolRowView};
use blockchat_engine::engine_view::PoolRow;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::ledger::fee_for;
use blockchat_proto::transaction::{Body, Payload};

/// One transaction of the pool.
pub(super) fn pooled(row: &PoolRow, parameters: &Parameters) -> PoolRowView {
    let signed = &row.transaction;
    let transaction = signed.transaction();
    let (to, amount) = match &transaction.body {
        Body::Send { to, amount, .. } => (Some(*to), *amount),
        Body::Stake { amount } => (None, *amount),
        Body::Claim { .. } => (Some(transaction.sender), parameters.grant),
        Body::Activate { .. } | Body::Announce { .. } => (None, Coins::ZERO),
    };
    PoolRowView {
        id: signed.id(),
        queued: row.queued,
        from: transaction.sender,
        nonce: transaction.nonce,
        kind: kind(&transaction.body),
        to,
        amount,
        fee: fee_for(&transaction.body, parameters).unwrap_or(Coins::ZERO),
        bytes: u32::try_from(signed.bytes().len()).unwrap_or(u32::MAX),
        expiry: transaction.expiry,
        since: row.since,
    }
}

fn kind(body: &Body) -> HistoryKind {
    match body {
        Body::Send { payload: Payload::None, .. } => HistoryKind::Payment,
        Body::Send { .. } => HistoryKind::Message,
        Body::Stake { .. } => HistoryKind::Stake,
        Body::Activate { .. } => HistoryKind::Activate,
        Body::Claim { .. } => HistoryKind::Claim,
        Body::Announce { .. } => HistoryKind::Announce,
    }
}
