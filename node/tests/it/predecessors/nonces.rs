//! A nonce is spent by its owner's transaction, once, and by nothing else.
//!
//! One forged packet burned the victim's nonce for ever, or nonces were not checked at all.

use super::forged::{batch, is_shown_the_door};
use super::network::{Network, micro, nobody};
use super::stranger::Stranger;
use blockchat_client::shapes::TransactionState;
use blockchat_proto::coins::Coins;
use blockchat_proto::gossip::Topic;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::SignedTransaction;

const BOB: Address = Address([2; 32]);
const THIEF: Address = Address([3; 32]);

#[test]
pub(super) fn a_forged_packet_does_not_burn_the_victims_nonce() {
    let network = Network::lone();
    let (node, victim, forger) = (network.node(0), network.wallet(0), nobody(66));
    let forge = |nonce, to| {
        let mut forged = network.send(&victim, nonce, to, 1_000_000, "");
        forged.signature = forger.sign(forged.transaction.sign_hash());
        forged
    };
    let forgeries: Vec<_> = (0..5).map(|nonce| forge(nonce, THIEF)).collect();
    for forged in &forgeries {
        assert_eq!(node.submit(forged).unwrap_err(), "bad_signature");
    }
    let answers = node.submit_batch(&forgeries);
    assert!(answers.iter().all(|answer| matches!(answer.state, TransactionState::Refused { .. })), "{answers:?}");
    is_shown_the_door(&network, node, &forgeries);
    // The very contents that the victim is about to sign, too.
    is_shown_the_door(&network, node, &[forge(0, BOB)]);

    assert_eq!(node.account(victim.address()).pending_nonce, 0);
    for nonce in 0..5 {
        node.submit_and_wait(&network.send(&victim, nonce, BOB, 1_000_000, ""));
    }
    assert_eq!((node.account(BOB).balance, node.account(THIEF).balance), (micro(5_000_000), Coins::ZERO));
}

#[test]
pub(super) fn the_same_bytes_pay_once_however_often_and_wherever_they_come() {
    let network = Network::lone();
    let (node, alice) = (network.node(0), network.wallet(0));
    let once = network.send(&alice, 0, BOB, 1_000_000, "");
    let replay = |stranger: &Stranger| {
        (0..5).for_each(|_| {
            stranger.publish(Topic::Transactions, batch(std::slice::from_ref(&once)));
        })
    };
    let echo = Stranger::meeting(&network, node);
    replay(&echo);
    (0..3).for_each(|_| drop(node.submit(&once).unwrap()));
    node.wait_until_final(once.id());
    let place = node.place(once.id()).unwrap();
    replay(&echo);
    for _ in 0..3 {
        assert_eq!(node.submit(&once).unwrap().state, place, "where it is, and no second place");
        assert_eq!(node.submit_batch(&[once.clone(), once.clone()])[1].state, place);
    }
    // Something later, by the same way, is final: all that was replayed before has been looked at.
    let later = network.send(&network.wallet(1), 0, BOB, 1, "");
    echo.publish(Topic::Transactions, batch(std::slice::from_ref(&later)));
    node.wait_until_final(later.id());
    network.wait_for_growth(2);
    assert_eq!(node.account(BOB).balance, micro(1_000_001));
    assert_eq!(node.account(alice.address()).next_nonce, 1);
    assert!(echo.is_connected(node), "repeating what is true is no offence");
}

#[test]
pub(super) fn of_two_transactions_with_one_nonce_the_first_counts() {
    let network = Network::lone();
    let (node, alice) = (network.node(0), network.wallet(0));
    let pay = |to| network.send(&alice, 0, to, 1_000_000, "");
    node.submit(&pay(BOB)).unwrap();
    let refused = node.submit(&pay(THIEF)).unwrap_err();
    assert!(["nonce_taken", "stale_nonce"].contains(&refused.as_str()), "{refused}");
    node.wait_until_final(pay(BOB).id());
    assert_eq!(node.submit(&pay(THIEF)).unwrap_err(), "stale_nonce");
    // Out of gossip it is worth no more.
    let other = Stranger::meeting(&network, node);
    other.publish(Topic::Transactions, batch(&[pay(THIEF)]));
    node.submit_and_wait(&network.send(&alice, 1, BOB, 1, ""));
    network.wait_for_growth(2);
    assert_eq!((node.account(BOB).balance, node.account(THIEF).balance), (micro(1_000_001), Coins::ZERO));
}

#[test]
pub(super) fn a_gap_in_the_nonces_waits_until_it_is_filled() {
    let network = Network::lone();
    let (node, alice) = (network.node(0), network.wallet(0));
    let rest: Vec<SignedTransaction> = (1..4).map(|nonce| network.send(&alice, nonce, BOB, 1, "")).collect();
    for answer in node.submit_batch(&rest) {
        assert_eq!(answer.state, TransactionState::Queued);
    }
    network.wait_for_growth(2);
    assert_eq!(node.account(alice.address()).next_nonce, 0, "none of them went ahead");
    node.submit(&network.send(&alice, 0, BOB, 1, "")).unwrap();
    for signed in &rest {
        node.wait_until_final(signed.id());
    }
    assert_eq!((node.account(alice.address()).next_nonce, node.account(BOB).balance), (4, micro(4)));
}
