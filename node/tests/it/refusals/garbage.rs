//! Bytes that make no sense, on both open ports: they cost their sender the connection, and others nothing.

use super::slow_chain::SlowChain;
use crate::support::{PATIENCE, wait_for};
use blockchat_client::Client;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Requests of a well-meaning client.
const QUESTION: &str = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Sends bytes, and no more, and listens until the other side ends; the answer, which may be none.
fn say(address: &str, bytes: &[u8]) -> String {
    talk(address, bytes, true)
}

/// The same, and leaves the line open for more where `ends` is false.
fn talk(address: &str, bytes: &[u8], ends: bool) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A node that has heard enough hangs up: neither sending the rest nor listening further is an error then.
    drop(stream.write_all(bytes));
    if ends {
        drop(stream.shutdown(Shutdown::Write));
    }
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn post(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /v1/transactions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n");
    [head.as_bytes(), body].concat()
}

fn typed(body: &[u8]) -> Vec<u8> {
    post(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()), body)
}

fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::Rng::fill_bytes(&mut SmallRng::seed_from_u64(seed), &mut bytes);
    bytes
}

#[tokio::test]
async fn garbage_at_the_api_is_answered_with_a_4xx_or_not_at_all() {
    let chain = SlowChain::start().await;
    let before = chain.books().await;
    let api = address(&chain.node.ready.api).to_owned();
    let told = tokio::task::spawn_blocking(move || {
        let deep = [b"[".repeat(15_000), b"]".repeat(1_000)].concat();
        let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
        let many = (0..2_000).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
        let long = format!("GET /v1/status HTTP/1.1\r\nConnection: close\r\nx: {}\r\n\r\n", "y".repeat(200_000));
        let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
            ("a good question", QUESTION.into(), &["200"]),
            ("no HTTP", b"hello\r\n\r\n".to_vec(), &["400"]),
            ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &["400", "none"]),
            ("half a head", b"GET /v1/status HTTP/1.1\r\nHo".to_vec(), &["400", "none"]),
            ("a head too long", long.into_bytes(), &["431", "400", "none"]),
            ("too many headers", QUESTION.replacen("Host: localhost\r\n", &many, 1).into_bytes(), &["431", "400"]),
            ("a path that is no UTF-8", QUESTION.replace("/status", "/accounts/%ff%fe").into_bytes(), &["400"]),
            ("half a body", post("Content-Type: application/json\r\nContent-Length: 100\r\n", b"{"), &["400", "none"]),
            ("two lengths", post("Content-Length: 1\r\nContent-Length: 2\r\n", b"{}"), &["400", "none"]),
            ("a length below 0", post("Content-Length: -1\r\n", b"{}"), &["400"]),
            ("no UTF-8", typed(b"{\"transaction\": \"\xff\xfe\"}"), &["400"]),
            ("no JSON", typed(&random(1, 500)), &["400"]),
            ("deep JSON", typed(&deep), &["400"]),
            ("a body too long", typed(&vec![b' '; 17 * 1024]), &["413"]),
            ("chunks too long", post(chunked, &[b"5000\r\n".as_slice(), &[b' '; 0x5000]].concat()), &["413"]),
            ("no type", post("Content-Length: 2\r\n", b"{}"), &["415"]),
            ("another type", post("Content-Type: text/html\r\nContent-Length: 2\r\n", b"{}"), &["415"]),
            ("another method", QUESTION.replacen("GET", "PATCH", 1).into_bytes(), &["405"]),
            ("a made-up method", QUESTION.replacen("GET", "STEAL", 1).into_bytes(), &["405"]),
            ("nothing there", QUESTION.replace("/v1/status", "/../../etc/passwd").into_bytes(), &["404", "400"]),
        ];
        for (what, bytes, expected) in cases {
            // A whole request is answered on an open line, as clients keep theirs.
            let answer = talk(&api, &bytes, expected.contains(&"none"));
            let status = status_of(&answer);
            assert!(expected.contains(&status), "{what}: {answer}");
            let ours = ["400", "431", "200", "none"].contains(&status);
            assert!(ours || answer.contains("application/problem+json"), "{what}: {answer}");
        }
        for seed in 0..30 {
            let answer = say(&api, &random(seed, 200));
            assert!(["400", "none"].contains(&status_of(&answer)), "seed {seed}: {answer}");
        }
    });
    told.await.unwrap();
    assert_eq!(chain.books().await, before);
}

/// More connections than there are places, each sending its request's head byte by byte for ever.
#[tokio::test]
async fn clients_that_never_finish_their_question_lose_their_places_to_one_that_does() {
    let chain = SlowChain::start().await;
    let api = address(&chain.node.ready.api).to_owned();
    let (done, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (done_too, seen_too) = (Arc::clone(&done), Arc::clone(&seen));
    let dripping = std::thread::spawn(move || {
        let begin = |_| {
            let mut stream = TcpStream::connect(&api).unwrap();
            stream.write_all(b"GET /v1/status HTTP/1.1\r\nx: ").unwrap();
            stream
        };
        let mut slow: Vec<_> = (0..520).map(begin).collect();
        seen_too.store(true, Ordering::SeqCst);
        while !done_too.load(Ordering::SeqCst) {
            // Those that were hung up on stay away: what is left still holds places.
            slow.retain_mut(|stream| stream.write_all(b"y").is_ok());
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let waiting =
        tokio::task::spawn_blocking(move || wait_for("all are there", || seen.load(Ordering::SeqCst).then_some(())));
    waiting.await.unwrap();
    let client = Client::new(&chain.node.ready.api).unwrap();
    let answered = async { while client.status().await.is_err() {} };
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    done.store(true, Ordering::SeqCst);
    dripping.join().unwrap();
    answered.expect("the node answers who asks properly");
}

#[tokio::test]
async fn garbage_at_the_port_for_peers_changes_nothing() {
    let chain = SlowChain::start().await;
    let before = chain.books().await;
    let mut parts = chain.node.ready.listen[0].split('/').skip(2);
    let place = format!("{}:{}", parts.next().unwrap(), parts.nth(1).unwrap());
    let told = tokio::task::spawn_blocking(move || {
        let hello = b"\x13/multistream/1.0.0\n";
        for seed in 0..20 {
            say(&place, &random(seed, 2_000));
            say(&place, &[hello.as_slice(), &random(seed, 500)].concat());
            say(&place, &[hello.as_slice(), b"\x07/noise\n", &random(seed, 500)].concat());
        }
        say(&place, b"");
        say(&place, QUESTION.as_bytes());
        say(&place, &vec![0xff; 1024 * 1024]);
        // Some that stay and say nothing.
        let _silent: Vec<_> = (0..50).map(|_| TcpStream::connect(&place).unwrap()).collect();
    });
    told.await.unwrap();
    assert_eq!(chain.books().await, before);
    assert_eq!(chain.client.status().await.unwrap().peers, 0);
    chain.client.submit(&chain.send(0, 1, None)).await.expect("it works on");
}
