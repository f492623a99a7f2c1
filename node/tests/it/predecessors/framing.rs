//! A message is a message, however its bytes are cut, lumped or many.
//!
//! The predecessors took what one read returned for one message: blocks of 42 transactions did not fit a datagram, and a
//! chain had to fit 16 KiB.

use super::forged::batch;
use super::network::{Network, Running, micro};
use super::relay::{Manner, Relay};
use super::speech::Over;
use super::stranger::Stranger;
use super::wire::{frame, gossip_frame};
use crate::support::wait_for;
use blockchat_client::shapes::{BATCH_CONTENT_TYPE, path};
use blockchat_proto::codec;
use blockchat_proto::gossip::Topic;
use blockchat_proto::keys::Address;
use blockchat_proto::limits;
use blockchat_proto::sync::SyncRequest;
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::Height;
use serde_json::json;

const BOB: Address = Address([2; 32]);

/// Two nodes that hear each other through such a wire become one network.
#[track_caller]
fn works_over_a_wire(manner: Manner) {
    let network = Network::lone();
    let (node, alice) = (network.node(0), network.wallet(0));
    let batch: Vec<_> = (0..20).map(|nonce| network.send(&alice, nonce, BOB, 1, "over the wire")).collect();
    node.submit_batch(&batch);
    node.wait_until_final(batch[19].id());
    let relay = Relay::to(node, manner);
    let other = Running::start(&network.folder.path().join("other"), &["--join", "--peer", &relay.address()]);
    other.wait_until_final(batch[19].id());
    let there_and_back = network.send(&alice, 20, BOB, 1, "and back");
    other.submit_and_wait(&there_and_back);
    node.wait_until_final(there_and_back.id());
    assert_eq!(other.account(BOB).balance, micro(21));
    let chain: u64 = (1..=node.status().height.0).map(|height| node.block(Height(height)).bytes).sum();
    assert!(u64::try_from(relay.passed()).unwrap() > chain / 2, "it was the wire that carried all this");
}

#[test]
pub(super) fn bytes_that_come_one_by_one_are_the_same_messages() {
    works_over_a_wire(Manner::OneByOne);
}

#[test]
pub(super) fn bytes_that_come_in_lumps_are_the_same_messages() {
    works_over_a_wire(Manner::InLumps);
}

#[test]
pub(super) fn a_question_in_pieces_or_with_another_behind_it_has_its_own_answer() {
    let network = Network::lone();
    let (node, stranger) = (network.node(0), Stranger::meeting(&network, network.node(0)));
    node.wait_for_block(Height(2));
    let question = |from| frame(&codec::encode(&SyncRequest::Blocks { from: Height(from), count: 1 }));
    let whole = stranger.ask(node, Over::Sync, vec![question(1)]).expect("an answer");
    let bytes: Vec<_> = question(1).into_iter().map(|byte| vec![byte]).collect();
    let two = [question(1), question(2)].concat();
    for writes in [bytes, vec![question(1)[..4].to_vec(), question(1)[4..].to_vec()], vec![two]] {
        assert_eq!(stranger.ask(node, Over::Sync, writes), Some(whole.clone()));
    }
}

#[test]
pub(super) fn two_gossip_messages_in_one_write_and_one_in_many_all_arrive() {
    let network = Network::lone();
    let (node, alice, bob) = (network.node(0), network.wallet(0), network.wallet(1));
    let stranger = Stranger::meeting(&network, node);
    let payments =
        [network.send(&alice, 0, BOB, 1, ""), network.send(&bob, 0, BOB, 2, ""), network.send(&alice, 1, BOB, 4, "")];
    let frames = payments.each_ref().map(|signed| {
        gossip_frame(&Topic::Transactions.name(&network.genesis.short_name()), &batch(std::slice::from_ref(signed)))
    });
    stranger.stream_gossip(node, vec![[&frames[0][..], &frames[1][..]].concat()]);
    payments[..2].iter().for_each(|signed| assert!(node.wait_until_final(signed.id()) > Height(0)));
    stranger.stream_gossip(node, frames[2].iter().map(|byte| vec![*byte]).collect());
    node.wait_until_final(payments[2].id());
    assert_eq!(node.account(BOB).balance, micro(7));
}

