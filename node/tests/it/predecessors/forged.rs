//! Wire types that lie: encoded like ours, with what ours cannot say.
//!
//! Always true: what is signed here is signed as it should be, over the bytes that are sent; only the contents are wrong.
//! Start reading at [`Forged`].

use blockchat_proto::codec;
use blockchat_proto::gossip::{ENVELOPE_VERSION, Topic};
use blockchat_proto::hash::{Hash32, label};
use blockchat_proto::keys::{Address, Signature, Signer, sign_hash};
use blockchat_proto::transaction::Payload;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

use super::network::{Network, Running};
use super::stranger::Stranger;

/// A transaction with a body that ours cannot have.
#[derive(Clone, Serialize)]
pub(super) struct Forged {
    chain: Hash32,
    sender: Address,
    nonce: u64,
    expiry: Option<u64>,
    body: Kind,
}

/// As [`blockchat_proto::transaction::Body`], with signed amounts and one kind more.
#[derive(Clone, Serialize)]
pub(super) enum Kind {
    Send {
        to: Address,
        amount: i64,
        payload: Payload,
    },
    Stake {
        amount: i64,
    },
    #[expect(dead_code, reason = "holds the place of a kind that exists")]
    Activate,
    #[expect(dead_code, reason = "holds the place of a kind that exists")]
    Claim,
    Mint {
        to: Address,
        amount: i64,
    },
}

/// The same with an unknown field: the fee that its sender would like to pay.
#[derive(Clone, Serialize)]
pub(super) struct WithFee {
    chain: Hash32,
    sender: Address,
    nonce: u64,
    expiry: Option<u64>,
    body: Kind,
    fee: u64,
}

/// Any of these with a good signature of its bytes.
#[derive(Clone, Serialize)]
pub(super) struct SignedForgery<T> {
    transaction: T,
    signature: Signature,
}

impl Forged {
    pub(super) fn new(chain: Hash32, sender: Address, nonce: u64, body: Kind) -> Self {
        Self { chain, sender, nonce, expiry: None, body }
    }

    pub(super) fn with_fee(self, fee: u64) -> WithFee {
        let Self { chain, sender, nonce, expiry, body } = self;
        WithFee { chain, sender, nonce, expiry, body, fee }
    }
}

/// Signs whatever it is.
pub(super) fn signed<T: Serialize>(chain: Hash32, signer: &Signer, transaction: T) -> SignedForgery<T> {
    let hash = sign_hash(label::SIGN_TRANSACTION, chain, &codec::encode(&transaction));
    SignedForgery { transaction, signature: signer.sign(hash) }
}

/// As [`blockchat_proto::gossip::TransactionBatch`].
#[derive(Serialize)]
struct Batch<'a, T> {
    version: u16,
    salt: u64,
    transactions: &'a [T],
}

/// A gossip batch of these, with other bytes than every batch before.
pub(super) fn batch<T: Serialize>(transactions: &[T]) -> Vec<u8> {
    static SALT: AtomicU64 = AtomicU64::new(1);
    let salt = SALT.fetch_add(1, Ordering::Relaxed);
    codec::encode(&Batch { version: ENVELOPE_VERSION, salt, transactions })
}

/// Says these in gossip until the node has had enough: no honest peer passes on what does not verify.
#[track_caller]
pub(super) fn is_shown_the_door<T: Serialize>(network: &Network, node: &Running, transactions: &[T]) {
    let _company = Stranger::company(network, node);
    let liar = Stranger::meeting(network, node);
    liar.insist(|liar| liar.publish(Topic::Transactions, batch(transactions)));
}
