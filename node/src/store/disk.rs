//! The writer of final blocks: one atomic, durable write for a block, or for several that were caught up with.
//!
//! Owns: the only write transactions on `store.redb`. Always true: the blocks of a write are all there, with their
//! certificates, the state after the last one, the tip and all indexes, or nothing of it is, whenever the power goes.
//! Start reading at [`Disk::store`].

use super::StoreError;
use super::body;
use super::database::{Fenced, fault, read_fault};
use super::lazy_index::LazyIndex;
use super::record::{self, TipRecord};
use super::rows::BlockRow;
use super::tables;
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::codec;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Account;
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;

/// Writes final blocks. There is one.
pub struct Disk {
    database: Fenced,
    index: LazyIndex,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Disk at {}", self.database.file().display())
    }
}

impl Disk {
    pub(super) fn new(database: Fenced, index: LazyIndex) -> Self {
        Self { database, index }
    }

    /// Makes final blocks durable with everything they change. Blocks until they are on disk: about 0.5 ms for a small
    /// one, 6 ms for 1 MiB. On error nothing of it is there, and the node must stop.
    pub fn store(&mut self, blocks: &[FinalBlock]) -> Result<(), StoreError> {
        let Some(last) = blocks.last() else { return Ok(()) };
        let file = self.database.file();
        self.database.contain(&format!("block {}", last.block.height()), || {
            let transaction = self.database.begin_write()?;
            self.check_next(&transaction, blocks)?;
            write(&transaction, blocks, last).map_err(fault(file, "write"))?;
            let brought = self.index.write_due(&transaction, blocks).map_err(fault(file, "write"))?;
            transaction.commit().map_err(fault(file, "write"))?;
            self.index.made_durable(brought);
            Ok(())
        })
    }

    /// A gap or a repetition is a bug of ours: refuse before anything is written.
    fn check_next(&self, transaction: &WriteTransaction, blocks: &[FinalBlock]) -> Result<(), StoreError> {
        let file = self.database.file();
        let meta = transaction.open_table(tables::META).map_err(fault(file, "read"))?;
        let stored = meta.get(tables::META_TIP).map_err(read_fault(file))?;
        let stored = stored.map(|bytes| TipRecord::decode(bytes.value())).transpose();
        let stored = stored.map_err(|reason| StoreError::damaged(file, "the tip", reason))?;
        let mut tip = stored.map_or(0, |record| record.tip.height.0);
        for final_block in blocks {
            let found = final_block.block.height().0;
            if found != tip + 1 || final_block.applied.tip().hash != final_block.block.hash() {
                return Err(StoreError::NotNext { file: file.to_path_buf(), tip, found });
            }
            tip = found;
        }
        Ok(())
    }
}

/// A value that several blocks change is written once, as the last one leaves it.
fn write(transaction: &WriteTransaction, blocks: &[FinalBlock], last: &FinalBlock) -> Result<(), redb::Error> {
    let mut frames = transaction.open_table(tables::BLOCKS)?;
    let mut bodies = transaction.open_table(tables::BODIES)?;
    let mut heights = transaction.open_table(tables::HEIGHTS)?;
    let mut block_rows = transaction.open_table(tables::BLOCK_ROWS)?;
    for final_block in blocks {
        let FinalBlock { block, certificate, .. } = final_block;
        let height = block.height();
        block_rows.insert(height.0, BlockRow::of(final_block).encode().as_slice())?;
        frames.insert(height.0, record::encode_block(certificate, block).as_slice())?;
        for (first, chunk) in body::chunks(final_block) {
            bodies.insert((height.0, first), chunk.as_slice())?;
        }
        heights.insert(&block.hash().0, height.0)?;
    }
    write_sets(transaction, blocks)?;
    let tip = TipRecord::of(&last.applied).encode();
    transaction.open_table(tables::META)?.insert(tables::META_TIP, tip.as_slice())?;
    let changed = blocks.iter().flat_map(|final_block| final_block.applied.accounts()).collect();
    write_accounts(transaction, &changed)
}

/// The sets that blocks hand over to, for receipts.
fn write_sets(transaction: &WriteTransaction, blocks: &[FinalBlock]) -> Result<(), redb::Error> {
    let changes = blocks.iter().filter(|final_block| {
        let header = final_block.block.header();
        header.validators_hash != header.next_validators_hash
    });
    let (mut heights, mut sets) = (transaction.open_table(tables::CHANGES)?, transaction.open_table(tables::SETS)?);
    for final_block in changes {
        let (height, next) = (final_block.block.height(), final_block.applied.next_validators());
        heights.insert(height.0, record::seal_at(height, 0, &next.hash().0).as_slice())?;
        sets.insert(&next.hash().0, record::seal(&codec::encode(&next.as_members())).as_slice())?;
    }
    Ok(())
}

/// An account that is back to the default is as good as absent, and absent ones have no entry.
fn write_accounts(transaction: &WriteTransaction, changed: &BTreeMap<&Address, &Account>) -> Result<(), redb::Error> {
    let mut accounts = transaction.open_table(tables::ACCOUNTS)?;
    for (address, account) in changed {
        if **account == Account::default() {
            accounts.remove(&address.0)?;
        } else {
            accounts.insert(&address.0, codec::encode(*account).as_slice())?;
        }
    }
    Ok(())
}
