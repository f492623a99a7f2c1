//! Proofs of finality for others: headers with certificates, validator sets, receipts.
//!
//! Always true: a receipt that comes out of here verifies (SPEC RCPT-2) for the genesis hash of this chain, or for the hash
//! of the block that it begins at.
//! Start reading at [`History::receipt`].

use super::StoreError;
use super::body::Stored;
use super::history::{History, Position, Reader};
use super::record::{unseal, unseal_at};
use super::tables;
use blockchat_proto::codec;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::hash::{Hash32, hash, label, list_path};
use blockchat_proto::ledger::AccountProof;
use blockchat_proto::limits;
use blockchat_proto::receipt::{Fact, Origin, RECEIPT_VERSION, Receipt, SetChange};
use blockchat_proto::sync::CertifiedHeader;
use blockchat_proto::units::Height;
use blockchat_proto::validators::{Member, NoSuchSet, ValidatorSet};

/// Longest canonical members of a set, in bytes: 128 of about 45.
const MEMBERS_BYTES_MAX: usize = 8 * 1024;

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum NoReceipt {
    /// The block is not here, or the trusted one is not before it.
    #[error("the trusted block must be one of 1 to {last} that this node keeps")]
    NoOrigin {
        /// The last height that trust can begin at.
        last: Height,
    },
    /// The sets changed too often since.
    #[error("the validators changed so often that the receipt exceeds {} bytes", limits::RECEIPT_BYTES_MAX)]
    TooLong,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl History {
    /// The header of a final block, if the block is here. Cost: reads no transaction.
    pub fn header_at(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
        self.read(&format!("header {height}"), |reader| reader.header(height))
    }

    /// Consecutive headers from `from` on: at most `count`, and no more once their canonical bytes pass `bytes_max`, but at
    /// least one if there is one. Cost: reads no transaction.
    pub fn headers(&self, from: Height, count: u32, bytes_max: usize) -> Result<Vec<CertifiedHeader>, StoreError> {
        self.read(&format!("headers from {from}"), |reader| {
            let (mut headers, mut bytes, mut height) = (vec![], 0, from);
            for _ in 0..count {
                let Some(header) = reader.header(height)? else { break };
                bytes += codec::encode(&header).len();
                if bytes > bytes_max && !headers.is_empty() {
                    break;
                }
                headers.push(header);
                height = height.next();
            }
            Ok(headers)
        })
    }

    /// The members behind a hash that headers name; `None` of a set that decided no block and will not decide the next.
    pub fn members(&self, set: Hash32) -> Result<Option<Vec<Member>>, StoreError> {
        self.read(&format!("validator set {set}"), |reader| reader.members(set))
    }

    /// Proof that the transaction at this place is final, for a reader that trusts the genesis, or the block of a
    /// height.
    pub fn receipt(
        &self,
        genesis: &Genesis,
        trusted: Option<Height>,
        (height, index): Position,
    ) -> Result<Receipt, NoReceipt> {
        let fact = self.read(&format!("block {height}"), |reader| reader.transaction_fact(height, index))?;
        self.prove(genesis, trusted, height, fact)
    }

    /// Proof of what an account holds after a block, for the same.
    pub fn account_receipt(
        &self,
        genesis: &Genesis,
        trusted: Option<Height>,
        height: Height,
        proof: AccountProof,
    ) -> Result<Receipt, NoReceipt> {
        self.prove(genesis, trusted, height, Fact::Account(proof))
    }

    fn prove(
        &self,
        genesis: &Genesis,
        trusted: Option<Height>,
        height: Height,
        fact: Fact,
    ) -> Result<Receipt, NoReceipt> {
        let last = Height(height.0.saturating_sub(1));
        let parts = self.read(&format!("the receipt for block {height}"), |reader| {
            let origin = match trusted {
                None => Some(Origin::Genesis(genesis.clone())),
                Some(trusted) if trusted > last => None,
                Some(trusted) => reader.origin(trusted)?,
            };
            let changes = reader.changes(trusted.unwrap_or_default(), height)?;
            Ok(origin.map(|origin| (origin, changes, reader.header(height))))
        })?;
        let (origin, changes, header) = parts.ok_or(NoReceipt::NoOrigin { last })?;
        let CertifiedHeader { header, certificate } = header?.ok_or(NoReceipt::NoOrigin { last })?;
        let changes = changes.ok_or(NoReceipt::TooLong)?;
        let receipt = Receipt { version: RECEIPT_VERSION, origin, changes, header, certificate, fact };
        if codec::encode(&receipt).len() > limits::RECEIPT_BYTES_MAX {
            return Err(NoReceipt::TooLong);
        }
        Ok(receipt)
    }
}

impl Reader<'_> {
    fn header(&self, height: Height) -> Result<Option<CertifiedHeader>, StoreError> {
        let found = self.frame(height)?;
        Ok(found.map(|(frame, certificate)| CertifiedHeader { header: frame.into_header(), certificate }))
    }

    /// The members behind a hash; what is stored must have that very hash.
    fn members(&self, set: Hash32) -> Result<Option<Vec<Member>>, StoreError> {
        let sets = self.open(tables::SETS)?;
        let Some(sealed) = sets.get(&set.0).map_err(self.fault())? else { return Ok(None) };
        let members = unseal(sealed.value()).and_then(|bytes| {
            let members: Vec<Member> = codec::decode(bytes, MEMBERS_BYTES_MAX).map_err(|e| e.to_string())?;
            let found = ValidatorSet::of_members(&members).map_err(|wrong: NoSuchSet| wrong.to_string())?.hash();
            if found == set { Ok(members) } else { Err(format!("their hash is {found}")) }
        });
        members.map(Some).map_err(|reason| self.damaged_at(format!("the members of set {set}"), reason))
    }

    fn origin(&self, trusted: Height) -> Result<Option<Origin>, StoreError> {
        let Some(CertifiedHeader { header, .. }) = self.header(trusted)? else { return Ok(None) };
        let next = self.known_members(trusted, header.next_validators_hash)?;
        Ok(Some(Origin::Block { header, next }))
    }

    fn known_members(&self, height: Height, set: Hash32) -> Result<Vec<Member>, StoreError> {
        self.members(set)?.ok_or_else(|| self.damaged(height, format!("the members of its set {set} are missing")))
    }

    /// The changes of the set between two heights, both left out; `None` if they are too long for a receipt.
    fn changes(&self, after: Height, before: Height) -> Result<Option<Vec<SetChange>>, StoreError> {
        let table = self.open(tables::CHANGES)?;
        let (mut changes, mut bytes) = (vec![], 0);
        for entry in table.range(after.next().0..before.0.max(after.next().0)).map_err(self.fault())? {
            let (height, sealed) = entry.map_err(self.fault())?;
            let height = Height(height.value());
            let set = unseal_at(height, 0, sealed.value()).and_then(|hash| {
                hash.try_into().map(Hash32).map_err(|_| "the hash of its next set is cut off".to_owned())
            });
            let next = self.known_members(height, set.map_err(|reason| self.damaged(height, reason))?)?;
            let found = self.header(height)?.ok_or_else(|| self.damaged(height, "it is missing"))?;
            let change = SetChange { header: found.header, certificate: found.certificate, next };
            bytes += codec::encode(&change).len();
            if bytes > limits::RECEIPT_BYTES_MAX {
                return Ok(None);
            }
            changes.push(change);
        }
        Ok(Some(changes))
    }

    /// The transaction with the hashes beside its way to the root. Cost: a hash for each transaction of the block.
    fn transaction_fact(&self, height: Height, index: u32) -> Result<Fact, StoreError> {
        let read = |number: u32, stored: Stored<'_>| {
            let Stored::Transaction(bytes) = stored else { return Ok(None) };
            let wanted = if number == index { stored.transaction()? } else { None };
            Ok(Some((hash(label::TRANSACTION_ID, bytes), wanted)))
        };
        let mut transactions = self.stored_rows(height, read)?;
        let ids: Vec<_> = transactions.iter().map(|(id, _)| *id).collect();
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let path = list_path(&ids, place);
        let wanted = transactions.iter_mut().find_map(|(_, wanted)| wanted.take());
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        match (path, wanted) {
            (Some(path), Some(transaction)) => Ok(Fact::Transaction { count, index, path, transaction }),
            _ => Err(self.damaged(height, format!("transaction {index} is missing"))),
        }
    }
}
