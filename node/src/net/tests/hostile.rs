//! Attacks that must not stop a node.

use super::people::genesis;
use super::raw::{RawPeer, frame};
use super::world::{Node, caller, config, votes_reach};
use blockchat_proto::codec;
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::{STATUS_PROTOCOL, SyncRequest, sync_protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A node still does what nodes do.
async fn is_well(mut node: Node) {
    let mut friend = Node::start(caller(99, node.address())).await;
    votes_reach(&node, &mut friend, 1).await;
    votes_reach(&friend, &mut node, 1).await;
}

#[tokio::test]
async fn random_bytes_on_the_port_are_survived() {
    let node = Node::start(config(1)).await;
    let noise: Vec<u8> = (0..100_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let multistream = b"\x13/multistream/1.0.0\n\x07/noise\n".to_vec();
    for opening in [vec![], multistream] {
        let mut wire = TcpStream::connect(("127.0.0.1", node.port())).await.unwrap();
        let sent = [opening, noise.clone()].concat();
        // It may close before we have said everything.
        drop(wire.write_all(&sent).await);
        drop(wire.read_to_end(&mut vec![]).await);
    }
    is_well(node).await;
}

#[tokio::test]
async fn questions_that_are_too_long_or_make_no_sense_are_not_answered() {
    let question = codec::encode(&SyncRequest::Body { hash: Hash32::ZERO });
    let longer = [&question[..], &[0]].concat();
    let bad = [
        u32::MAX.to_be_bytes().to_vec(),
        frame(&vec![0; 17 * 1024]),
        frame(&[0xff; 100]),
        frame(&longer),
        frame(&[]),
        frame(&question)[..10].to_vec(),
        vec![],
    ];
    let node = Node::start(config(1)).await;
    for protocol in [sync_protocol(&genesis("test").short_name()), STATUS_PROTOCOL.into()] {
        let mut liar = RawPeer::new(protocol, "test-00000000", vec![]);
        for bytes in &bad {
            if !liar.swarm.is_connected(&liar_of(&node)) {
                liar.connect(&node.address()).await;
            }
            assert_eq!(liar.ask(&liar_of(&node), bytes.clone()).await, None, "{:?}", &bytes[..bytes.len().min(8)]);
        }
    }
    is_well(node).await;
}

fn liar_of(node: &Node) -> libp2p::PeerId {
    node.net.peer_id().parse().unwrap()
}
