//! Crowds at the HTTP API, and pages of others: the probes are answered, and so are all other clients.

use crate::support::{Home, Node, PATIENCE, wait_for};
use blockchat_client::shapes::path;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// More clients than there are connections.
const CROWD: usize = 520;

struct World {
    home: Home,
    node: Node,
}

impl World {
    fn start(flags: &[&str]) -> Self {
        let home = Home::new();
        let node = Node::start_with(&home.path(), flags);
        Self { home, node }
    }

    fn address(&self) -> SocketAddr {
        self.node.ready.api.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// A client that has said so much so far.
    fn client(&self, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The node may have closed it already.
        drop(stream.write_all(said.as_bytes()));
        stream
    }

    /// The whole answer to a request, as text.
    fn ask(&self, request: &str) -> String {
        let mut stream = self.client(request);
        let mut answer = vec![];
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address()))
    }

    #[track_caller]
    fn is_well(&self) {
        for path in [path::LIVE, path::READY, path::STATUS] {
            let answer = self.get(path);
            assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer:?}");
        }
    }
}

/// SPEC API-10.
#[test]
fn probes_are_answered_while_a_crowd_sends_its_heads_slowly() {
    let world = World::start(&[]);
    let _crowd: Vec<_> = (0..CROWD).map(|_| world.client("GET /v1/status HTTP/1.1\r\nHo")).collect();
    world.is_well();
}

/// SPEC API-10.
#[test]
fn probes_and_questions_are_answered_while_a_crowd_sends_its_bodies_slowly() {
    let world = World::start(&[]);
    let head = "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{";
    let _crowd: Vec<_> = (0..CROWD / 2).map(|_| world.client(&format!("POST {} {head}", path::TRANSACTIONS))).collect();
    world.is_well();
    let refused = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
        path::TRANSACTIONS
    );
    assert!(world.ask(&refused).starts_with("HTTP/1.1 400"), "its own words are judged, not the crowd's");
}

/// SPEC API-10.
#[test]
fn probes_are_answered_while_all_event_streams_are_taken() {
    let world = World::start(&[]);
    let ask = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path::EVENTS);
    let mut crowd = vec![];
    wait_for("there is no stream left", || {
        let mut stream = world.client(&ask);
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        crowd.push(stream);
        (&head == b"HTTP/1.1 503").then_some(())
    });
    world.is_well();
}

/// SPEC API-10.
#[test]
fn a_client_whose_answers_are_not_taken_keeps_nobody_out() {
    let world = World::start(&[]);
    let ask = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", path::GENESIS).repeat(50);
    let _crowd: Vec<_> = (0..CROWD).map(|_| world.client(&ask)).collect();
    world.is_well();
}

/// SPEC API-9.
#[test]
fn only_addresses_and_allowed_names_are_answered_to() {
    let world = World::start(&["--allow-host", "node.example", "--allow-host", "other.example"]);
    let ask = |host: &str| world.ask(&format!("GET /v1/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    for host in ["127.0.0.1", "10.9.8.7:80", "localhost:1", "[::1]", "node.example:7474", "OTHER.example"] {
        assert!(ask(host).starts_with("HTTP/1.1 200"), "{host}");
    }
    for host in ["rebound.example", "node.example.evil"] {
        let answer = ask(host);
        assert!(answer.starts_with("HTTP/1.1 421") && answer.contains("host_refused"), "{host}: {answer}");
        assert!(answer.contains("--allow-host"), "{answer}");
    }
    let wrong = world.home.run(&["run", "--allow-host", "http://node.example"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("api.allow_hosts"), "{}", wrong.err);
}

/// SPEC API-9.
#[test]
fn a_page_that_is_allowed_can_read_and_post_and_another_one_cannot() {
    let page = "https://wallet.example";
    let world = World::start(&["--allow-origin", page]);
    let from = |origin: &str, line: &str, more: &str| {
        world.ask(&format!("{line} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n{more}\r\n"))
    };
    let reads = from(page, "GET /v1/status", "").to_ascii_lowercase();
    assert!(reads.starts_with("http/1.1 200") && reads.contains("access-control-allow-origin: https://wallet.example"));
    let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let first = from(page, "OPTIONS /v1/transactions", asks).to_ascii_lowercase();
    assert!(first.starts_with("http/1.1 200") && first.contains("access-control-allow-origin: https://wallet.example"));
    assert!(first.contains("access-control-allow-methods: get,post") && first.contains("content-type"), "{first}");
    let posts = from(page, "POST /v1/transactions", "Content-Type: application/json\r\nContent-Length: 0\r\n");
    let posts = posts.to_ascii_lowercase();
    assert!(posts.starts_with("http/1.1 400") && posts.contains("access-control-allow-origin"), "{posts}");
    for origin in ["https://evil.example", "null"] {
        for line in ["GET /v1/status", "OPTIONS /v1/transactions"] {
            let answer = from(origin, line, asks);
            assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("origin_refused"), "{origin}: {answer}");
        }
    }
    let own = from("http://localhost", "GET /v1/status", "");
    assert!(own.starts_with("HTTP/1.1 200"), "a page of the node itself: {own}");
    let closed = World::start(&[]);
    let ask =
        "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: https://wallet.example\r\nConnection: close\r\n\r\n";
    assert!(closed.ask(ask).starts_with("HTTP/1.1 403"), "closed unless opened");
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let world = World::start(&[]);
    let mut slow = world.client(&format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        path::TRANSACTIONS
    ));
    slow.set_read_timeout(Some(PATIENCE + Duration::from_secs(10))).unwrap();
    let mut head = [0; 12];
    slow.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 408");
}
