//! Read-only queries over what is final.
//!
//! Owns: how final blocks and transactions are found again (lists of rows: `account_history`). Does not own: what is
//! pooled or being decided (the engine knows).
//!
//! Always true: readers see the store as of one final block and never wait for the writer; a record that does not match
//! its checksum, its height or its certificate is an error that names the height, never an answer.
//! Calls block the thread for a disk read: use `spawn_blocking` for more than a few.
//! Start reading at [`History::block_at`].

pub use super::StoreError;
use super::body::{self, Stored};
use super::database::{Fenced, fault, read_fault};
use super::lazy_index::LazyIndex;
use super::record::{self, Frame, TipRecord};
use super::tables;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::Tip;
use blockchat_proto::sync::CertifiedBlock;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use blockchat_proto::vote::Certificate;
use redb::{ReadTransaction, StorageError};
use std::path::Path;
use std::sync::Arc;

pub use super::account_history::{AccountRow, Part};
pub use super::barred::Barred;
pub use super::finality::NoReceipt;
pub use super::record::StoredBlock;
pub use super::rows::{BlockRow, Direction, Row, RowKind, TransactionRow};
pub use super::touches::{Filter, Kinds, Position};

/// Reads what is final. Cheap to clone.
#[derive(Clone)]
pub struct History {
    database: Fenced,
    index: LazyIndex,
    /// For the fees in the rows.
    parameters: Arc<Parameters>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "History of {}", self.database.file().display())
    }
}

impl History {
    pub(super) fn new(database: Fenced, index: LazyIndex, parameters: Parameters) -> Self {
        Self { database, index, parameters: Arc::new(parameters) }
    }

    /// Height of the last final block; 0 before block 1.
    pub fn tip_height(&self) -> Result<Height, StoreError> {
        Ok(self.tip()?.map_or(Height(0), |tip| tip.height))
    }

    /// The last final block; `None` before block 1.
    pub fn tip(&self) -> Result<Option<Tip>, StoreError> {
        self.read("the tip", |reader| Ok(reader.tip_record()?.map(|record| record.tip)))
    }

    /// The earliest height whose block is here; 1 before block 1.
    pub fn earliest(&self) -> Result<Height, StoreError> {
        self.read("the blocks", |reader| reader.earliest())
    }

    /// The final block of a height, if it is here.
    pub fn block_at(&self, height: Height) -> Result<Option<StoredBlock>, StoreError> {
        self.read(&format!("block {height}"), |reader| reader.block(height))
    }

    /// The final block with this hash, if it is here.
    pub fn block_by_hash(&self, hash: Hash32) -> Result<Option<StoredBlock>, StoreError> {
        self.read(&format!("block {hash}"), |reader| {
            let heights = reader.open(tables::HEIGHTS)?;
            let Some(height) = heights.get(&hash.0).map_err(reader.fault())? else {
                return Ok(None);
            };
            let height = Height(height.value());
            match reader.block(height)? {
                Some(found) if found.hash != hash => {
                    Err(reader.damaged(height, format!("its hash is {}, the index says {hash}", found.hash)))
                }
                found => Ok(found),
            }
        })
    }

    /// Consecutive final blocks from `from` on: at most `count`, and no more once their bytes pass `bytes_max`, but at
    /// least one if there is one.
    pub fn range(&self, from: Height, count: u32, bytes_max: usize) -> Result<Vec<CertifiedBlock>, StoreError> {
        self.read(&format!("blocks from {from}"), |reader| {
            let mut blocks = Vec::new();
            let mut bytes = 0;
            let mut height = from;
            for _ in 0..count {
                let Some(stored) = reader.block(height)? else { break };
                bytes += stored.bytes;
                if bytes > bytes_max && !blocks.is_empty() {
                    break;
                }
                blocks.push(CertifiedBlock { block: stored.block, certificate: stored.certificate });
                height = height.next();
            }
            Ok(blocks)
        })
    }

    /// The place of a final transaction.
    pub fn transaction(&self, id: TransactionId) -> Result<Option<Position>, StoreError> {
        if let Some(waiting) = self.index.transaction(&id) {
            return Ok(Some(waiting));
        }
        self.read(&format!("transaction {id}"), |reader| {
            let transactions = reader.open(tables::TRANSACTIONS)?;
            let Some(found) = transactions.get(&id.0).map_err(reader.fault())? else {
                return Ok(None);
            };
            let (height, index, crc) = found.value();
            reader.position(&id.0, height, index, crc).map(Some)
        })
    }

