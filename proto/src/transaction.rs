//! Transactions, signed by users. SPEC TX-1 to TX-9.
//!
//! Owns: the wire types, the id, and every check that needs no state. Does not own: balances, nonces, expiry
//! (`ledger::check`).
//! Always true: a [`VerifiedTransaction`] belongs to this chain, is within all limits and carries a good signature; its
//! only constructors are [`SignedTransaction::verify`], [`verify_all`] and [`verify_framed`].
//! Start reading at [`Transaction`].

use crate::claim::{Found, Search};
use crate::codec;
use crate::coins::Coins;
use crate::fixed_bytes;
use crate::hash::{Hash32, hash, label};
use crate::keys::{Address, Signature, SignatureCheck, Signer, sign_hash, verify_batch};
use crate::limits;
use crate::rejected::TxRejected;
use crate::units::{Height, RulesVersion};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A request to the ledger. SPEC TX-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Genesis hash of the chain it is for.
    pub chain: Hash32,
    /// The account that pays and signs.
    pub sender: Address,
    /// Consecutive per sender, from 0; always 0 for a body that [needs none](Body::needs_nonce), which neither
    /// compares nor advances it.
    pub nonce: u64,
    /// Last height whose block may include it; without limit if absent.
    pub expiry: Option<Height>,
    /// The request.
    pub body: Body,
}

/// The five kinds of request. SPEC TX-2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Body {
    /// Coins, a message, or both in one.
    Send {
        /// The receiver.
        to: Address,
        /// Coins on top of the fee; may be zero if there is a message.
        amount: Coins,
        /// The message; may be absent if there are coins.
        payload: Payload,
    },
    /// Set the stake to exactly this amount; 0 leaves.
    Stake {
        /// The new stake.
        amount: Coins,
    },
    /// A validator's node declares that it is running: enter the set, or come back from jail.
    Activate {
        /// One of the recent hashes in the state: proof that the node knows the chain.
        recent: Hash32,
    },
    /// Claim a welcome grant from the treasury with a proof of work.
    Claim {
        /// One of the recent hashes in the state, of the recent blocks.
        recent: Hash32,
        /// The number that makes the work's hash small.
        work: u64,
    },
    /// A validator's node declares which versions of the rules it knows.
    Announce {
        /// The highest version that it executes.
        version: RulesVersion,
    },
}

impl Body {
    /// Does it use the sender's nonce? The others carry nonce 0: the state they change protects them from replay. SPEC
    /// TX-7.
    pub const fn needs_nonce(&self) -> bool {
        match self {
            Self::Send { .. } | Self::Stake { .. } => true,
            Self::Activate { .. } | Self::Claim { .. } | Self::Announce { .. } => false,
        }
    }
}

/// The content of a *send* besides coins. SPEC TX-3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Payload {
    /// Coins only.
    None,
    /// Readable by all; never empty.
    Plain(String),
    /// Readable by the recipient only.
    Sealed(Sealed),
}

/// A message sealed to its recipient. Its content is opaque to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Version of the construction; 1 is that of SPEC TX-4.
    pub version: u8,
    /// The sender's one-time X25519 key.
    pub ephemeral: Hash32,
    /// Input of the one-time key, besides the sender's own key.
    pub salt: SealSalt,
    /// Ciphertext with its 16-byte tag.
    #[serde(with = "serde_bytes")]
    pub ciphertext: Vec<u8>,
}

/// 16 bytes from which only the sender can derive its one-time key again. In JSON: 32 hex digits. SPEC TX-4.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealSalt(pub [u8; 16]);

impl fmt::Display for SealSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SealSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the salt of a seal is 32 hex digits")]
pub struct NotASalt;

impl FromStr for SealSalt {
    type Err = NotASalt;
    fn from_str(text: &str) -> Result<Self, NotASalt> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotASalt)?;
        Ok(Self(bytes))
    }
}

impl Serialize for SealSalt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fixed_bytes::serialize(&self.0, self, serializer)
    }
}

impl<'de> Deserialize<'de> for SealSalt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fixed_bytes::deserialize(Self, deserializer)
    }
}

impl Payload {
    /// Characters of plain text, or plaintext bytes of a sealed message: the length that the fee counts. SPEC FEE-2.
    pub fn fee_length(&self) -> u64 {
        let length = match self {
            Self::None => 0,
            Self::Plain(text) => text.chars().count(),
            Self::Sealed(sealed) => sealed.ciphertext.len().saturating_sub(limits::SEAL_TAG_BYTES),
        };
        u64::try_from(length).expect("a payload in memory is shorter than 2^64")
    }
}

impl Transaction {
    /// The hash the sender signs. SPEC SIG-2.
    pub fn sign_hash(&self) -> Hash32 {
        sign_hash(label::SIGN_TRANSACTION, self.chain, &codec::encode(self))
    }

