//! The content of a final block, in parts of a page each, so that one row is read without the rest of its block.
//!
//! Owns: the bytes of the parts. Transactions are stored here and nowhere else; a block is put together again from its
//! frame (`record`) and these. A chunk lies under the height and the number of its first row: `crc32 u32be`, `what it
//! holds u8` (0: signed transactions, 1: what the ledger did by itself), then for each row `length u16be, canonical bytes`.
//! The checksum covers height and first number too. A chunk fills one page of the database.
//!
//! Start reading at [`chunks`].

use super::record::{seal_at, unseal_at};
use super::rows::{Row, TransactionRow};
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::codec;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::ledger::LedgerAct;
use blockchat_proto::limits;
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::Height;

/// A chunk grows up to here, in bytes: with its key, the checksum and the page's own fields it fills a page of 4 KiB. The
/// longest row, a transaction, fits.
const CHUNK_BYTES: usize = 3_900;
/// Longest canonical [`LedgerAct`], in bytes.
const ACT_BYTES_MAX: usize = 256;

const TRANSACTIONS: u8 = 0;
const ACTS: u8 = 1;

/// Bytes of a row in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored<'a> {
    /// A canonical [`SignedTransaction`].
    Transaction(&'a [u8]),
    /// A canonical [`LedgerAct`].
    Act(&'a [u8]),
}

/// Everything in a final block as chunks: the number of the first row in each, and its bytes.
pub(super) fn chunks(final_block: &FinalBlock) -> Vec<(u32, Vec<u8>)> {
    let mut chunks = Chunks::new(final_block.block.height());
    for transaction in final_block.block.transactions() {
        chunks.push(TRANSACTIONS, transaction.bytes());
    }
    for act in final_block.applied.acts() {
        chunks.push(ACTS, &codec::encode(act));
    }
    chunks.finish()
}

/// Chunks while they grow.
struct Chunks {
    height: Height,
    done: Vec<(u32, Vec<u8>)>,
    /// Number of the first row in `open`, and of the next one.
    first: u32,
    next: u32,
    /// Its summary, then its rows; empty before the first row.
    open: Vec<u8>,
}

impl Chunks {
    fn new(height: Height) -> Self {
        Self { height, done: vec![], first: 0, next: 0, open: Vec::with_capacity(CHUNK_BYTES) }
    }

    fn push(&mut self, holds: u8, row: &[u8]) {
        let length = u16::try_from(row.len()).expect("a row is no longer than a transaction");
        let fits = self.open.len() + 2 + row.len() <= CHUNK_BYTES;
        if self.open.first().is_some_and(|held| *held != holds || !fits) {
            self.close();
        }
        if self.open.is_empty() {
            self.open.push(holds);
        }
        self.open.extend_from_slice(&length.to_be_bytes());
        self.open.extend_from_slice(row);
        self.next += 1;
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push((self.first, seal_at(self.height, self.first, &self.open)));
            self.open.clear();
            self.first = self.next;
        }
    }

    fn finish(mut self) -> Vec<(u32, Vec<u8>)> {
        self.close();
        self.done
    }
}

/// The rows of a chunk, with their numbers.
pub(super) fn split_chunk(height: Height, first: u32, sealed: &[u8]) -> Result<Vec<(u32, Stored<'_>)>, String> {
    let (holds, mut rest) = unseal_at(height, first, sealed)?.split_first().ok_or("a part of it is empty")?;
    let stored = match *holds {
        TRANSACTIONS => Stored::Transaction,
        ACTS => Stored::Act,
        other => return Err(format!("a part of it holds something unknown, {other}")),
    };
    let mut rows = vec![];
    let mut index = first;
    while let Some((length, behind)) = rest.split_at_checked(2) {
        let length = u16::from_be_bytes(length.try_into().expect("just split off"));
        let (row, behind) = behind.split_at_checked(usize::from(length)).ok_or("a row is cut off")?;
        rows.push((index, stored(row)));
        index = index.checked_add(1).ok_or("it holds too many rows")?;
        rest = behind;
    }
    if rest.is_empty() { Ok(rows) } else { Err("a row is cut off".into()) }
}

