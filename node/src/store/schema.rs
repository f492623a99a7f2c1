//! The format of `store.redb`, and whose chain it holds.
//!
//! Always true: a file under the final name has its format and genesis hash in it; it is made under another name first,
//! so that a crash while making it leaves nothing half done.

use super::StoreError;
use super::damage::{contained, database};
use super::lock::sync_folder;
use super::tables;
use blockchat_proto::hash::Hash32;
use redb::{Builder, Database, ReadableDatabase, WriteTransaction};
use std::fs;
use std::path::Path;

/// The format this program writes, and the newest it reads.
const SCHEMA: u32 = 1;
/// Memory for pages, in bytes: the state lives in the ledger, so the store is read for history only.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Opens the database of the chain with this genesis hash, or makes a new one.
pub(super) fn open(file: &Path, genesis: Hash32) -> Result<Database, StoreError> {
    if !fs::exists(file).map_err(StoreError::io(file, "look for"))? {
        make(file, genesis)?;
    }
    contained(file, "its header", || {
        let database = Builder::new().set_cache_size(CACHE_BYTES).open(file).map_err(database_fault(file))?;
        check(&database, file, genesis)?;
        Ok(database)
    })
}

fn database_fault(file: &Path) -> impl FnOnce(redb::DatabaseError) -> StoreError {
    database(file, "open")
}

/// Makes a database with all its tables empty.
fn make(file: &Path, genesis: Hash32) -> Result<(), StoreError> {
    let draft = file.with_extension("new");
    if fs::exists(&draft).map_err(StoreError::io(&draft, "look for"))? {
        fs::remove_file(&draft).map_err(StoreError::io(&draft, "remove"))?;
    }
    let new = Builder::new().create(&draft).map_err(database(&draft, "create"))?;
    let mut transaction = new.begin_write().map_err(database(&draft, "write"))?;
    transaction.set_quick_repair(true);
    fill(&transaction, genesis).map_err(database(&draft, "write"))?;
    transaction.commit().map_err(database(&draft, "write"))?;
    drop(new);
    fs::rename(&draft, file).map_err(StoreError::io(file, "create"))?;
    sync_folder(file)
}

fn fill(transaction: &WriteTransaction, genesis: Hash32) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(tables::META)?;
    meta.insert(tables::META_SCHEMA, SCHEMA.to_be_bytes().as_slice())?;
    meta.insert(tables::META_GENESIS, genesis.0.as_slice())?;
    transaction.open_table(tables::BLOCKS)?;
    transaction.open_table(tables::HEIGHTS)?;
    transaction.open_table(tables::TRANSACTIONS)?;
    transaction.open_table(tables::MESSAGES)?;
    transaction.open_table(tables::ACCOUNTS)?;
    Ok(())
}

/// Refuses a newer format, another chain, and what is no store of ours at all.
fn check(open: &Database, file: &Path, genesis: Hash32) -> Result<(), StoreError> {
    let transaction = open.begin_read().map_err(database(file, "read"))?;
    let meta = transaction.open_table(tables::META).map_err(database(file, "read"))?;
    let value = |key| -> Result<Vec<u8>, StoreError> {
        let found = meta.get(key).map_err(database(file, "read"))?;
        found.map(|value| value.value().to_vec()).ok_or_else(|| StoreError::damaged(file, key, "it is missing"))
    };
    let schema = value(tables::META_SCHEMA)?;
    let schema: [u8; 4] = schema.try_into().map_err(|_| StoreError::damaged(file, "schema", "it is no number"))?;
    let found = u32::from_be_bytes(schema);
    if found > SCHEMA {
        return Err(StoreError::SchemaTooNew { file: file.to_path_buf(), found, known: SCHEMA });
    }
    let found = value(tables::META_GENESIS)?;
    let found: [u8; 32] = found.try_into().map_err(|_| StoreError::damaged(file, "genesis", "it is no hash"))?;
    if found != genesis.0 {
        let (found, expected) = (Hash32(found).short(), genesis.short());
        return Err(StoreError::OtherChain { file: file.to_path_buf(), found, expected });
    }
    Ok(())
}
