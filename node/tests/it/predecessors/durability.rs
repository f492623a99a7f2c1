//! A final block is on disk: all of it, on every node, also when all of them die at once.
//!
//! "Persistent state" was what the others still had in memory.

use super::network::Network;
use blockchat_client::shapes::{AccountView, MessageView, PageRequest, TransactionState};
use blockchat_proto::keys::Address;

const BOB: Address = Address([2; 32]);

/// The chain as a person sees it on one node.
fn seen(network: &Network, index: usize) -> (AccountView, AccountView, Vec<MessageView>) {
    let (node, alice) = (network.node(index), network.wallet(0).address());
    let messages = super::network::run(node.client.messages(&BOB, &PageRequest::first(50))).unwrap().items;
    let same = |account: AccountView| AccountView { height: Default::default(), ..account };
    (same(node.account(alice)), same(node.account(BOB)), messages)
}

#[test]
pub(super) fn all_are_killed_at_once_and_nothing_final_is_lost() {
    let mut network = Network::new(4, &["--idle-block-interval", "1000", "--block-interval", "20"]);
    (0..4).for_each(|index| drop(network.start(index).status()));
    let alice = network.wallet(0);
    let batch: Vec<_> =
        (0..20).map(|nonce| network.send(&alice, nonce, BOB, 1_000 + nonce, &format!("message {nonce}"))).collect();
    network.node(0).submit_batch(&batch);
    for node in network.nodes() {
        node.wait_until_final(batch[19].id());
    }
    let before = seen(&network, 0);
    assert_eq!(before.2.len(), 20);
    let tip = network.wait_until_agreed();
    let hash = network.node(0).block(tip).hash;
    let places: Vec<_> = batch.iter().map(|signed| network.node(0).place(signed.id())).collect();
    assert!(places.iter().all(|place| matches!(place, Some(TransactionState::Final { .. }))));

    // The last first: the node that began it all is not special now.
    network.kill_all();
    for index in [3, 2, 1, 0] {
        network.start(index);
    }
    for index in 0..4 {
        let node = network.node(index);
        assert_eq!(node.wait_for_block(tip).hash, hash);
        assert_eq!(seen(&network, index), before, "node {index}");
        let again: Vec<_> = batch.iter().map(|signed| node.place(signed.id())).collect();
        assert_eq!(again, places);
    }
    network.node(0).submit_and_wait(&network.send(&alice, 20, BOB, 1, "and we are back"));
    network.wait_until_agreed();
}