impl Stored<'_> {
    /// The row of these bytes. The parameters say its fee.
    pub(super) fn row(self, parameters: &Parameters) -> Result<Row, String> {
        match self {
            Self::Transaction(bytes) => {
                TransactionRow::of(decode_transaction(bytes)?, parameters).map(Row::Transaction)
            }
            Self::Act(bytes) => decode_act(bytes).map(Row::Ledger),
        }
    }

    /// The transaction of these bytes; `None` of anything else.
    pub(super) fn transaction(self) -> Result<Option<SignedTransaction>, String> {
        match self {
            Self::Transaction(bytes) => decode_transaction(bytes).map(Some),
            Self::Act(_) => Ok(None),
        }
    }

    /// The ledger's own act; `None` for anything else.
    pub(super) fn act(self) -> Result<Option<LedgerAct>, String> {
        match self {
            Self::Transaction(_) => Ok(None),
            Self::Act(bytes) => decode_act(bytes).map(Some),
        }
    }
}

fn decode_act(bytes: &[u8]) -> Result<LedgerAct, String> {
    codec::decode(bytes, ACT_BYTES_MAX).map_err(|refused| refused.to_string())
}

fn decode_transaction(bytes: &[u8]) -> Result<SignedTransaction, String> {
    codec::decode(bytes, limits::TRANSACTION_BYTES_MAX).map_err(|refused| refused.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIGHT: Height = Height(5);

    /// Rows of these lengths, the last `acts` of them of the ledger.
    fn written(lengths: &[usize], acts: usize) -> Vec<(u32, Vec<u8>)> {
        let mut chunks = Chunks::new(HEIGHT);
        for (index, length) in lengths.iter().enumerate() {
            let holds = if index + acts < lengths.len() { TRANSACTIONS } else { ACTS };
            chunks.push(holds, &vec![u8::try_from(index % 251).unwrap(); *length]);
        }
        chunks.finish()
    }

    #[test]
    fn rows_come_back_from_their_chunks_with_their_numbers() {
        let mixed: Vec<_> = (0..300).map(|n| n % 90).collect();
        for (lengths, acts) in [(vec![], 0), (vec![0], 0), (vec![2_048; 9], 2), (mixed, 4), (vec![0; 3_000], 3_000)] {
            let chunks = written(&lengths, acts);
            assert!(chunks.iter().all(|(_, chunk)| chunk.len() <= CHUNK_BYTES + 4), "each fits a page");
            let read: Vec<_> =
                chunks.iter().flat_map(|(first, chunk)| split_chunk(HEIGHT, *first, chunk).unwrap()).collect();
            assert_eq!(read.len(), lengths.len());
            for (index, (number, stored)) in read.into_iter().enumerate() {
                let bytes = vec![u8::try_from(index % 251).unwrap(); lengths[index]];
                let is_act = index + acts >= lengths.len();
                assert_eq!(usize::try_from(number).unwrap(), index);
                assert_eq!(stored, if is_act { Stored::Act(&bytes) } else { Stored::Transaction(&bytes) });
            }
        }
    }

    #[test]
    fn a_chunk_under_another_height_or_number_or_with_a_changed_byte_is_refused() {
        let chunk = written(&[5, 6, 7], 0).remove(0).1;
        assert!(split_chunk(HEIGHT, 0, &chunk).is_ok());
        assert!(split_chunk(Height(6), 0, &chunk).is_err() && split_chunk(HEIGHT, 1, &chunk).is_err());
        for at in 0..chunk.len() {
            let mut flipped = chunk.clone();
            flipped[at] ^= 1;
            assert!(split_chunk(HEIGHT, 0, &flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_chunk_that_holds_something_unknown_or_is_cut_off_is_refused() {
        for (value, reason) in
            [(&[][..], "empty"), (&[2], "unknown"), (&[0, 0], "cut off"), (&[0, 0, 3, 1, 2], "cut off")]
        {
            let refused = split_chunk(HEIGHT, 0, &seal_at(HEIGHT, 0, value)).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
