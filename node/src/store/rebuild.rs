//! Makes the indexes anew from the rows: after a change of their format, or when they are missing.
//!
//! Always true: they are marked as whole only with the last of their entries, so that a crash begins anew.
//! Start reading at [`index`].

use super::StoreError;
use super::database::{Fenced, fault, read_fault};
use super::history::History;
use super::lazy_index::Slices;
use super::record::{seal, unseal};
use super::tables;
use blockchat_proto::units::Height;
use redb::{ReadOnlyTable, TableError, WriteTransaction};
use tracing::info;

/// The format of the indexes that this program writes. Another one in the store: they are made anew.
const INDEX_FORMAT: u32 = 1;
/// Rows of one write: about 30 MB of memory.
const ROWS_TOGETHER: usize = 100_000;

/// Marks the indexes as whole and in our format.
pub(super) fn mark(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let format = seal(&INDEX_FORMAT.to_be_bytes());
    transaction.open_table(tables::META)?.insert(tables::META_INDEX, format.as_slice())?;
    Ok(())
}

/// Sees to it that the indexes are whole up to `tip`. Takes about 5 us a row if they are not.
pub(super) fn index(database: &Fenced, history: &History, tip: Height) -> Result<(), StoreError> {
    database.contain("its indexes", || {
        if is_whole(database)? {
            return Ok(());
        }
        info!(%tip, "rebuilding the indexes");
        clear(database)?;
        let mut next = history.earliest()?;
        while next <= tip {
            next = write_some(database, history, next, tip)?;
        }
        change(database, mark)
    })
}

fn is_whole(database: &Fenced) -> Result<bool, StoreError> {
    let file = database.file();
    let reader = database.begin_read()?;
    let there = |table: Result<(), TableError>| match table {
        Ok(()) => Ok(true),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(fault(file, "read")(error)),
    };
    let both = there(reader.open_table(tables::TRANSACTIONS).map(drop))?
        && there(reader.open_table(tables::TOUCHES).map(drop))?;
    let meta: ReadOnlyTable<&str, &[u8]> = reader.open_table(tables::META).map_err(fault(file, "read"))?;
    let format = meta.get(tables::META_INDEX).map_err(read_fault(file))?;
    let ours = format.is_some_and(|sealed| unseal(sealed.value()) == Ok(&INDEX_FORMAT.to_be_bytes()[..]));
    Ok(both && ours)
}

fn clear(database: &Fenced) -> Result<(), StoreError> {
    change(database, |transaction| {
        transaction.open_table(tables::META)?.remove(tables::META_INDEX)?;
        transaction.delete_table(tables::TRANSACTIONS)?;
        transaction.delete_table(tables::TOUCHES)?;
        transaction.open_table(tables::TRANSACTIONS)?;
        transaction.open_table(tables::TOUCHES)?;
        Ok(())
    })
}

/// Writes the entries of some blocks from `next` on. Returns the height to go on with.
fn write_some(database: &Fenced, history: &History, next: Height, tip: Height) -> Result<Height, StoreError> {
    let (mut slices, mut height, mut count) = (Slices::empty(), next, 0);
    while height <= tip && count < ROWS_TOGETHER {
        let rows = history.read(&format!("block {height}"), |reader| reader.rows(height))?;
        count += rows.len();
        slices.add_written(height, tip, rows.iter().map(|(index, row)| (*index, row.mention())));
        height = height.next();
    }
    change(database, |transaction| slices.write(transaction))?;
    Ok(height)
}

fn change(
    database: &Fenced,
    work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), StoreError> {
    let file = database.file();
    let transaction = database.begin_write()?;
    work(&transaction).map_err(fault(file, "write"))?;
    transaction.commit().map_err(fault(file, "write"))
}
