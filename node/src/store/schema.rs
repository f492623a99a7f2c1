//! The format of `store.redb`, and whose chain it holds.
//!
//! Always true: a file under the final name has its format, its genesis hash and the accounts of the genesis in it; it is
//! made under another name first, so that a crash while making it leaves nothing half done.

use super::StoreError;
use super::database::{Fenced, fault, open_file, read_fault};
use super::lock::sync_folder;
use super::rebuild;
use super::record::{seal, unseal};
use super::tables;
use blockchat_proto::codec;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::Ledger;
use redb::{Builder, ReadOnlyTable, ReadTransaction, WriteTransaction};
use std::fs;
use std::path::Path;

/// The format this program writes, and the only one it reads.
const SCHEMA: u32 = 4;
/// Memory for pages, in bytes: the state lives in the ledger, so the store is read for history only.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Opens the database of this chain, or makes a new one.
pub(super) fn open(file: &Path, genesis: &VerifiedGenesis) -> Result<Fenced, StoreError> {
    if !fs::exists(file).map_err(StoreError::io(file, "look for"))? {
        make(file, genesis)?;
    }
    let database = open_file(file, CACHE_BYTES)?;
    database.contain("its format", || check(&database.begin_read()?, file, genesis.hash()))?;
    Ok(database)
}

/// Makes a database at height 0.
fn make(file: &Path, genesis: &VerifiedGenesis) -> Result<(), StoreError> {
    let draft = file.with_extension("new");
    if fs::exists(&draft).map_err(StoreError::io(&draft, "look for"))? {
        fs::remove_file(&draft).map_err(StoreError::io(&draft, "remove"))?;
    }
    let new = Fenced::new(Builder::new().create(&draft).map_err(fault(&draft, "create"))?, &draft);
    let transaction = new.begin_write()?;
    fill(&transaction, genesis).map_err(fault(&draft, "write"))?;
    transaction.commit().map_err(fault(&draft, "write"))?;
    drop(new);
    fs::rename(&draft, file).map_err(StoreError::io(file, "create"))?;
    sync_folder(file)
}

/// All tables, and the accounts that blocks will change one by one.
fn fill(transaction: &WriteTransaction, genesis: &VerifiedGenesis) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(tables::META)?;
    meta.insert(tables::META_SCHEMA, seal(&SCHEMA.to_be_bytes()).as_slice())?;
    meta.insert(tables::META_GENESIS, seal(&genesis.hash().0).as_slice())?;
    meta.insert(tables::META_EARLIEST, seal(&1u64.to_be_bytes()).as_slice())?;
    drop(meta);
    transaction.open_table(tables::BLOCKS)?;
    transaction.open_table(tables::HEIGHTS)?;
    transaction.open_table(tables::TRANSACTIONS)?;
    transaction.open_table(tables::TOUCHES)?;
    transaction.open_table(tables::BODIES)?;
    transaction.open_table(tables::BLOCK_ROWS)?;
    transaction.open_table(tables::CHANGES)?;
    let members = seal(&codec::encode(&genesis.validators().as_members()));
    transaction.open_table(tables::SETS)?.insert(&genesis.validators().hash().0, members.as_slice())?;
    rebuild::mark(transaction)?;
    let mut accounts = transaction.open_table(tables::ACCOUNTS)?;
    for (address, account) in Ledger::at_genesis(genesis).accounts() {
        accounts.insert(&address.0, codec::encode(account).as_slice())?;
    }
    Ok(())
}

/// Refuses another format, another chain, and what is no store of ours at all.
fn check(transaction: &ReadTransaction, file: &Path, genesis: Hash32) -> Result<(), StoreError> {
    let meta = transaction.open_table(tables::META).map_err(fault(file, "read"))?;
    let schema = value(&meta, file, tables::META_SCHEMA)?;
    let found = u32::from_be_bytes(schema);
    if found > SCHEMA {
        return Err(StoreError::SchemaTooNew { file: file.to_path_buf(), found, known: SCHEMA });
    }
    if found < SCHEMA {
        return Err(StoreError::SchemaTooOld { file: file.to_path_buf(), found, known: SCHEMA });
    }
    let found: [u8; 32] = value(&meta, file, tables::META_GENESIS)?;
    if found != genesis.0 {
        let (found, expected) = (Hash32(found).short(), genesis.short());
        return Err(StoreError::OtherChain { file: file.to_path_buf(), found, expected });
    }
    Ok(())
}

/// A value of fixed length.
fn value<const N: usize>(
    meta: &ReadOnlyTable<&str, &[u8]>,
    file: &Path,
    key: &'static str,
) -> Result<[u8; N], StoreError> {
    let damaged = |reason: String| StoreError::damaged(file, key, reason);
    let found = meta.get(key).map_err(read_fault(file))?.ok_or_else(|| damaged("it is missing".into()))?;
    let value = unseal(found.value()).map_err(damaged)?;
    value.try_into().map_err(|_| damaged(format!("it is {} bytes, not {N}", value.len())))
}