#[test]
pub(super) fn a_message_that_is_too_long_is_refused_at_every_door_and_the_node_goes_on() {
    let network = Network::lone();
    let node = network.node(0);
    let too_long = vec![0; limits::TRANSACTION_BYTES_MAX * limits::BATCH_TRANSACTIONS_MAX + 1];
    let (status, problem) = node.post(path::TRANSACTIONS_BATCH, BATCH_CONTENT_TYPE, too_long);
    assert_eq!((status, &problem["code"]), (413, &json!("body_refused")));
    let asker = Stranger::meeting(&network, node);
    for question in [u32::MAX.to_be_bytes().to_vec(), frame(&vec![0; 17 * 1024])] {
        assert_eq!(asker.ask(node, Over::Sync, vec![question]), None);
    }
    // Above the maximum of its topic, above that of all topics, and a length that no memory holds.
    for bytes in [limits::BATCH_BYTES_MAX + 1, limits::BLOCK_BYTES_MAX * 2] {
        let talker = Stranger::meeting(&network, node);
        talker.publish(Topic::Transactions, vec![0; bytes]);
    }
    let claimer = Stranger::meeting(&network, node);
    claimer.stream_gossip(node, vec![vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]);
    let friend = Stranger::meeting(&network, node);
    let signed = network.send(&network.wallet(0), 0, BOB, 1, "");
    friend.publish(Topic::Transactions, batch(std::slice::from_ref(&signed)));
    node.wait_until_final(signed.id());
}

/// More than two thousand transactions with a thousand characters each, of two senders.
fn long_chain(network: &Network) -> Vec<SignedTransaction> {
    let text = "a thousand characters ".repeat(46);
    let of = |wallet| {
        let signer = network.wallet(wallet);
        (0..2_000).map(|nonce| network.send(&signer, nonce, BOB, 1, &text)).collect::<Vec<_>>()
    };
    let batches = [of(0), of(1)];
    let node = network.node(0);
    batches.iter().for_each(|batch| assert_eq!(node.submit_batch(batch).len(), 2_000));
    batches.iter().for_each(|batch| assert!(node.wait_until_final(batch[1_999].id()) > Height(0)));
    batches.concat()
}

#[test]
pub(super) fn a_chain_longer_than_one_message_is_caught_up_with_and_its_blocks_hold_more_than_42() {
    let mut network = Network::new(1, &["--fee-per-character", "0", "--idle-block-interval", "3600000"]);
    network.start(0);
    let node = network.node(0);
    let sent = long_chain(&network);
    let tip = node.status().height;
    let blocks: Vec<_> = (1..=tip.0).map(|height| node.block(Height(height))).collect();
    let chain_bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    assert!(chain_bytes > u64::try_from(limits::SYNC_BYTES_MAX).unwrap(), "{chain_bytes} bytes");
    assert!(blocks.iter().any(|block| block.transactions.len() > 42));
    let first_answer = Stranger::meeting(&network, node).blocks(node, Height(1));
    assert!(first_answer.last().expect("some blocks").block.header.height < tip, "one message does not hold it");

    let late = Running::start(&network.folder.path().join("late"), &["--join", "--peer", &node.address()]);
    wait_for("the late one is at the tip", || (late.status().height == tip).then_some(()));
    for block in &blocks {
        assert_eq!(late.block(block.height).hash, block.hash);
    }
    assert_eq!(late.status().state_root, node.status().state_root);
    assert_eq!(late.account(BOB).balance, micro(u64::try_from(sent.len()).unwrap()));
}