    /// The work of a claim; none for other bodies. Cost: one hash.
    pub fn work_found(&self) -> Option<Found> {
        match &self.body {
            Body::Claim { recent, work } => Some(Search::new(self.chain, self.sender, *recent).attempt(*work)),
            Body::Send { .. } | Body::Stake { .. } | Body::Activate { .. } | Body::Announce { .. } => None,
        }
    }

    /// Signs it. Panics if `signer` is not the sender, which is a bug of the caller.
    pub fn sign(self, signer: &Signer) -> SignedTransaction {
        assert_eq!(signer.address(), self.sender, "only the sender signs");
        let signature = signer.sign(self.sign_hash());
        SignedTransaction { transaction: self, signature }
    }

    /// Every rule that needs no state. SPEC TX-2 to TX-5.
    fn check_stateless(&self, chain: Hash32) -> Result<(), TxRejected> {
        if self.chain != chain {
            return Err(TxRejected::OtherChain { expected: chain, found: self.chain });
        }
        if !self.body.needs_nonce() && self.nonce != 0 {
            return Err(TxRejected::NonceNotZero { found: self.nonce });
        }
        match &self.body {
            Body::Send { amount, payload, .. } => check_payload(*amount, payload),
            Body::Stake { .. } | Body::Activate { .. } | Body::Claim { .. } | Body::Announce { .. } => Ok(()),
        }
    }
}

/// SPEC TX-3, TX-4: something is sent, and a text is neither empty nor too long.
fn check_payload(amount: Coins, payload: &Payload) -> Result<(), TxRejected> {
    let found_bytes = match payload {
        Payload::None if amount.is_zero() => return Err(TxRejected::NothingToSend),
        Payload::None => return Ok(()),
        Payload::Plain(text) => text.len(),
        Payload::Sealed(sealed) if sealed.version != 1 => {
            return Err(TxRejected::UnknownSeal { found: sealed.version });
        }
        Payload::Sealed(sealed) => sealed.ciphertext.len().saturating_sub(limits::SEAL_TAG_BYTES),
    };
    match found_bytes {
        0 => Err(TxRejected::EmptyMessage),
        n if n > limits::TEXT_BYTES_MAX => {
            Err(TxRejected::MessageTooLong { found_bytes: n, limit_bytes: limits::TEXT_BYTES_MAX })
        }
        _ => Ok(()),
    }
}

/// A transaction whose signature is not verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransaction {
    /// The signed content.
    pub transaction: Transaction,
    /// Signature of its sender.
    pub signature: Signature,
}

/// Identity of a signed transaction: the hash of *all* its canonical bytes, signature included. SPEC TX-6.
///
/// Without the signature, a leader could include a pooled transaction under a garbage signature, and nodes that have
/// the id cached as verified would accept what others refuse.
pub type TransactionId = Hash32;

impl SignedTransaction {
    /// Its id. Cost: one encoding and one hash.
    pub fn id(&self) -> TransactionId {
        hash(label::TRANSACTION_ID, &codec::encode(self))
    }

    /// From canonical bytes, at most [`limits::TRANSACTION_BYTES_MAX`].
    pub fn decode(bytes: &[u8]) -> Result<Self, codec::DecodeRejected> {
        codec::decode(bytes, limits::TRANSACTION_BYTES_MAX)
    }

    /// Checks one transaction against all rules that need no state. For many, [`verify_all`] is about twice as fast.
    pub fn verify(self, chain: Hash32) -> Result<VerifiedTransaction, TxRejected> {
        let mut answer = verify_all(vec![self], chain);
        answer.pop().expect("one answer per transaction")
    }

    /// With its canonical bytes and its id. Cost: one encoding and one hash.
    pub fn framed(self) -> FramedTransaction {
        let bytes = codec::encode(&self);
        let id = hash(label::TRANSACTION_ID, &bytes);
        FramedTransaction(Arc::new(Framed { id, bytes: bytes.into_boxed_slice(), signed: self }))
    }
}

/// Checks many transactions against all rules that need no state; answers in order.
///
/// Cost: about 25 us each in large batches, nearly all of it signatures.
pub fn verify_all(signed: Vec<SignedTransaction>, chain: Hash32) -> Vec<Result<VerifiedTransaction, TxRejected>> {
    verify_framed(signed.into_iter().map(SignedTransaction::framed).collect(), chain)
}

/// [`verify_all`] for transactions that were already framed to look up their ids.
pub fn verify_framed(framed: Vec<FramedTransaction>, chain: Hash32) -> Vec<Result<VerifiedTransaction, TxRejected>> {
    let checked: Vec<_> = framed.into_iter().map(|framed| framed.check_stateless(chain)).collect();
    let signatures: Vec<_> = checked.iter().flatten().map(FramedTransaction::signature_check).collect();
    let mut verdicts = verify_batch(&signatures).into_iter();
    let believe = |framed: FramedTransaction| match verdicts.next() {
        Some(true) => Ok(VerifiedTransaction(framed.0)),
        _ => Err(TxRejected::BadSignature),
    };
    let mut believe = believe;
    checked.into_iter().map(|framed| framed.and_then(&mut believe)).collect()
}

