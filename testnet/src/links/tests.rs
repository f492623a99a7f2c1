//! Links over real sockets, with a listener in the place of a node.

use super::*;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener as Listener, TcpStream};

/// Two ends of a connection from node 0 to node 1.
async fn connected(links: &Links, listener: &Listener) -> (TcpStream, TcpStream) {
    links.aim("b", listener.local_addr().unwrap().port());
    let port: u16 = links.peers_of("a")[0].split('/').nth(4).unwrap().parse().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn world() -> (Links, Listener) {
    let links = Links::start(vec!["a".into(), "b".into()]).unwrap();
    (links, Listener::bind("127.0.0.1:0").await.unwrap())
}

async fn read(from: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn bytes_pass_in_order_and_no_sooner_than_their_delay() {
    let (links, listener) = world().await;
    let (mut near, mut far) = connected(&links, &listener).await;
    let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(20));
    links.shape(0, 1, |shape| (shape.delay, shape.jitter) = (delay, jitter));
    let begun = Instant::now();
    let sent: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    near.write_all(&sent).await.unwrap();
    assert_eq!(read(&mut far, sent.len()).await, sent);
    assert!(begun.elapsed() >= delay);
    while links.passed_bytes(0, 1) < 200_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_bandwidth_is_never_exceeded() {
    let (links, listener) = world().await;
    let (mut near, mut far) = connected(&links, &listener).await;
    links.shape(0, 1, |shape| shape.bytes_per_s = Some(500_000));
    let begun = Instant::now();
    near.write_all(&[7; 100_000]).await.unwrap();
    read(&mut far, 100_000).await;
    assert!(begun.elapsed() >= Duration::from_millis(199), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_held_is_kept_and_arrives_when_the_link_heals_and_the_other_direction_flows() {
    let (links, listener) = world().await;
    let (mut near, mut far) = connected(&links, &listener).await;
    links.shape(0, 1, |shape| shape.held = true);
    near.write_all(b"held").await.unwrap();
    far.write_all(b"flows").await.unwrap();
    assert_eq!(read(&mut near, 5).await, b"flows");
    while links.stopped_bytes(0, 1) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(links.passed_bytes(0, 1), 0);
    links.heal();
    assert_eq!(read(&mut far, 4).await, b"held");
}

#[tokio::test]
async fn an_end_that_closes_over_a_held_link_is_not_heard_of_until_it_heals() {
    let (links, listener) = world().await;
    let (near, mut far) = connected(&links, &listener).await;
    links.shape(0, 1, |shape| shape.held = true);
    drop(near);
    // Bytes that come back over the open direction meet a closed socket, and even that is not told.
    far.write_all(&[1; 100]).await.unwrap();
    while links.passed_bytes(1, 0) == 0 {
        tokio::task::yield_now().await;
    }
    far.write_all(&[1; 100]).await.unwrap();
    let mut one = [0; 1];
    assert!(tokio::time::timeout(Duration::from_millis(50), far.read(&mut one)).await.is_err());
    links.heal();
    assert!(matches!(far.read(&mut one).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_cut_link_closes_what_there_is_and_turns_away_what_comes_until_it_is_mended() {
    let (links, listener) = world().await;
    let (mut near, mut far) = connected(&links, &listener).await;
    links.cut(0, 1);
    let mut one = [0; 1];
    assert!(matches!(near.read(&mut one).await, Ok(0) | Err(_)));
    assert!(matches!(far.read(&mut one).await, Ok(0) | Err(_)));
    let port: u16 = links.peers_of("a")[0].split('/').nth(4).unwrap().parse().unwrap();
    let mut refused = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(matches!(refused.read(&mut one).await, Ok(0) | Err(_)));
    assert_eq!(links.connections(0, 1), (1, 1));
    links.mend(0, 1);
    let (mut near, mut far) = connected(&links, &listener).await;
    near.write_all(b"again").await.unwrap();
    assert_eq!(read(&mut far, 5).await, b"again");
}

#[tokio::test]
async fn a_dead_connection_swallows_bytes_for_ever_and_a_new_one_works() {
    let (links, listener) = world().await;
    let (mut near, mut far) = connected(&links, &listener).await;
    links.kill_silently(0, 1);
    near.write_all(b"lost").await.unwrap();
    while links.stopped_bytes(0, 1) == 0 {
        tokio::task::yield_now().await;
    }
    links.heal();
    let (mut again, mut other) = connected(&links, &listener).await;
    again.write_all(b"new").await.unwrap();
    assert_eq!(read(&mut other, 3).await, b"new");
    let mut one = [0; 1];
    assert!(tokio::time::timeout(Duration::from_millis(50), far.read(&mut one)).await.is_err());
}
