//! The writer of final blocks: one atomic, durable commit a block.
//!
//! Owns: the only write transactions on `store.redb`. Always true: a block is there with its certificate, the state after
//! it, the tip and all indexes, or with none of them, whenever the power goes.
//! Start reading at [`Disk::commit`].

use super::StoreError;
use super::database::{Fenced, fault, read_fault};
use super::lazy_index::LazyIndex;
use super::record::{self, TipRecord};
use super::tables;
use blockchat_engine::effect::CommittedBlock;
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

    /// Makes a final block durable with everything it changes. Blocks until it is on disk: about 0.5 ms for a small one,
    /// 6 ms for 1 MiB. On error nothing of it is there, and the node must stop.
    pub fn commit(&mut self, committed: &CommittedBlock) -> Result<(), StoreError> {
        let file = self.database.file();
        self.database.contain(&format!("block {}", committed.block.height()), || {
            let transaction = self.database.begin_write()?;
            self.check_next(&transaction, committed)?;
            write(&transaction, committed).map_err(fault(file, "write"))?;
            let transactions =
                committed.block.transactions().iter().map(|verified| (verified.id(), verified.transaction()));
            let brought = self.index.write_due(&transaction, committed.block.height(), transactions);
            let brought = brought.map_err(fault(file, "write"))?;
            transaction.commit().map_err(fault(file, "write"))?;
            self.index.settle(brought);
            Ok(())
        })
    }

    /// A gap or a repetition is a bug of ours: refuse before anything is written.
    fn check_next(&self, transaction: &WriteTransaction, committed: &CommittedBlock) -> Result<(), StoreError> {
        let file = self.database.file();
        let meta = transaction.open_table(tables::META).map_err(fault(file, "read"))?;
        let stored = meta.get(tables::META_TIP).map_err(read_fault(file))?;
        let stored = stored.map(|bytes| TipRecord::decode(bytes.value())).transpose();
        let stored = stored.map_err(|reason| StoreError::damaged(file, "the tip", reason))?;
        let tip = stored.map_or(0, |record| record.tip.height.0);
        let found = committed.block.height().0;
        if found == tip + 1 && committed.applied.tip().hash == committed.block.hash() {
            Ok(())
        } else {
            Err(StoreError::NotNext { file: file.to_path_buf(), tip, found })
        }
    }
}

fn write(transaction: &WriteTransaction, committed: &CommittedBlock) -> Result<(), redb::Error> {
    let CommittedBlock { block, certificate, applied } = committed;
    let height = block.height();
    let record = record::encode_block(height, certificate, block.bytes());
    transaction.open_table(tables::BLOCKS)?.insert(height.0, record.as_slice())?;
    transaction.open_table(tables::HEIGHTS)?.insert(&block.hash().0, height.0)?;
    let tip = TipRecord::of(applied).encode();
    transaction.open_table(tables::META)?.insert(tables::META_TIP, tip.as_slice())?;
    write_accounts(transaction, applied.accounts())
}

/// An account that is back to the default is as good as absent, and absent ones have no entry.
fn write_accounts(transaction: &WriteTransaction, changed: &BTreeMap<Address, Account>) -> Result<(), redb::Error> {
    let mut accounts = transaction.open_table(tables::ACCOUNTS)?;
    for (address, account) in changed {
        if *account == Account::default() {
            accounts.remove(&address.0)?;
        } else {
            accounts.insert(&address.0, codec::encode(account).as_slice())?;
        }
    }
    Ok(())
}
