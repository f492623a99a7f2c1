//! Only the signed content counts, and the signer pays.
//!
//! The predecessors signed an id that was never recomputed, and took an unknown key for node 0.

use super::forged::is_shown_the_door;
use super::network::{Network, micro, nobody};
use crate::support::{Said, program};
use blockchat_client::shapes::{Standing, TransactionState};
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::refusal::TxCode;
use blockchat_proto::transaction::{Body, Payload, SignedTransaction};
use serde_json::json;

const BOB: Address = Address([2; 32]);
const THIEF: Address = Address([3; 32]);

/// Refused by each door, with the code that names the signature.
#[track_caller]
fn is_refused_at_every_door(network: &Network, forged: &SignedTransaction) {
    let node = network.node(0);
    let (status, problem) = node.post_json(serde_json::to_vec(forged).unwrap());
    assert_eq!((status, &problem["code"]), (422, &json!("bad_signature")), "{problem}");
    let answers = node.submit_batch(std::slice::from_ref(forged));
    let refused = |state: &TransactionState| matches!(state, TransactionState::Refused { code, .. } if *code == TxCode::BadSignature);
    assert!(refused(&answers[0].state), "{answers:?}");
    is_shown_the_door(network, node, std::slice::from_ref(forged));
}

fn send(to: Address, micros: u64) -> Body {
    Body::Send { to, amount: micro(micros), payload: Payload::Plain("rent".into()) }
}

#[test]
pub(super) fn altered_amount_receiver_or_nonce_is_refused_at_every_door() {
    let network = Network::lone();
    let (node, victim) = (network.node(0), network.wallet(0));
    let honest = network.sign(&victim, 0, send(BOB, 5_000_000));
    let altered = |change: fn(&mut SignedTransaction)| {
        let mut signed = honest.clone();
        change(&mut signed);
        signed
    };
    for forged in [
        altered(|signed| signed.transaction.body = send(BOB, 500_000_000)),
        altered(|signed| signed.transaction.body = send(THIEF, 5_000_000)),
        altered(|signed| signed.transaction.nonce = 1),
        altered(|signed| signed.transaction.sender = THIEF),
    ] {
        assert_ne!(forged.id(), honest.id(), "the id covers everything");
        is_refused_at_every_door(&network, &forged);
        assert!(node.place(forged.id()).is_none_or(|place| matches!(place, TransactionState::Refused { .. })));
    }
    node.submit_and_wait(&honest);
    assert_eq!(node.account(BOB).balance, micro(5_000_000));
    assert_eq!(node.account(THIEF).balance, Coins::ZERO);
    assert_eq!(node.account(victim.address()).next_nonce, 1);
}

/// An id that travels beside its content is believed by some program.
#[test]
pub(super) fn nobody_can_say_which_id_a_transaction_has() {
    let network = Network::lone();
    let (node, victim) = (network.node(0), network.wallet(0));
    let honest = network.sign(&victim, 0, send(BOB, 5_000_000));
    for name in ["id", "transaction_id", "hash"] {
        let mut json = serde_json::to_value(&honest).unwrap();
        json["transaction"]["body"]["Send"]["amount"] = json!("500.000000");
        json[name] = json!(honest.id());
        let (status, problem) = node.post_json(json.to_string());
        assert_eq!((status, &problem["code"]), (400, &json!("bad_json")), "{problem}");
    }
    node.submit_and_wait(&honest);
    assert_eq!(node.account(BOB).balance, micro(5_000_000));
}

#[test]
pub(super) fn a_signature_of_another_key_is_refused_at_every_door() {
    let network = Network::lone();
    let (node, victim, thief) = (network.node(0), network.wallet(0), network.wallet(1));
    let before = node.account(victim.address());
    let mut stolen = network.sign(&thief, 0, send(THIEF, 5_000_000));
    stolen.transaction.sender = victim.address();
    stolen.signature = thief.sign(stolen.transaction.sign_hash());
    is_refused_at_every_door(&network, &stolen);
    let after = node.account(victim.address());
    assert_eq!((after.balance, after.next_nonce), (before.balance, 0));
    // With its owner's signature the same transaction is good: it was the key, and nothing else.
    node.submit_and_wait(&stolen.transaction.sign(&victim));
    assert_eq!(node.account(THIEF).balance, micro(5_000_000));
}

/// "Unknown" was node 0, which could be paid from and paid to.
#[test]
pub(super) fn an_unknown_key_is_nobody_and_not_node_0() {
    let network = Network::lone();
    let (node, unknown, zero) = (network.node(0), nobody(77), network.validator(0).address());
    let before = node.account(zero);
    let account = node.account(unknown.address());
    assert_eq!((account.balance, account.stake, account.next_nonce), (Coins::ZERO, Coins::ZERO, 0));
    assert_eq!(account.standing, Standing::Inactive);
    let refused = node.submit(&network.sign(&unknown, 0, send(BOB, 1)));
    assert_eq!(refused.unwrap_err(), "insufficient_funds");

    // Coins sent to it are its own; node 0 has the fee of the block it led, and nothing else.
    let height = node.submit_and_wait(&network.send(&network.wallet(0), 0, unknown.address(), 7, ""));
    assert_eq!(node.account(unknown.address()).balance, micro(7));
    let with_fee = before.balance.checked_add(node.block(height).fees);
    assert_eq!(Some(node.account(zero).balance), with_fee);
}

/// Nor is an unknown name.
#[test]
pub(super) fn an_unknown_name_is_nobody_and_not_node_0() {
    let network = Network::lone();
    let (node, zero) = (network.node(0), network.validator(0).address());
    for name in ["id7", "id00", "id-1", "nobody", "0", ""] {
        let mut send = program();
        send.arg("--home").arg(network.home(0)).args(["send", "--api", node.client.url(), "--", name, "1"]);
        let said = Said::from(send.output().unwrap());
        assert_eq!((said.code == 0, said.out.as_str()), (false, ""), "{name:?}: {}", said.err);
    }
    let account = node.account(zero);
    assert_eq!((account.pending_nonce, account.balance), (0, Coins::from_bcc(990)), "nothing was sent, by anybody");
}
