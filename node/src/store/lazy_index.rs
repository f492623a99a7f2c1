//! Where transactions and messages are: indexes that are written a little behind, in key order.
//!
//! Owns: which entries are in the tables already and which still wait in memory. Does not own: the blocks, which hold
//! everything the indexes say; so what waits is not lost in a crash, but read again from the last blocks.
//!
//! Keys are hashes. Written with each block, its entries would touch as many pages as there are entries, each of them
//! rewritten for 50 bytes. So the key space is cut into [`SLICES`] slices, and the block of height h writes the waiting
//! entries of slice h mod `SLICES` only: about as many entries as it brings, but all of them neighbours. (5,000 transactions
//! a block, a million stored: about 500 pages instead of 4,400.)
//!
//! Always true:
//! - an entry of height h is in the tables if a height from h to the tip has written its slice, and waits otherwise:
//!   nothing else need be remembered;
//! - whoever looks here first and in the tables then misses nothing that was final when it began;
//! - at most the entries of the last [`SLICES`] blocks wait: 2 MB at 1,000 transactions a block.

use super::history::Position;
use super::record::position_crc;
use super::tables;
use blockchat_engine::effect::CommittedBlock;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{Body, Payload, Transaction, TransactionId};
use blockchat_proto::units::Height;
use redb::WriteTransaction;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Parts of the key space. A power of two up to 256.
pub(super) const SLICES: u64 = 32;

/// The entries that wait, slice by slice. Cheap to clone: writer and readers share them.
#[derive(Clone)]
pub(super) struct LazyIndex(Arc<RwLock<Slices>>);

type Slices = Vec<Slice>;

#[derive(Default)]
struct Slice {
    transactions: HashMap<TransactionId, Position>,
    messages: BTreeSet<(Address, Position)>,
}

/// What the blocks of a commit bring. Waits, or is written, only once they are durable: see [`LazyIndex::settle`].
#[must_use = "what durable blocks bring must wait or be forgotten"]
pub(super) struct Brought {
    /// Written with them: nothing of these slices waits from before.
    due: Vec<usize>,
    /// What of each slice waits for its turn.
    wait: Slices,
}

fn slice_of(key: &[u8; 32]) -> usize {
    to_index(u64::from(key[0]) * SLICES / 256)
}

fn to_index(slice: u64) -> usize {
    usize::try_from(slice).expect("there are at most 256 slices")
}

/// The last height up to `tip` that has written this slice; 0 if none has.
fn written_up_to(slice: usize, tip: Height) -> Height {
    let behind = (tip.0 % SLICES + SLICES - slice as u64) % SLICES;
    Height(tip.0.saturating_sub(behind))
}

/// The blocks up to `tip` whose entries may wait.
pub(super) fn heights_that_wait(tip: Height) -> impl Iterator<Item = Height> {
    (tip.0.saturating_sub(SLICES - 1).max(1)..=tip.0).map(Height)
}

impl LazyIndex {
    /// Nothing waits.
    pub(super) fn empty() -> Self {
        Self(Arc::new(RwLock::new(empty_slices())))
    }

    /// Puts back what waits of a block that is stored already.
    pub(super) fn restore<'a>(
        &self,
        height: Height,
        tip: Height,
        transactions: impl Iterator<Item = (TransactionId, &'a Transaction)>,
    ) {
        let brought = entries_of(height, transactions).into_iter().enumerate();
        let mut slices = self.write();
        for (index, slice) in brought.filter(|(index, _)| written_up_to(*index, tip) < height) {
            slices[index].absorb(slice);
        }
    }

