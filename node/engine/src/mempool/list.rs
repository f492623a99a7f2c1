//! The contents as a paginated list.
//!
//! Start reading at [`Mempool::part`].

use super::pool::Mempool;
use crate::engine_view::{PoolPart, PoolPlace, PoolRow};
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::units::UnixMillis;

/// The positions of a sender's transactions, in the order of the list.
const NONCE_FREE: u8 = 0;
const ROW: u8 = 1;
const SHELF: u8 = 2;
const CLAIM: u8 = 3;

impl Mempool {
    /// At most `limit` transactions after `after`, of all senders or of one.
    ///
    /// Cost: `limit` from each of four indexes, and a walk through the first sender's row.
    pub fn part(&self, after: Option<PoolPlace>, of: Option<Address>, limit: usize) -> PoolPart {
        let first = after.map_or(Address([0; 32]), |(sender, ..)| sender).max(of.unwrap_or(Address([0; 32])));
        let last = of.unwrap_or(Address([u8::MAX; 32]));
        if first > last {
            return PoolPart { rows: vec![], next: None };
        }
        let wanted = |place: &PoolPlace| after.is_none_or(|after| *place > after);
        let free = self.nonce_free.range(first..=last).map(|(sender, one)| ((*sender, NONCE_FREE, one.nonce()), one));
        let rows = self.rows.range(first..=last).flat_map(|(sender, row)| {
            let place = move |one: &VerifiedTransaction| (*sender, ROW, one.nonce());
            row.iter().map(move |one| (place(one), one))
        });
        let shelf =
            self.shelf.between(first, last).map(|(one, since)| ((one.sender(), SHELF, one.nonce()), one, since));
        let pooled = |(place, one): (PoolPlace, &VerifiedTransaction)| {
            let since = self.since(&one.id()).unwrap_or_default();
            (place, PoolRow { transaction: one.clone(), queued: false, since })
        };
        let queued = |(place, one, since): (PoolPlace, &VerifiedTransaction, UnixMillis)| {
            (place, PoolRow { transaction: one.clone(), queued: true, since })
        };
        let claims = self.claims.between(first, last).map(|(sender, one)| ((*sender, CLAIM, one.nonce()), one));
        let mut found: Vec<_> = free.filter(|(place, _)| wanted(place)).take(limit + 1).map(pooled).collect();
        found.extend(claims.filter(|(place, _)| wanted(place)).take(limit + 1).map(pooled));
        found.extend(rows.filter(|(place, _)| wanted(place)).take(limit + 1).map(pooled));
        found.extend(shelf.filter(|(place, ..)| wanted(place)).take(limit + 1).map(queued));
        found.sort_by_key(|(place, _)| *place);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(place, _)| *place);
        PoolPart { rows: found.into_iter().map(|(_, row)| row).collect(), next }
    }
}
