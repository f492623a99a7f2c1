//! What happened in final blocks, row by row: each holds everything that a list shows of it, so that no list reads blocks.
//!
//! Owns: what a row is, whom it concerns, and its bytes. A block's transactions are its first rows, with the same numbers;
//! what the ledger did by itself follows. Rows lie in chunks, in the order of the chain: `crc32 u32be`, then for each row
//! `length u16be, canonical row`. The checksum covers the chunk's height and first number too. A chunk fills one page of
//! the database, so that reading a row reads little more than the row.
//!
//! Always true: a transaction and the message in it can be shown from its row alone, but for the block's time
//! ([`BlockRow`]).
//! Start reading at [`rows_of`].

use super::record::{seal_at, unseal_at};
use blockchat_engine::effect::CommittedBlock;
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{LedgerAct, fee_for};
use blockchat_proto::transaction::{Body, Payload, TransactionId};
use blockchat_proto::units::{Height, Round, UnixMillis};
use serde::{Deserialize, Serialize};

/// A chunk grows up to here, in bytes: with its key and the page's own fields it fills a page of 4 KiB. The longest row,
/// 1 KiB of text, fits with room to spare.
const CHUNK_BYTES: usize = 3_900;
/// Longest canonical row, in bytes: the longest transaction, whose signature and chain are not in it.
const ROW_BYTES_MAX: usize = 2_048;
/// Longest [`BlockRow`], in bytes.
const BLOCK_ROW_BYTES_MAX: usize = 512;

/// One thing that happened in a final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Row {
    /// A transaction.
    Transaction(TransactionRow),
    /// Something that the ledger did by itself.
    Ledger(LedgerAct),
}

/// A transaction in a final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionRow {
    /// Its id.
    pub id: TransactionId,
    /// Who signed it, and paid.
    pub sender: Address,
    /// Its nonce.
    pub nonce: u64,
    /// The fee it paid.
    pub fee: Coins,
    /// What it asked.
    pub body: Body,
}

/// A final block without what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRow {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Its parent's hash.
    pub parent: Hash32,
    /// Its time.
    pub time: UnixMillis,
    /// Who assembled it.
    pub leader: Address,
    /// Round in which it was built.
    pub round: Round,
    /// How many transactions it holds.
    pub transactions: u32,
    /// Fees its leader received.
    pub fees: Coins,
    /// Size of its canonical bytes.
    pub bytes: u64,
}

/// What kind of thing a row is. The numbers are in the store: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum RowKind {
    /// A *send* without a message.
    Payment = 0,
    /// A *send* with a message, with or without coins.
    Message = 1,
    /// A *stake*.
    Stake = 2,
    /// An *activate*.
    Activate = 3,
    /// A *claim*.
    Claim = 4,
    /// The fees of a block, paid to its leader.
    Fees = 5,
    /// Unbonding that came back to the balance.
    Released = 6,
    /// A validator jailed for absence.
    Jailed = 7,
    /// An *announce*.
    Announce = 8,
}

/// How an account has to do with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came to the account, from another one or from the ledger.
    In,
    /// The account signed it.
    Out,
    /// Both: sent to oneself.
    Own,
}

impl Row {
    /// What kind of thing it is.
    pub fn kind(&self) -> RowKind {
        match self {
            Self::Transaction(TransactionRow { body, .. }) => match body {
                Body::Send { payload: Payload::None, .. } => RowKind::Payment,
                Body::Send { .. } => RowKind::Message,
                Body::Stake { .. } => RowKind::Stake,
                Body::Activate { .. } => RowKind::Activate,
                Body::Claim { .. } => RowKind::Claim,
                Body::Announce { .. } => RowKind::Announce,
            },
            Self::Ledger(LedgerAct::Paid { .. }) => RowKind::Fees,
            Self::Ledger(LedgerAct::Released { .. }) => RowKind::Released,
            Self::Ledger(LedgerAct::Jailed { .. }) => RowKind::Jailed,
        }
    }

    /// Whom it concerns: each account once.
    pub fn concerned(&self) -> impl Iterator<Item = (Address, Direction)> {
        let (first, second) = match self {
            Self::Transaction(TransactionRow { sender, body: Body::Send { to, .. }, .. }) if sender == to => {
                ((*sender, Direction::Own), None)
            }
            Self::Transaction(TransactionRow { sender, body: Body::Send { to, .. }, .. }) => {
                ((*sender, Direction::Out), Some((*to, Direction::In)))
            }
            Self::Transaction(TransactionRow { sender, .. }) => ((*sender, Direction::Out), None),
            Self::Ledger(act) => ((act.account(), Direction::In), None),
        };
        std::iter::once(first).chain(second)
    }
}

/// What happened in a final block, in order.
pub(super) fn rows_of(committed: &CommittedBlock, parameters: &Parameters) -> Vec<Row> {
    let transactions = committed.block.transactions().iter().map(|verified| {
        let transaction = verified.transaction();
        let fee = fee_for(&transaction.body, parameters).expect("a final transaction has a computable fee");
        let (id, sender, nonce) = (verified.id(), transaction.sender, transaction.nonce);
        Row::Transaction(TransactionRow { id, sender, nonce, fee, body: transaction.body.clone() })
    });
    transactions.chain(committed.applied.acts().iter().copied().map(Row::Ledger)).collect()
}

