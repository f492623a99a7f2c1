//! Receipts: proof that a transaction is final, or what an account holds, for a reader that knows only one hash of a
//! chain. SPEC RCPT-1 to RCPT-4.
//!
//! Owns: the form of a receipt and all its checks. Does not own: the source of its parts (a node's store).
//! Always true: a [`Proved`] follows from the trusted hash, from signatures of more than two thirds of the power of
//! each set on the way, and from hashes; it needs no clock and no network.
//! Start reading at [`Receipt::verify`].

use crate::block::Header;
use crate::codec;
use crate::genesis::{Genesis, GenesisRejected};
use crate::hash::{Hash32, label, list_root_of_path};
use crate::ledger::AccountProof;
use crate::limits;
use crate::rejected::TxRejected;
use crate::transaction::{SignedTransaction, TransactionId};
use crate::units::{Height, UnixMillis};
use crate::validators::{Member, ValidatorSet};
use crate::vote::{Certificate, CertificateRejected};
use serde::{Deserialize, Serialize};

/// The version that this program writes and reads.
pub const RECEIPT_VERSION: u16 = 1;

/// A proof that needs no node. As a file: JSON of the same fields. SPEC RCPT-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`RECEIPT_VERSION`].
    pub version: u16,
    /// The trusted origin, in full.
    pub origin: Origin,
    /// Every block from there to the proved one that handed over to another set, oldest first.
    pub changes: Vec<SetChange>,
    /// The block that proves the fact.
    pub header: Header,
    /// Proof that it is final.
    pub certificate: Certificate,
    /// The proved fact.
    pub fact: Fact,
}

/// The start of trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Origin {
    /// The genesis, whose hash is trusted.
    Genesis(Genesis),
    /// A block whose hash is trusted.
    Block {
        /// Its header.
        header: Header,
        /// The set that decides the height after it.
        next: Vec<Member>,
    },
}

/// A final block that handed over to another set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetChange {
    /// Its header.
    pub header: Header,
    /// Proof that it is final.
    pub certificate: Certificate,
    /// The set that decides the height after it.
    pub next: Vec<Member>,
}

/// The fact that a receipt proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fact {
    /// A transaction is in the block.
    Transaction {
        /// Number of transactions in the block.
        count: u32,
        /// Its number among them, from 0.
        index: u32,
        /// Sibling hashes from it up to the root. SPEC HASH-3.
        path: Vec<Hash32>,
        /// The transaction.
        transaction: SignedTransaction,
    },
    /// An account after the block.
    Account(AccountProof),
}

/// The only hash known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The genesis hash.
    Genesis(Hash32),
    /// The hash of the block of this height.
    Block(Height, Hash32),
}

/// The result of a verified receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved<'a> {
    /// Genesis hash of the chain.
    pub chain: Hash32,
    /// Height of the block.
    pub height: Height,
    /// Its hash.
    pub block: Hash32,
    /// Its time.
    pub time: UnixMillis,
    /// The id of the transaction; absent for an account.
    pub id: Option<TransactionId>,
    /// The fact.
    pub fact: &'a Fact,
}

/// Why a receipt proves nothing: the first part that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRejected {
    /// SPEC RCPT-1.
    #[error("the receipt has version {found}; this program knows version {RECEIPT_VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// SPEC RCPT-1.
    #[error("the receipt is {found_bytes} bytes, the limit is {limit_bytes}")]
    TooLong {
        /// Length of its canonical bytes.
        found_bytes: usize,
        /// The maximum.
        limit_bytes: usize,
    },
    /// It begins at something other than the trusted origin.
    #[error("origin: the receipt begins at {found}, you trust {trusted}")]
    OtherOrigin {
        /// The origin found.
        found: String,
        /// The trusted origin.
        trusted: String,
    },
    /// SPEC GEN-2.
    #[error("origin: the genesis is invalid: {0}")]
    Genesis(GenesisRejected),
    /// The members are not those that the header names.
    #[error("{part}: its members are not the set that its header names for the next height")]
    Members {
        /// The part.
        part: Part,
    },
    /// A header of another chain.
    #[error("{part}: its header is of another chain")]
    OtherChain {
        /// Which part.
        part: Part,
    },
    /// Heights do not rise.
    #[error("{part}: its height {found} is not above {after}")]
    Order {
        /// The part.
        part: Part,
        /// Its height.
        found: Height,
        /// The previous height.
        after: Height,
    },
    /// A header that another set decided.
    #[error("{part}: its header names another validator set than the previous part hands over to")]
    OtherSet {
        /// The part.
        part: Part,
    },
    /// SPEC VOTE-4.
    #[error("{part}: its certificate does not prove its header: {reason}")]
    Certificate {
        /// The part.
        part: Part,
        /// The problem.
        reason: CertificateRejected,
    },
    /// SPEC HASH-3.
    #[error("path: the transaction is not number {index} of {count} under the root in the header")]
    Path {
        /// Its number.
        index: u32,
        /// Number of transactions in the block.
        count: u32,
    },
    /// SPEC TX-2 to TX-6.
    #[error("transaction: {0}")]
    Transaction(TxRejected),
    /// SPEC STATE-3.
    #[error("account: it is not in the state whose root is in the header")]
    Account,
}

