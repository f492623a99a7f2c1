//! Questions and answers.

use super::people::{block, genesis};
use super::raw::{RawPeer, frame};
use super::world::{Node, caller, config, pair, status};
use crate::net::{InboundId, NetEvent};
use blockchat_engine::event::{PeerTag, RequestFailure, SyncId};
use blockchat_proto::codec;
use blockchat_proto::hash::Hash32;
use blockchat_proto::limits::GENESIS_BYTES_MAX;
use blockchat_proto::sync::{
    CertifiedBlock, CertifiedHeader, GENESIS_PROTOCOL, GenesisRequest, STATUS_PROTOCOL, SyncRequest, SyncResponse,
    sync_protocol,
};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::Certificate;
use std::time::Duration;

fn certified(height: u64) -> CertifiedBlock {
    let block = block(height);
    let hash = block.header.hash();
    CertifiedBlock {
        block,
        certificate: Certificate { height: Height(height), round: Round(0), block: hash, signatures: vec![] },
    }
}

fn question(event: &NetEvent) -> Option<(InboundId, SyncRequest)> {
    match event {
        NetEvent::Inbound { inbound, request, .. } => Some((*inbound, *request)),
        _ => None,
    }
}

fn peer_of(node: &Node) -> PeerTag {
    let peer = |event: &NetEvent| match event {
        NetEvent::PeerStatus { peer, .. } => Some(*peer),
        _ => None,
    };
    node.past().iter().find_map(peer).unwrap()
}

#[tokio::test]
async fn blocks_and_bodies_are_asked_for_and_answered_both_ways() {
    let (mut one, mut other) = pair().await;
    for (asker, asked) in [(0, 1), (1, 0)] {
        let nodes = [&mut one, &mut other];
        nodes[asker].net.request_blocks(SyncId(1), peer_of(nodes[asker]), Height(3), 2);
        let (inbound, request) = nodes[asked].until("the question comes", question).await;
        assert_eq!(request, SyncRequest::Blocks { from: Height(3), count: 2 });
        nodes[asked].net.respond(inbound, SyncResponse::Blocks(vec![certified(3), certified(4)]));
        let blocks = |event: &NetEvent| match event {
            NetEvent::Blocks { request: SyncId(1), blocks, .. } => Some(blocks.clone()),
            _ => None,
        };
        assert_eq!(nodes[asker].until("the blocks come", blocks).await, [certified(3), certified(4)]);

        nodes[asker].net.request_body(SyncId(2), peer_of(nodes[asker]), Hash32([9; 32]));
        let (inbound, request) = nodes[asked].until("the question comes", question).await;
        assert_eq!(request, SyncRequest::Body { hash: Hash32([9; 32]) });
        nodes[asked].net.respond(inbound, SyncResponse::Body(Some(block(5))));
        let body = |event: &NetEvent| match event {
            NetEvent::Body { request: SyncId(2), block, .. } => Some(block.clone()),
            _ => None,
        };
        assert_eq!(nodes[asker].until("the body comes", body).await, Some(block(5)));
    }
}

fn failure(event: &NetEvent) -> Option<(SyncId, RequestFailure)> {
    match event {
        NetEvent::RequestFailed { request, reason } => Some((*request, *reason)),
        _ => None,
    }
}

#[tokio::test]
async fn a_busy_peer_and_a_gone_peer_are_told_apart() {
    let (mut one, mut other) = pair().await;
    let peer = peer_of(&one);
    one.net.request_blocks(SyncId(1), peer, Height(1), 1);
    let (inbound, _) = other.until("the question comes", question).await;
    other.net.respond(inbound, SyncResponse::Busy { retry_ms: 70 });
    assert_eq!(one.until("it is busy", failure).await, (SyncId(1), RequestFailure::Busy { retry_ms: 70 }));

    one.net.request_blocks(SyncId(2), peer, Height(1), 1);
    other.until("the question comes", question).await;
    other.stop().await;
    assert_eq!(one.until("it is gone", failure).await, (SyncId(2), RequestFailure::Unreachable));
    one.net.request_blocks(SyncId(3), PeerTag(77), Height(1), 1);
    assert_eq!(one.until("nobody", failure).await, (SyncId(3), RequestFailure::Unreachable));
}

#[tokio::test]
async fn whoever_asks_too_much_at_once_is_told_to_wait_and_stays_a_peer() {
    let (mut one, other) = pair().await;
    let peer = peer_of(&one);
    (0..100).for_each(|number| one.net.request_body(SyncId(number), peer, Hash32::ZERO));
    for _ in 0..90 {
        let (_, reason) = one.until("the surplus is refused", failure).await;
        assert!(matches!(reason, RequestFailure::Busy { .. }), "{reason:?}");
    }
    assert_eq!((one.net.peer_count(), other.net.peer_count()), (1, 1));
}