impl BlockRow {
    pub(super) fn of(committed: &CommittedBlock) -> Self {
        let CommittedBlock { block, applied, .. } = committed;
        let header = block.header();
        Self {
            height: header.height,
            hash: block.hash(),
            parent: header.parent,
            time: header.time,
            leader: header.leader,
            round: header.round,
            transactions: u32::try_from(block.transactions().len()).unwrap_or(u32::MAX),
            fees: applied.fees(),
            bytes: u64::try_from(block.bytes().len()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        seal_at(self.height, 0, &codec::encode(self))
    }

    pub(super) fn decode(height: Height, sealed: &[u8]) -> Result<Self, String> {
        let row: Self = codec::decode(unseal_at(height, 0, sealed)?, BLOCK_ROW_BYTES_MAX).map_err(|e| e.to_string())?;
        if row.height == height { Ok(row) } else { Err(format!("it is that of block {}", row.height)) }
    }
}

/// Rows of one block as chunks: the number of the first row in it, and its bytes.
pub(super) fn chunks(height: Height, rows: &[Row]) -> Vec<(u32, Vec<u8>)> {
    let mut chunks = vec![];
    let (mut first, mut bytes) = (0, Vec::with_capacity(CHUNK_BYTES));
    for (index, row) in (0u32..).zip(rows) {
        let row = codec::encode(row);
        let length = u16::try_from(row.len()).expect("a row is shorter than a transaction");
        if !bytes.is_empty() && bytes.len() + 2 + row.len() > CHUNK_BYTES {
            chunks.push((first, seal_at(height, first, &bytes)));
            bytes.clear();
            first = index;
        }
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&row);
    }
    if !bytes.is_empty() {
        chunks.push((first, seal_at(height, first, &bytes)));
    }
    chunks
}

/// The canonical rows of a chunk, with their numbers.
pub(super) fn split_chunk(height: Height, first: u32, sealed: &[u8]) -> Result<Vec<(u32, &[u8])>, String> {
    let mut rest = unseal_at(height, first, sealed)?;
    let mut rows = vec![];
    let mut index = first;
    while let Some((length, behind)) = rest.split_at_checked(2) {
        let length = u16::from_be_bytes(length.try_into().expect("just split off"));
        let (row, behind) = behind.split_at_checked(usize::from(length)).ok_or("a row is cut off")?;
        rows.push((index, row));
        index = index.checked_add(1).ok_or("it holds too many rows")?;
        rest = behind;
    }
    if rest.is_empty() { Ok(rows) } else { Err("a row is cut off".into()) }
}

/// The row of canonical bytes.
pub(super) fn decode_row(bytes: &[u8]) -> Result<Row, String> {
    codec::decode(bytes, ROW_BYTES_MAX).map_err(|refused| refused.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(nonce: u64, text: usize) -> Row {
        let payload = if text == 0 { Payload::None } else { Payload::Plain("x".repeat(text)) };
        let body = Body::Send { to: Address([2; 32]), amount: Coins::from_bcc(1), payload };
        let (id, sender) = (Hash32([7; 32]), Address([1; 32]));
        Row::Transaction(TransactionRow { id, sender, nonce, fee: Coins::from_bcc(1), body })
    }

    fn read(height: Height, chunks: &[(u32, Vec<u8>)]) -> Vec<(u32, Row)> {
        let split = chunks.iter().flat_map(|(first, chunk)| split_chunk(height, *first, chunk).unwrap());
        split.map(|(index, row)| (index, decode_row(row).unwrap())).collect()
    }

    #[test]
    fn rows_come_back_from_their_chunks_with_their_numbers() {
        for lengths in [vec![], vec![0], vec![1_024; 9], (0..300).map(|n| n % 90).collect(), vec![0; 1_000]] {
            let rows: Vec<_> = lengths.iter().enumerate().map(|(n, text)| payment(n as u64, *text)).collect();
            let chunks = chunks(Height(5), &rows);
            let numbered: Vec<_> = (0..).zip(rows).collect();
            assert_eq!(read(Height(5), &chunks), numbered);
            assert!(chunks.iter().all(|(_, chunk)| chunk.len() <= CHUNK_BYTES + 4), "each fits a page");
        }
    }

    #[test]
    fn a_chunk_under_another_height_or_number_or_with_a_changed_byte_is_refused() {
        let rows: Vec<_> = (0..3).map(|nonce| payment(nonce, 5)).collect();
        let chunk = chunks(Height(5), &rows).remove(0).1;
        assert!(split_chunk(Height(5), 0, &chunk).is_ok());
        assert!(split_chunk(Height(6), 0, &chunk).is_err() && split_chunk(Height(5), 1, &chunk).is_err());
        for at in 0..chunk.len() {
            let mut flipped = chunk.clone();
            flipped[at] ^= 1;
            assert!(split_chunk(Height(5), 0, &flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_row_concerns_each_account_once() {
        let to_self = |row: Row| match row {
            Row::Transaction(row) => {
                let (amount, payload) = (Coins::ZERO, Payload::None);
                Row::Transaction(TransactionRow { body: Body::Send { to: row.sender, amount, payload }, ..row })
            }
            Row::Ledger(_) => row,
        };
        let concerned = |row: Row| row.concerned().collect::<Vec<_>>();
        let (a, b) = (Address([1; 32]), Address([2; 32]));
        assert_eq!(concerned(payment(0, 0)), [(a, Direction::Out), (b, Direction::In)]);
        assert_eq!(concerned(to_self(payment(0, 0))), [(a, Direction::Own)]);
        assert_eq!(concerned(Row::Ledger(LedgerAct::Jailed { account: b })), [(b, Direction::In)]);
    }
}
