//! A reader that does not want the blocks asks for headers and validator sets, and checks the chain with the genesis
//! hash alone.
//!
//! None of the predecessors could be checked without all that they ever stored, and none bounded what a stranger may ask.

use super::network::Network;
use super::speech::Over;
use super::stranger::Stranger;
use super::wire::frame;
use crate::support::wait_for;
use blockchat_client::shapes::HeaderView;
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::limits;
use blockchat_proto::sync::{CertifiedHeader, SyncRequest, SyncResponse};
use blockchat_proto::transaction::Body;
use blockchat_proto::units::Height;
use blockchat_proto::validators::{Member, ValidatorSet};

fn headers(stranger: &Stranger, network: &Network, from: u64, count: u32) -> Vec<CertifiedHeader> {
    match stranger.sync(network.node(0), SyncRequest::Headers { from: Height(from), count }) {
        SyncResponse::Headers(headers) => headers,
        other => panic!("{other:?} is no answer to a question for headers"),
    }
}

fn members(stranger: &Stranger, network: &Network, hash: Hash32) -> Option<Vec<Member>> {
    match stranger.sync(network.node(0), SyncRequest::Members { hash }) {
        SyncResponse::Members(members) => members,
        other => panic!("{other:?} is no answer to a question for members"),
    }
}

/// SPEC RCPT-2, over every header: the sets that decided it, by their hashes.
#[track_caller]
fn check(stranger: &Stranger, network: &Network, headers: &[CertifiedHeader]) -> Vec<Hash32> {
    let (chain, mut set) = (network.chain(), network.genesis.validators().clone());
    let (mut parent, mut sets) = (chain, vec![set.hash()]);
    for CertifiedHeader { header, certificate } in headers {
        assert_eq!((header.chain, header.parent, header.validators_hash), (chain, parent, set.hash()));
        certificate.check_structure(header.height, header.hash(), &set).unwrap();
        certificate.check_signatures(chain).unwrap();
        parent = header.hash();
        if header.next_validators_hash != set.hash() {
            let next = members(stranger, network, header.next_validators_hash).expect("a final block names it");
            set = ValidatorSet::of_members(&next).unwrap();
            assert_eq!(set.hash(), header.next_validators_hash);
            sets.push(set.hash());
        }
    }
    sets
}

/// SPEC SYNC-3, SYNC-4.
#[test]
fn a_stranger_checks_a_chain_whose_validators_change_without_one_transaction_of_it() {
    let network = Network::lone();
    let node = network.node(0);
    let validator = network.validator(0);
    let more = network.sign(&validator, 0, Body::Stake { amount: Coins::from_bcc(5) });
    let staked = node.submit_and_wait(&more);
    let tip = node.wait_for_block(Height(staked.0 + 3)).height;

    let stranger = Stranger::meeting(&network, node);
    let all = headers(&stranger, &network, 1, 256);
    assert!(u64::try_from(all.len()).unwrap() >= tip.0);
    assert!(check(&stranger, &network, &all).len() > 1, "the set has changed");

    // HTTP shows the same, newest first.
    let shown = node.headers(Height(1), tip);
    let of_http =
        shown.into_iter().rev().map(|HeaderView { header, certificate }| CertifiedHeader { header, certificate });
    let until_tip = usize::try_from(tip.0).unwrap();
    assert_eq!(of_http.collect::<Vec<_>>(), all[..until_tip]);
    let last = all[until_tip - 1].header.next_validators_hash;
    assert_eq!(node.members(last), members(&stranger, &network, last).unwrap());
}

/// An answer to another request is as bad as none.
#[test]
fn headers_in_answer_to_a_question_for_blocks_are_garbage_and_their_bearer_parted_from() {
    let network = Network::lone();
    let node = network.node(0);
    for foreign in [SyncResponse::Headers(vec![]), SyncResponse::Members(None)] {
        let bytes = frame(&codec::encode(&foreign));
        let liar = Stranger::claiming(&network, Height(1_000_000), Box::new(move |_| Some(bytes.clone())));
        let _company = Stranger::company(&network, node);
        liar.meet(node);
        wait_for("the node asks for the longer chain", || (!liar.questions().is_empty()).then_some(()));
        liar.wait_until_parted();
    }
    let height = node.status().height;
    node.wait_for_block(height.next());
}

/// SPEC SYNC-3, SYNC-4.
#[test]
fn ranges_and_hashes_that_nobody_has_are_answered_with_nothing_and_cost_no_place() {
    let network = Network::lone();
    let node = network.node(0);
    node.wait_for_block(Height(2));
    let stranger = Stranger::meeting(&network, node);
    for (from, count) in [(0, 256), (u64::MAX, u32::MAX), (1_000_000_000, 1), (1, 0)] {
        assert_eq!(headers(&stranger, &network, from, count), [], "{count} from {from}");
    }
    let (some, most) = (headers(&stranger, &network, 1, 1), headers(&stranger, &network, 1, u32::MAX));
    assert_eq!((some.len(), &most[..1]), (1, &some[..]));
    assert!(most.len() <= usize::try_from(limits::SYNC_BLOCKS_MAX).unwrap());
    for hash in [Hash32::ZERO, Hash32([0xff; 32]), network.chain(), some[0].header.hash()] {
        assert_eq!(members(&stranger, &network, hash), None, "{hash}");
    }
    let known = network.genesis.validators().hash();
    assert_eq!(members(&stranger, &network, known), Some(network.genesis.validators().as_members()));
    assert!(stranger.is_connected(node), "an honest question is no offence, whatever it asks for");
}

/// SPEC SYNC-5.
#[test]
fn ten_thousand_questions_at_once_keep_nobody_else_from_an_answer() {
    let network = Network::lone();
    let node = network.node(0);
    node.wait_for_block(Height(2));
    let [flood, friend] = Stranger::company(&network, node);
    for number in 0..10_000_u32 {
        let question = match number % 3 {
            0 => SyncRequest::Headers { from: Height(1), count: u32::MAX },
            1 => SyncRequest::Members { hash: network.genesis.validators().hash() },
            _ => SyncRequest::Headers { from: Height(u64::MAX), count: number },
        };
        flood.throw(node, Over::Sync, vec![frame(&codec::encode(&question))]);
    }
    assert!(headers(&friend, &network, 1, 2).len() == 2);
    let height = node.status().height;
    node.wait_for_block(Height(height.0 + 2));
    assert!(friend.is_connected(node));
}
