//! A signature with one wrong bit, wherever it is.

use super::slow_chain::SlowChain;
use blockchat_client::shapes::TransactionState;
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::SignedTransaction;

/// The order of the group, little endian: a signature's second half plus this is the same number to a careless verifier.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Each bit of some bytes: of both halves of the signature their first, last and a middle one, and so of the sender.
fn flipped(good: &SignedTransaction) -> Vec<SignedTransaction> {
    let mut all = vec![];
    for bit in 0..8 {
        for byte in [0, 15, 31, 32, 47, 63] {
            let mut wrong = good.clone();
            wrong.signature.0[byte] ^= 1 << bit;
            all.push(wrong);
        }
        for byte in [0, 15, 31] {
            let mut wrong = good.clone();
            wrong.transaction.sender.0[byte] ^= 1 << bit;
            all.push(wrong);
        }
        let mut wrong = good.clone();
        wrong.transaction.nonce ^= 1 << bit;
        all.push(wrong);
    }
    all
}

/// The same signature, written as a larger number.
fn with_larger_half(good: &SignedTransaction) -> SignedTransaction {
    let mut same = good.clone();
    let mut carry = 0;
    for (digit, added) in same.signature.0[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*digit) + u16::from(added) + carry;
        *digit = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    same
}

#[tokio::test]
async fn one_wrong_bit_is_enough_and_costs_its_owner_nothing() {
    let chain = SlowChain::start().await;
    let good = chain.send(0, 1, Some("hi"));
    let before = chain.books().await;
    let mut wrong = flipped(&good);
    wrong.push(with_larger_half(&good));
    let answers = chain.client.submit_batch(&wrong).await.unwrap();
    assert_eq!(answers.len(), wrong.len());
    for (index, answer) in answers.iter().enumerate() {
        let refused = matches!(&answer.state, TransactionState::Refused { code, .. } if *code == TxCode::BadSignature);
        assert!(refused, "number {index}: {answer:?}");
    }
    for wrong in wrong.iter().step_by(19) {
        let json = serde_json::to_string(wrong).unwrap();
        chain.refused(reqwest::StatusCode::UNPROCESSABLE_ENTITY, "bad_signature", json).await;
    }
    assert_eq!(chain.books().await, before);
    let view = chain.client.submit(&good).await.unwrap();
    assert!(matches!(view.state, TransactionState::Pooled), "the good one is still good: {view:?}");
}