#[tokio::test]
async fn anybody_may_ask_for_the_genesis() {
    let node = Node::start(config(1)).await;
    let mut joiner = RawPeer::new(GENESIS_PROTOCOL.into(), "unknown-00000000", vec![]);
    let peer = joiner.connect(&node.address()).await;
    let answer = joiner.ask(&peer, frame(&codec::encode(&GenesisRequest { version: 1 }))).await.unwrap();
    let found: blockchat_proto::genesis::Genesis = codec::decode(&answer[4..], GENESIS_BYTES_MAX).unwrap();
    assert_eq!(&found, genesis("test").genesis());
}

#[tokio::test]
async fn nobody_is_served_before_the_handshake() {
    let node = Node::start(config(1)).await;
    let mut hasty = RawPeer::new(sync_protocol(&genesis("test").short_name()), "test-00000000", vec![]);
    let peer = hasty.connect(&node.address()).await;
    let answer = hasty.ask(&peer, frame(&codec::encode(&SyncRequest::Body { hash: Hash32::ZERO }))).await.unwrap();
    let found: SyncResponse = codec::decode(&answer[4..], 1_024).unwrap();
    assert!(matches!(found, SyncResponse::Busy { .. }), "{found:?}");
}

/// A peer of our chain that answers every question with its status, asks over the sync protocol, and reads no answer.
fn mute_peer() -> RawPeer {
    let genesis = genesis("test");
    let answer = frame(&codec::encode(&status(&genesis, 0)));
    let chain = genesis.short_name();
    RawPeer::that_never_reads(vec![sync_protocol(&chain), STATUS_PROTOCOL.into()], &chain, answer)
}

/// SPEC SYNC-5.
#[tokio::test]
async fn a_crowd_that_asks_for_much_and_never_reads_keeps_nobody_from_an_answer() {
    let mut node = Node::start(config(1)).await;
    let mut friend = Node::start(caller(2, node.address())).await;
    let peer = friend.peer().await;
    let mut known = vec![node.peer().await];
    // Longer than what is sent to a peer before it has read.
    let block = certified(1);
    let header = CertifiedHeader { header: block.block.header, certificate: block.certificate };
    let much = SyncResponse::Headers(vec![header; 4_000]);
    let wanted = frame(&codec::encode(&SyncRequest::Headers { from: Height(1), count: 256 }));
    let mut crowd = vec![];
    for _ in 0..6 {
        let mut mute = mute_peer();
        let id = mute.connect(&node.address()).await;
        let joins = |event: &NetEvent| match event {
            NetEvent::PeerStatus { peer, .. } if !known.contains(peer) => Some(*peer),
            _ => None,
        };
        let joined = tokio::select! {
            peer = node.until("the stranger joins", joins) => peer,
            () = mute.live() => unreachable!("it lives for ever"),
        };
        known.push(joined);
        for _ in 0..2 {
            mute.swarm.behaviour_mut().asks.send_request(&id, wanted.clone());
            let (inbound, _) = tokio::select! {
                asked = node.until("it asks", question) => asked,
                () = mute.live() => unreachable!("it lives for ever"),
            };
            node.net.respond(inbound, much.clone());
        }
        crowd.push(mute);
    }
    for number in 0.. {
        friend.net.request_blocks(SyncId(number), peer, Height(1), 1);
        tokio::select! {
            (inbound, _) = node.until("the friend asks", question) => {
                node.net.respond(inbound, SyncResponse::Blocks(vec![certified(1)]));
                break;
            }
            (_, reason) = friend.until("the friend is put off", failure) => {
                let RequestFailure::Busy { retry_ms } = reason else { panic!("{reason:?}") };
                tokio::time::sleep(Duration::from_millis(retry_ms)).await;
            }
        }
    }
    let blocks = |event: &NetEvent| matches!(event, NetEvent::Blocks { .. }).then_some(());
    friend.until("the friend has its blocks", blocks).await;
    drop(crowd);
}

#[tokio::test]
async fn garbage_in_answer_to_a_question_is_a_failure_of_its_own() {
    let mut node = Node::start(config(1)).await;
    let genesis = genesis("test");
    // It answers everything with its status, on both protocols.
    let answer = frame(&codec::encode(&status(&genesis, 0)));
    let chain = genesis.short_name();
    let mut liar = RawPeer::speaking(vec![STATUS_PROTOCOL.into(), sync_protocol(&chain)], &chain, answer);
    liar.connect(&node.address()).await;
    let greeted = async {
        let peer = node.peer().await;
        node.net.request_blocks(SyncId(1), peer, Height(1), 1);
        node.until("the answer is garbage", failure).await
    };
    let found = tokio::select! { found = greeted => found, () = liar.live() => unreachable!("it lives for ever") };
    assert_eq!(found, (SyncId(1), RequestFailure::Garbage));
}
