//! The history of an account, and short forms of blocks: lists that are read from rows, newest first, a part at a time.
//!
//! Always true: a list that is followed to its end tells everything that was final when it began, once; what becomes final
//! meanwhile is newer than its first part.
//! Start reading at [`History::account`].

use super::StoreError;
use super::body;
use super::history::{History, Reader};
use super::rows::{BlockRow, Direction, Row};
use super::tables;
use super::touches::{self, Filter, Position, Scan};
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use std::collections::BTreeMap;

/// A part of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T, P> {
    /// Its content.
    pub items: Vec<T>,
    /// The next part comes before this place; absent if there is none.
    pub next: Option<P>,
}

/// Something that happened to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its place.
    pub position: Position,
    /// Block time.
    pub time: UnixMillis,
    /// The account's part in it.
    pub direction: Direction,
    /// The entry.
    pub row: Row,
}

impl History {
    /// The history of an account, newest first: at most `limit` of the wanted entries, only those before `before`. A
    /// part may hold fewer, even none, and still have a next one: it ends after many entries that are not wanted.
    pub fn account(
        &self,
        account: Address,
        filter: Filter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Part<AccountRow, Position>, StoreError> {
        let mut scan = Scan::new(filter, before, limit);
        // Waiting entries are newer than those in the table; an entry written just now may be seen in both.
        self.index().scan(&account, &mut scan);
        self.read(&format!("the history of {account}"), |reader| {
            reader.scan(account, &mut scan)?;
            let mut times = BTreeMap::new();
            let read = |position: &Position| reader.account_row(account, *position, &mut times);
            let items = scan.found.iter().map(read).collect::<Result<_, _>>()?;
            Ok(Part { items, next: scan.next })
        })
    }

    /// Blocks from `to` down to `from`, at most `limit` of them, without what is in them.
    pub fn block_rows(&self, from: Height, to: Height, limit: usize) -> Result<Part<BlockRow, Height>, StoreError> {
        self.read("the list of blocks", |reader| {
            let table = reader.open(tables::BLOCK_ROWS)?;
            let mut items: Vec<BlockRow> = vec![];
            if from > to {
                return Ok(Part { items, next: None });
            }
            for entry in table.range(from.0..=to.0).map_err(reader.fault())?.rev() {
                if items.len() == limit.max(1) {
                    return Ok(Part { next: items.last().map(|last| last.height), items });
                }
                let (height, bytes) = entry.map_err(reader.fault())?;
                items.push(reader.block_row(Height(height.value()), bytes.value())?);
            }
            Ok(Part { items, next: None })
        })
    }
}

impl Reader<'_> {
    /// Looks at what of an account is in the table, newest first.
    fn scan(&self, account: Address, scan: &mut Scan) -> Result<(), StoreError> {
        let table = self.open(tables::TOUCHES)?;
        let (height, index) = scan.before();
        let older = (&account.0, 0, 0)..(&account.0, height.0, index);
        for entry in table.range(older).map_err(self.fault())?.rev() {
            if scan.has_ended() {
                break;
            }
            let (key, bytes) = entry.map_err(self.fault())?;
            let (_, height, index) = key.value();
            let first = (Height(height), index);
            let touches = touches::split_chunk(account, first, bytes.value());
            let touches = touches.map_err(|reason| self.damaged(first.0, reason))?;
            touches.into_iter().rev().for_each(|touch| scan.look(touch));
        }
        Ok(())
    }

    fn account_row(
        &self,
        account: Address,
        position: Position,
        times: &mut BTreeMap<Height, UnixMillis>,
    ) -> Result<AccountRow, StoreError> {
        let (height, index) = position;
        let row = self.row(position)?;
        let direction = row.concerned().find(|(concerned, _)| *concerned == account).map(|(_, direction)| direction);
        let wrong = || self.damaged(height, format!("row {index} does not concern {account}, the index says it does"));
        let direction = direction.ok_or_else(wrong)?;
        if let Some(time) = times.get(&height) {
            return Ok(AccountRow { position, time: *time, direction, row });
        }
        let table = self.open(tables::BLOCK_ROWS)?;
        let bytes = table.get(height.0).map_err(self.fault())?;
        let bytes = bytes.ok_or_else(|| self.damaged(height, "its row is missing"))?;
        let time = self.block_row(height, bytes.value())?.time;
        times.insert(height, time);
        Ok(AccountRow { position, time, direction, row })
    }

    fn block_row(&self, height: Height, bytes: &[u8]) -> Result<BlockRow, StoreError> {
        BlockRow::decode(height, bytes).map_err(|reason| self.damaged(height, reason))
    }

    /// One row.
    fn row(&self, (height, index): Position) -> Result<Row, StoreError> {
        let table = self.open(tables::BODIES)?;
        let missing = || self.damaged(height, format!("row {index} is missing"));
        let chunk = table.range((height.0, 0)..=(height.0, index)).map_err(self.fault())?.next_back();
        let (key, bytes) = chunk.ok_or_else(missing)?.map_err(self.fault())?;
        let rows = body::split_chunk(height, key.value().1, bytes.value());
        let rows = rows.map_err(|reason| self.damaged(height, reason))?;
        let (_, stored) = rows.into_iter().find(|(found, _)| *found == index).ok_or_else(missing)?;
        stored.row(self.parameters()).map_err(|reason| self.damaged(height, reason))
    }

    /// All rows of a block, with their numbers.
    pub(super) fn rows(&self, height: Height) -> Result<Vec<(u32, Row)>, StoreError> {
        self.stored_rows(height, |index, stored| Ok(Some((index, stored.row(self.parameters())?))))
    }
}