/// A signed transaction with its canonical bytes and id, computed once. It is not verified yet.
#[derive(Debug)]
pub struct FramedTransaction(Arc<Framed>);

#[derive(Debug, PartialEq, Eq)]
struct Framed {
    id: TransactionId,
    bytes: Box<[u8]>,
    signed: SignedTransaction,
}

/// Precedes the transaction in the canonical bytes of a signed one: the head of two fields, and the key of the first.
const BEFORE_TRANSACTION: usize = 2;
/// Follows it: the key of the second field, the head of the signature, and the signature.
const AFTER_TRANSACTION: usize = 1 + 2 + 64;

impl FramedTransaction {
    /// Its id.
    pub fn id(&self) -> TransactionId {
        self.0.id
    }

    /// The request.
    pub fn transaction(&self) -> &Transaction {
        &self.0.signed.transaction
    }

    /// Size and stateless rules; the signature is checked later.
    fn check_stateless(self, chain: Hash32) -> Result<Self, TxRejected> {
        let (found_bytes, limit_bytes) = (self.0.bytes.len(), limits::TRANSACTION_BYTES_MAX);
        if found_bytes > limit_bytes {
            return Err(TxRejected::TooLarge { found_bytes, limit_bytes });
        }
        self.0.signed.transaction.check_stateless(chain)?;
        Ok(self)
    }

    fn signature_check(&self) -> SignatureCheck {
        let Transaction { chain, sender, .. } = self.0.signed.transaction;
        let hash = sign_hash(label::SIGN_TRANSACTION, chain, self.transaction_bytes());
        SignatureCheck { signer: sender, hash, signature: self.0.signed.signature }
    }

    /// The canonical bytes of the unsigned transaction: a part of the signed bytes.
    fn transaction_bytes(&self) -> &[u8] {
        &self.0.bytes[BEFORE_TRANSACTION..self.0.bytes.len() - AFTER_TRANSACTION]
    }
}

/// A transaction of this chain with a valid signature that satisfies the stateless rules. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTransaction(Arc<Framed>);

impl VerifiedTransaction {
    /// Its id.
    pub fn id(&self) -> TransactionId {
        self.0.id
    }

    /// The request.
    pub fn transaction(&self) -> &Transaction {
        &self.0.signed.transaction
    }

    /// With its signature, as in a block.
    pub fn signed(&self) -> &SignedTransaction {
        &self.0.signed
    }

    /// Its canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Its sender.
    pub fn sender(&self) -> Address {
        self.0.signed.transaction.sender
    }

    /// Its nonce.
    pub fn nonce(&self) -> u64 {
        self.0.signed.transaction.nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC TX-4, API-2.
    #[test]
    fn a_salt_is_sixteen_bytes_and_no_other_number() {
        let salt = SealSalt([0xab; 16]);
        assert_eq!(codec::encode(&salt), [&[0x50][..], &[0xab; 16]].concat());
        for length in [15, 17] {
            let other = [&[0x40 | length][..], &[0xab; 17][..usize::from(length)]].concat();
            assert!(codec::decode::<SealSalt>(&other, 18).is_err());
        }
        assert_eq!(serde_json::to_string(&salt).unwrap(), format!("\"{}\"", "ab".repeat(16)));
        assert_eq!("ab".repeat(16).parse(), Ok(salt));
        assert_eq!("ab".repeat(17).parse::<SealSalt>(), Err(NotASalt));
    }

    /// Otherwise, signatures would be checked over other bytes than those that were signed.
    #[test]
    fn what_is_signed_stands_whole_in_the_bytes_of_the_signed_transaction() {
        let signer = Signer::from_seed(&[1; 32]);
        let to = Address([2; 32]);
        let (ephemeral, salt) = (Hash32([3; 32]), SealSalt([6; 16]));
        let sealed = Sealed { version: 1, ephemeral, salt, ciphertext: vec![4; 1_040] };
        let send = |payload| Body::Send { to, amount: Coins::from_bcc(1), payload };
        let bodies = [
            send(Payload::None),
            send(Payload::Plain("x".repeat(1_024))),
            send(Payload::Sealed(sealed)),
            Body::Stake { amount: Coins::ZERO },
            Body::Activate { recent: Hash32([5; 32]) },
            Body::Claim { recent: Hash32([5; 32]), work: u64::MAX },
        ];
        for (body, nonce) in
            bodies.into_iter().flat_map(|body| [0, 23, 24, u64::MAX].map(|nonce| (body.clone(), nonce)))
        {
            for expiry in [None, Some(Height(1 << 40))] {
                let chain = Hash32([7; 32]);
                let body = body.clone();
                let transaction = Transaction { chain, sender: signer.address(), nonce, expiry, body };
                let framed = transaction.clone().sign(&signer).framed();
                assert_eq!(framed.transaction_bytes(), codec::encode(&transaction));
                assert_eq!(framed.id(), framed.0.signed.id());
                assert_eq!(framed.signature_check().hash, transaction.sign_hash());
            }
        }
    }
}