/// A part of a receipt, as an error names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The trusted block.
    Origin,
    /// A set change: its number, from 0.
    Change(usize),
    /// The proved block.
    Block,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Origin => f.write_str("origin"),
            Self::Change(number) => write!(f, "change {number}"),
            Self::Block => f.write_str("block"),
        }
    }
}

impl std::fmt::Display for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Genesis(hash) => write!(f, "genesis {hash}"),
            Self::Block(height, hash) => write!(f, "block {height} with hash {hash}"),
        }
    }
}

impl Receipt {
    /// Does the fact follow from the trusted origin? SPEC RCPT-2. Cost: one batch of signatures per change of the set.
    pub fn verify(&self, trust: Trust) -> Result<Proved<'_>, ReceiptRejected> {
        if self.version != RECEIPT_VERSION {
            return Err(ReceiptRejected::Version { found: self.version });
        }
        let (found_bytes, limit_bytes) = (codec::encode(self).len(), limits::RECEIPT_BYTES_MAX);
        if found_bytes > limit_bytes {
            return Err(ReceiptRejected::TooLong { found_bytes, limit_bytes });
        }
        let mut known = Known::at(&self.origin, trust)?;
        for (number, change) in self.changes.iter().enumerate() {
            let part = Part::Change(number);
            known.follow(&change.header, &change.certificate, part)?;
            known.set = set_of(&change.header, &change.next, part)?;
        }
        known.follow(&self.header, &self.certificate, Part::Block)?;
        let id = self.fact.check(&self.header)?;
        let Header { height, time, .. } = self.header;
        Ok(Proved { chain: known.chain, height, block: self.certificate.block, time, id, fact: &self.fact })
    }
}

/// The state of verification: all blocks up to a height, and the set of the next.
struct Known {
    chain: Hash32,
    height: Height,
    set: ValidatorSet,
}

impl Known {
    fn at(origin: &Origin, trust: Trust) -> Result<Self, ReceiptRejected> {
        let found = match origin {
            // The hash first: if the genesis is of another chain, other errors do not matter.
            Origin::Genesis(genesis) => Trust::Genesis(genesis.hash()),
            Origin::Block { header, .. } => Trust::Block(header.height, header.hash()),
        };
        if found != trust {
            return Err(ReceiptRejected::OtherOrigin { found: found.to_string(), trusted: trust.to_string() });
        }
        match origin {
            Origin::Genesis(genesis) => {
                let genesis = genesis.clone().verify().map_err(ReceiptRejected::Genesis)?;
                Ok(Self { chain: genesis.hash(), height: Height(0), set: genesis.validators().clone() })
            }
            Origin::Block { header, next } => {
                let set = set_of(header, next, Part::Origin)?;
                Ok(Self { chain: header.chain, height: header.height, set })
            }
        }
    }

    /// A later block that the known set decided.
    fn follow(&mut self, header: &Header, certificate: &Certificate, part: Part) -> Result<(), ReceiptRejected> {
        if header.chain != self.chain {
            return Err(ReceiptRejected::OtherChain { part });
        }
        if header.height <= self.height {
            return Err(ReceiptRejected::Order { part, found: header.height, after: self.height });
        }
        if header.validators_hash != self.set.hash() {
            return Err(ReceiptRejected::OtherSet { part });
        }
        let wrong = |reason| ReceiptRejected::Certificate { part, reason };
        certificate.check_structure(header.height, header.hash(), &self.set).map_err(wrong)?;
        certificate.check_signatures(self.chain).map_err(wrong)?;
        self.height = header.height;
        Ok(())
    }
}

fn set_of(header: &Header, next: &[Member], part: Part) -> Result<ValidatorSet, ReceiptRejected> {
    let set = ValidatorSet::of_members(next).ok();
    set.filter(|set| set.hash() == header.next_validators_hash).ok_or(ReceiptRejected::Members { part })
}

impl Fact {
    /// Is the fact under the roots of this header? Returns the id of a transaction.
    fn check(&self, header: &Header) -> Result<Option<TransactionId>, ReceiptRejected> {
        match self {
            Self::Transaction { count, index, path, transaction } => {
                let id = transaction.id();
                let root = list_root_of_path(label::TRANSACTIONS, (*count).into(), (*index).into(), id, path);
                if root != Some(header.transactions_root) {
                    return Err(ReceiptRejected::Path { index: *index, count: *count });
                }
                transaction.clone().verify(header.chain).map_err(ReceiptRejected::Transaction)?;
                Ok(Some(id))
            }
            Self::Account(proof) if proof.verify(header.state_root) => Ok(None),
            Self::Account(_) => Err(ReceiptRejected::Account),
        }
    }
}
