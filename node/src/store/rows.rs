//! Final blocks row by row: each row holds everything that a list shows of it.
//!
//! Owns: what a row is, and whom it concerns. A block's transactions are its first rows, with the same numbers; what the
//! ledger did by itself follows. A row is read from the part of the block that holds it (`body`), never from the whole.
//!
//! Always true: a transaction and the message in it can be shown from its row alone, but for the block's time
//! ([`BlockRow`]).
//! Start reading at [`Row`].

use super::record::{seal_at, unseal_at};
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{LedgerAct, fee_for};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction, TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, UnixMillis};
use serde::{Deserialize, Serialize};

/// Longest [`BlockRow`], in bytes.
const BLOCK_ROW_BYTES_MAX: usize = 512;

/// One thing that happened in a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A transaction.
    Transaction(TransactionRow),
    /// Something that the ledger did by itself.
    Ledger(LedgerAct),
}

/// A transaction in a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRow {
    /// Its id.
    pub id: TransactionId,
    /// The signer, which paid for it.
    pub sender: Address,
    /// Its nonce.
    pub nonce: u64,
    /// The fee it paid.
    pub fee: Coins,
    /// The coins that the treasury paid for it.
    pub grant: Coins,
    /// Its request.
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
    /// The leader that assembled it.
    pub leader: Address,
    /// Round in which it was built.
    pub round: Round,
    /// Number of its transactions.
    pub transactions: u32,
    /// Fees its leader received.
    pub fees: Coins,
    /// Size of its canonical bytes.
    pub bytes: u64,
}

/// The kind of a row. The numbers are in the store: they never change.
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
    /// A validator barred for misbehaviour.
    Barred = 9,
}

/// The relation of an account to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came to the account, from another one or from the ledger.
    In,
    /// The account signed it.
    Out,
    /// Both: sent to oneself.
    Own,
}

/// A row as the indexes see it: what it is, and whom it concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention {
    /// The id of a transaction.
    pub(super) id: Option<TransactionId>,
    /// Its kind.
    pub(super) kind: RowKind,
    first: (Address, Direction),
    second: Option<(Address, Direction)>,
}

impl Mention {
    /// The part of a transaction that the indexes need.
    pub(super) fn of_transaction(id: TransactionId, sender: Address, body: &Body) -> Self {
        let (first, second) = match body {
            Body::Send { to, .. } if *to == sender => ((sender, Direction::Own), None),
            Body::Send { to, .. } => ((sender, Direction::Out), Some((*to, Direction::In))),
            Body::Claim { .. } => ((sender, Direction::In), None),
            _ => ((sender, Direction::Out), None),
        };
        Self { id: Some(id), kind: kind_of_body(body), first, second }
    }

    /// The part of the ledger's own act that the indexes need.
    pub(super) fn of_act(act: &LedgerAct) -> Self {
        let kind = match act {
            LedgerAct::Paid { .. } => RowKind::Fees,
            LedgerAct::Released { .. } => RowKind::Released,
            LedgerAct::Jailed { .. } => RowKind::Jailed,
            LedgerAct::Barred { .. } => RowKind::Barred,
        };
        Self { id: None, kind, first: (act.account(), Direction::In), second: None }
    }

    /// The accounts it concerns, each once.
    pub(super) fn concerned(&self) -> impl Iterator<Item = (Address, Direction)> {
        std::iter::once(self.first).chain(self.second)
    }
}

fn kind_of_body(body: &Body) -> RowKind {
    match body {
        Body::Send { payload: Payload::None, .. } => RowKind::Payment,
        Body::Send { .. } => RowKind::Message,
        Body::Stake { .. } => RowKind::Stake,
        Body::Activate { .. } => RowKind::Activate,
        Body::Claim { .. } => RowKind::Claim,
        Body::Announce { .. } => RowKind::Announce,
    }
}

/// The part of a final block that the indexes need, in the order of its rows.
pub(super) fn mentions(final_block: &FinalBlock) -> impl Iterator<Item = Mention> {
    let transactions = final_block.block.transactions().iter();
    let of = |one: &VerifiedTransaction| Mention::of_transaction(one.id(), one.sender(), &one.transaction().body);
    transactions.map(of).chain(final_block.applied.acts().iter().map(Mention::of_act))
}

impl Row {
    /// The part that the indexes need.
    pub(super) fn mention(&self) -> Mention {
        match self {
            Self::Transaction(TransactionRow { id, sender, body, .. }) => Mention::of_transaction(*id, *sender, body),
            Self::Ledger(act) => Mention::of_act(act),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> RowKind {
        self.mention().kind
    }

    /// The accounts it concerns, each once.
    pub fn concerned(&self) -> impl Iterator<Item = (Address, Direction)> {
        let Mention { first, second, .. } = self.mention();
        std::iter::once(first).chain(second)
    }
}

impl TransactionRow {
    /// The row of a final transaction. Cost: a hash.
    pub(super) fn of(signed: SignedTransaction, parameters: &Parameters) -> Result<Self, String> {
        let id = signed.id();
        let fee = fee_for(&signed.transaction.body, parameters).map_err(|refused| refused.to_string())?;
        let Transaction { sender, nonce, body, .. } = signed.transaction;
        let grant = if matches!(body, Body::Claim { .. }) { parameters.grant } else { Coins::ZERO };
        Ok(Self { id, sender, nonce, fee, grant, body })
    }
}

impl BlockRow {
    pub(super) fn of(final_block: &FinalBlock) -> Self {
        let FinalBlock { block, applied, .. } = final_block;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_concerns_each_account_once() {
        let (a, b) = (Address([1; 32]), Address([2; 32]));
        let payment = |to| {
            let body = Body::Send { to, amount: Coins::from_bcc(1), payload: Payload::None };
            Row::Transaction(TransactionRow {
                id: Hash32([7; 32]),
                sender: a,
                nonce: 0,
                fee: Coins::from_bcc(1),
                grant: Coins::ZERO,
                body,
            })
        };
        let concerned = |row: Row| row.concerned().collect::<Vec<_>>();
        assert_eq!(concerned(payment(b)), [(a, Direction::Out), (b, Direction::In)]);
        assert_eq!(concerned(payment(a)), [(a, Direction::Own)]);
        assert_eq!(concerned(Row::Ledger(LedgerAct::Jailed { account: b })), [(b, Direction::In)]);
    }
}