    /// Entries that wait to be written to the indexes.
    pub(super) fn index(&self) -> &LazyIndex {
        &self.index
    }

    /// One consistent look at the store.
    pub(super) fn read<T>(
        &self,
        place: &str,
        work: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Self { database, parameters, .. } = self;
        database
            .contain(place, || work(&Reader { transaction: database.begin_read()?, file: database.file(), parameters }))
    }
}

/// The store as of one final block.
pub(super) struct Reader<'a> {
    transaction: ReadTransaction,
    file: &'a Path,
    parameters: &'a Parameters,
}

impl Reader<'_> {
    pub(super) fn open<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        table: redb::TableDefinition<'static, K, V>,
    ) -> Result<redb::ReadOnlyTable<K, V>, StoreError> {
        self.transaction.open_table(table).map_err(fault(self.file, "read"))
    }

    pub(super) fn parameters(&self) -> &Parameters {
        self.parameters
    }

    pub(super) fn fault(&self) -> impl FnOnce(StorageError) -> StoreError {
        read_fault(self.file)
    }

    pub(super) fn damaged(&self, height: Height, reason: impl ToString) -> StoreError {
        self.damaged_at(format!("block {height}"), reason)
    }

    pub(super) fn damaged_at(&self, place: String, reason: impl ToString) -> StoreError {
        StoreError::damaged(self.file, place, reason)
    }

    pub(super) fn tip_record(&self) -> Result<Option<TipRecord>, StoreError> {
        let meta = self.open(tables::META)?;
        let Some(bytes) = meta.get(tables::META_TIP).map_err(self.fault())? else {
            return Ok(None);
        };
        let decoded = TipRecord::decode(bytes.value());
        decoded.map(Some).map_err(|reason| StoreError::damaged(self.file, "the tip", reason))
    }

    /// A position from an index, if its checksum matches.
    fn position(&self, key: &[u8; 32], height: u64, index: u32, crc: u32) -> Result<Position, StoreError> {
        if record::position_crc(key, height, index) == crc {
            return Ok((Height(height), index));
        }
        Err(self.damaged(Height(height), "the checksum of an index entry does not match"))
    }

    fn earliest(&self) -> Result<Height, StoreError> {
        let meta = self.open(tables::META)?;
        let bytes = meta.get(tables::META_EARLIEST).map_err(self.fault())?;
        let earliest =
            bytes.and_then(|bytes| Some(u64::from_be_bytes(record::unseal(bytes.value()).ok()?.try_into().ok()?)));
        let damaged = || StoreError::damaged(self.file, "the earliest height", "it is missing or damaged");
        earliest.map(Height).ok_or_else(damaged)
    }

    /// A block that is missing between the earliest and the tip is damage.
    pub(super) fn block(&self, height: Height) -> Result<Option<StoredBlock>, StoreError> {
        let Some((frame, certificate)) = self.frame(height)? else { return Ok(None) };
        let transactions = self.stored_rows(height, |_, stored| stored.transaction())?;
        let whole = frame.fill(certificate, transactions);
        whole.map(Some).map_err(|reason| self.damaged(height, reason))
    }

    /// A block without its transactions, and its certificate.
    pub(super) fn frame(&self, height: Height) -> Result<Option<(Frame, Certificate)>, StoreError> {
        let blocks = self.open(tables::BLOCKS)?;
        let Some(bytes) = blocks.get(height.0).map_err(self.fault())? else {
            let tip = self.tip_record()?.map_or(Height(0), |record| record.tip.height);
            return match self.earliest()? <= height && height <= tip {
                true => Err(self.damaged(height, "it is missing")),
                false => Ok(None),
            };
        };
        let decoded = record::decode_block(height, bytes.value());
        decoded.map(Some).map_err(|reason| self.damaged(height, reason))
    }

    /// Maps the rows of a block, in order, without those that `read` leaves out.
    pub(super) fn stored_rows<T>(
        &self,
        height: Height,
        read: impl Fn(u32, Stored<'_>) -> Result<Option<T>, String>,
    ) -> Result<Vec<T>, StoreError> {
        let table = self.open(tables::BODIES)?;
        let mut all = vec![];
        for chunk in table.range((height.0, 0)..=(height.0, u32::MAX)).map_err(self.fault())? {
            let (key, bytes) = chunk.map_err(self.fault())?;
            let rows = body::split_chunk(height, key.value().1, bytes.value());
            for (index, stored) in rows.map_err(|reason| self.damaged(height, reason))? {
                all.extend(read(index, stored).map_err(|reason| self.damaged(height, reason))?);
            }
        }
        Ok(all)
    }
}
