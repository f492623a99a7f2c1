//! Indexes of transactions by id and of rows by account, written a little behind, in key order.
//!
//! Owns: which entries are in the tables already and which still wait in memory. Does not own: the rows (`rows`), which are
//! written with their block and hold everything the indexes say; so what waits is not lost in a crash, but read again from
//! the rows of the last blocks.
//!
//! Keys are hashes. Written with each block, its entries would touch as many pages as there are entries, each of them
//! rewritten for 50 bytes. So the key space is cut into [`SLICES`] slices, and the block of height h writes the waiting
//! entries of slice h mod `SLICES` only: about as many entries as it brings, but all of them neighbours, and those of one
//! account as one. (5,000 transactions a block, a million stored: about 500 pages instead of 4,400.)
//!
//! Always true:
//! - an entry of height h is in the tables if a height from h to the tip has written its slice, and waits otherwise:
//!   nothing else need be remembered;
//! - a reader that looks here first and in the tables then misses nothing that was final when it began;
//! - at most the entries of the last [`SLICES`] blocks wait: 3 MB at 1,000 transactions a block.
//!
//! Start reading at [`LazyIndex::write_due`].

use super::record::position_crc;
use super::rows::{self, Mention};
use super::tables;
use super::touches::{self, Position, Scan, Touch};
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use redb::WriteTransaction;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Parts of the key space. A power of two up to 256.
pub(super) const SLICES: u64 = 32;

/// The entries that wait, slice by slice. Cheap to clone: writer and readers share them.
#[derive(Clone)]
pub(super) struct LazyIndex(Arc<RwLock<Slices>>);

/// Entries of some blocks, sorted into slices.
pub(super) struct Slices(Vec<Slice>);

#[derive(Default)]
struct Slice {
    transactions: HashMap<TransactionId, Position>,
    /// Oldest first.
    touches: BTreeMap<Address, Vec<Touch>>,
}

/// The entries of the blocks of a write. They wait, or are written, only once the blocks are durable: see
/// [`LazyIndex::made_durable`].
#[must_use = "what durable blocks bring must wait or be forgotten"]
pub(super) struct Brought {
    /// Written with them: nothing of these slices waits from before.
    due: Vec<usize>,
    /// Waiting entries.
    wait: Vec<(Position, Mention)>,
    /// The last height of the write: it decides what of them waits.
    tip: Height,
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
        Self(Arc::new(RwLock::new(Slices::empty())))
    }

    /// Puts back what waits of a block that is stored already. Heights must rise.
    pub(super) fn restore(&self, height: Height, tip: Height, rows: impl Iterator<Item = (u32, Mention)>) {
        let mut slices = self.write();
        slices.add(height, rows, |slice| written_up_to(slice, tip) < height);
    }

    /// Writes what is due with these blocks: what waits in the slices that one of their heights writes, and what they bring
    /// up to that height.
    pub(super) fn write_due(
        &self,
        transaction: &WriteTransaction,
        blocks: &[FinalBlock],
    ) -> Result<Brought, redb::Error> {
        let heights =
            blocks.first().zip(blocks.last()).map(|(first, last)| (first.block.height(), last.block.height()));
        let Some((first, tip)) = heights else {
            return Ok(Brought { due: vec![], wait: vec![], tip: Height(0) });
        };
        let (mut write, mut wait) = (Slices::empty(), vec![]);
        for final_block in blocks {
            let height = final_block.block.height();
            let mentions: Vec<_> = (0..).zip(rows::mentions(final_block)).collect();
            write.add(height, mentions.iter().copied(), |slice| written_up_to(slice, tip) >= height);
            wait.extend(mentions.into_iter().map(|(index, mention)| ((height, index), mention)));
        }
        let due: Vec<_> = (0..write.0.len()).filter(|slice| written_up_to(*slice, tip) >= first).collect();
        let waiting = self.read();
        for slice in &due {
            waiting.0[*slice].write(&write.0[*slice], transaction)?;
        }
        Ok(Brought { due, wait, tip })
    }

    /// The blocks are durable: what was due no longer waits, the rest of what they brought does.
    pub(super) fn made_durable(&self, brought: Brought) {
        let Brought { due, wait, tip } = brought;
        let mut slices = self.write();
        for slice in due {
            slices.0[slice] = Slice::default();
        }
        for ((height, index), mention) in wait {
            slices.add(height, [(index, mention)].into_iter(), |slice| written_up_to(slice, tip) < height);
        }
    }

    /// The place of a transaction, if its entry waits.
    pub(super) fn transaction(&self, id: &TransactionId) -> Option<Position> {
        self.read().0[slice_of(&id.0)].transactions.get(id).copied()
    }

    /// Looks at what waits of an account, newest first.
    pub(super) fn scan(&self, account: &Address, scan: &mut Scan) {
        let slices = self.read();
        let touches = slices.0[slice_of(&account.0)].touches.get(account).into_iter().flatten();
        touches.rev().for_each(|touch| scan.look(*touch));
    }

    fn read(&self) -> RwLockReadGuard<'_, Slices> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slices> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slices {
    pub(super) fn empty() -> Self {
        Self((0..SLICES).map(|_| Slice::default()).collect())
    }

    /// Adds everything that a stored block has in the tables, when they are made anew at this tip.
    pub(super) fn add_written(&mut self, height: Height, tip: Height, rows: impl Iterator<Item = (u32, Mention)>) {
        self.add(height, rows, |slice| written_up_to(slice, tip) >= height);
    }

    /// Writes all of them.
    pub(super) fn write(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        self.0.iter().try_for_each(|slice| Slice::default().write(slice, transaction))
    }

    /// Adds the entries of a block's rows in the slices that are wanted.
    fn add(&mut self, height: Height, rows: impl Iterator<Item = (u32, Mention)>, wanted: impl Fn(usize) -> bool) {
        for (index, mention) in rows {
            let position = (height, index);
            if let Some(id) = mention.id
                && wanted(slice_of(&id.0))
            {
                self.0[slice_of(&id.0)].transactions.insert(id, position);
            }
            for (account, direction) in mention.concerned().filter(|(account, _)| wanted(slice_of(&account.0))) {
                let touches = self.0[slice_of(&account.0)].touches.entry(account).or_default();
                touches.push(Touch::new(position, mention.kind, direction));
            }
        }
    }
}

impl Slice {
    /// Writes these entries and younger ones, in key order.
    fn write(&self, younger: &Self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut ids: Vec<_> = self.transactions.iter().chain(&younger.transactions).collect();
        ids.sort_unstable();
        let mut table = transaction.open_table(tables::TRANSACTIONS)?;
        for (id, (height, index)) in ids {
            table.insert(&id.0, (height.0, *index, position_crc(&id.0, height.0, *index)))?;
        }
        let mut touches: BTreeMap<_, Vec<Touch>> = BTreeMap::new();
        for (account, some) in self.touches.iter().chain(&younger.touches) {
            touches.entry(account).or_default().extend(some);
        }
        let mut table = transaction.open_table(tables::TOUCHES)?;
        for (account, touches) in touches {
            for ((height, index), chunk) in touches::chunks(*account, &touches) {
                table.insert((&account.0, height.0, index), chunk.as_slice())?;
            }
        }
        Ok(())
    }
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