    /// Writes what is due with these blocks: what waits in the slices that one of their heights writes, and what they
    /// bring up to that height.
    pub(super) fn write_due(
        &self,
        transaction: &WriteTransaction,
        blocks: &[CommittedBlock],
    ) -> Result<Brought, redb::Error> {
        let heights = || blocks.iter().map(|committed| committed.block.height());
        let (Some(first), Some(last)) = (heights().next(), heights().next_back()) else {
            return Ok(Brought { due: vec![], wait: empty_slices() });
        };
        let (mut write, mut wait) = (empty_slices(), empty_slices());
        for CommittedBlock { block, .. } in blocks {
            let transactions = block.transactions().iter().map(|verified| (verified.id(), verified.transaction()));
            for (index, brought) in entries_of(block.height(), transactions).into_iter().enumerate() {
                let slices = if written_up_to(index, last) < block.height() { &mut wait } else { &mut write };
                slices[index].absorb(brought);
            }
        }
        let due: Vec<_> = (0..write.len()).filter(|index| written_up_to(*index, last) >= first).collect();
        let waiting = self.read();
        let mut ids: Vec<_> = due
            .iter()
            .flat_map(|index| waiting[*index].transactions.iter().chain(&write[*index].transactions))
            .collect();
        ids.sort_unstable();
        let mut table = transaction.open_table(tables::TRANSACTIONS)?;
        for (id, (height, index)) in ids {
            table.insert(&id.0, (height.0, *index, position_crc(&id.0, height.0, *index)))?;
        }
        let mut table = transaction.open_table(tables::MESSAGES)?;
        for index in &due {
            for (account, (height, index)) in waiting[*index].messages.union(&write[*index].messages) {
                let crc = position_crc(&account.0, height.0, *index);
                table.insert((&account.0, height.0, *index), crc)?;
            }
        }
        Ok(Brought { due, wait })
    }

    /// The blocks are durable: what was due no longer waits, the rest of what they brought does.
    pub(super) fn settle(&self, brought: Brought) {
        let mut slices = self.write();
        for index in brought.due {
            slices[index] = Slice::default();
        }
        for (slice, brought) in slices.iter_mut().zip(brought.wait) {
            slice.absorb(brought);
        }
    }

    /// Where a transaction is, if its entry waits.
    pub(super) fn transaction(&self, id: &TransactionId) -> Option<Position> {
        self.read()[slice_of(&id.0)].transactions.get(id).copied()
    }

    /// Messages of an account whose entries wait, newest first.
    pub(super) fn messages(&self, account: Address, before: Position, limit: usize) -> Vec<Position> {
        let slices = self.read();
        let range = (account, (Height(0), 0))..(account, before);
        slices[slice_of(&account.0)].messages.range(range).rev().take(limit).map(|(_, position)| *position).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Slices> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slices> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slice {
    fn absorb(&mut self, other: Self) {
        self.transactions.extend(other.transactions);
        self.messages.extend(other.messages);
    }
}

fn empty_slices() -> Slices {
    (0..SLICES).map(|_| Slice::default()).collect()
}

/// Everything a block brings, sorted into slices.
fn entries_of<'a>(height: Height, transactions: impl Iterator<Item = (TransactionId, &'a Transaction)>) -> Slices {
    let mut slices = empty_slices();
    for (index, (id, transaction)) in (0u32..).zip(transactions) {
        slices[slice_of(&id.0)].transactions.insert(id, (height, index));
        for account in concerned(transaction) {
            slices[slice_of(&account.0)].messages.insert((account, (height, index)));
        }
    }
    slices
}

/// Whose message list a transaction belongs in: sender and recipient of a *send* with a payload.
fn concerned(transaction: &Transaction) -> impl Iterator<Item = Address> {
    let accounts = match &transaction.body {
        Body::Send { payload: Payload::None, .. }
        | Body::Stake { .. }
        | Body::Activate { .. }
        | Body::Claim { .. }
        | Body::Announce { .. } => [None, None],
        Body::Send { to, .. } => [Some(transaction.sender), Some(*to)],
    };
    accounts.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slice that the block of this height writes.
    fn slice_written_at(height: Height) -> usize {
        to_index(height.0 % SLICES)
    }

    #[test]
    fn a_slice_was_last_written_at_the_height_that_names_it() {
        for tip in (0..100).map(Height) {
            for slice in 0..to_index(SLICES) {
                let slow = (1..=tip.0).rev().map(Height).find(|height| slice_written_at(*height) == slice);
                assert_eq!(written_up_to(slice, tip), slow.unwrap_or_default(), "slice {slice}, tip {tip}");
                let waits = |height: &Height| written_up_to(slice, tip) < *height;
                assert!(
                    (1..=tip.0).map(Height).filter(waits).all(|height| heights_that_wait(tip).any(|w| w == height))
                );
            }
        }
    }

    #[test]
    fn slices_are_ranges_of_keys() {
        let of = |first: u8| slice_of(&[first; 32]);
        assert!((0..255).all(|first| of(first) <= of(first + 1)));
        assert_eq!((of(0), of(255)), (0, to_index(SLICES - 1)));
    }
}
