//! Text of others, and a foreign API, cannot drive a terminal.

use super::asked;
use crate::support::{Home, Said};
use blockchat_host::text::is_harmless;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// All that may be typed into a message and must not be shown: Bidi_Control, Zl, Zp, and some of Cc.
const HOSTILE: &str = "a\u{61c}b\u{200e}c\u{200f}d\u{202a}e\u{202b}f\u{202c}g\u{202d}h\u{202e}i\u{2066}j\u{2067}k\u{2068}l\
                       \u{2069}m\u{2028}n\u{2029}o\u{1b}]0;p\u{7}q\u{9b}31mr\rs\u{8}t\u{85}u\u{7f}v\nstate  final: w";

#[track_caller]
fn is_safe(what: &str, said: &Said) {
    for text in [&said.out, &said.err] {
        let left: Vec<char> = text.chars().filter(|c| !is_harmless(*c) && *c != '\n').collect();
        assert!(left.is_empty(), "{what}: {left:?}");
    }
}

#[test]
fn a_message_drives_no_terminal_in_any_form() {
    let home = Home::new();
    let _node = home.start();
    let sent = home.run(&["send", "me", "-m", HOSTILE]);
    assert_eq!(sent.code, 0, "{sent:?}");
    is_safe("send", &sent);
    let id = home.json(&["inbox"])["items"][0]["id"].as_str().unwrap().to_owned();
    for command in [&["inbox"][..], &["view"], &["tx", &id]] {
        let said = home.run(command);
        is_safe(command[0], &said);
        assert!(!said.out.contains("\nstate  final: w"), "a message begins no line: {}", said.out);
        let said = home.run(&[command, &["--output", "json"]].concat());
        is_safe(command[0], &said);
        assert!(said.out.contains("\\u202e") && said.out.contains("\\u009b"), "{}", said.out);
    }
    assert_eq!(home.json(&["inbox"])["items"][0]["text"], HOSTILE, "programs get the very text");
}

#[test]
fn what_is_typed_wrong_drives_no_terminal_either() {
    let home = Home::new();
    for command in [&["send", HOSTILE, "1"][..], &["wallet", "new", HOSTILE], &["view", HOSTILE], &[HOSTILE]] {
        let said = home.run(command);
        assert_ne!(said.code, 0);
        is_safe(command[0], &said);
        is_safe(command[0], &home.run(&[command, &["--output", "json"]].concat()));
    }
}

/// The answers of a hostile API.
fn answer(path: &str) -> (u16, Value) {
    let zeros = "0".repeat(64);
    match path {
        "/v1/peers/known" => {
            (200, json!([{ "peer_id": HOSTILE, "addresses": [HOSTILE], "connected": false, "source": HOSTILE }]))
        }
        "/v1/peers" => (
            200,
            json!([{ "peer_id": HOSTILE, "address": HOSTILE, "inbound": true, "height": 1, "latency_ms": 1,
                     "latency_us": 1, "source": HOSTILE }]),
        ),
        "/v1/status" => (
            200,
            json!({ "chain": HOSTILE, "genesis_hash": zeros, "version": HOSTILE, "sources": zeros, "peer_id": HOSTILE,
                    "listen": [HOSTILE], "validator": null, "height": 1, "tip": zeros, "state_root": zeros,
                    "tip_time": 1, "supply": "1.000000", "phase": { "is": "waiting_for_stake",
                    "online_percent": HOSTILE, "missing": [] }, "round": 0, "leader": null, "voting": false, "peers": 0,
                    "pool_transactions": 0, "pool_bytes": 0, "validators": [], "started": 1 }),
        ),
        "/healthz" | "/healthz/ready" => (200, json!({ "ready": true, "doing": HOSTILE, "height": 1, "peers": 1 })),
        _ => (422, json!({ "type": "x", "title": HOSTILE, "status": 422, "detail": HOSTILE, "code": HOSTILE })),
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let (status, body) = answer(path);
    let kind = if status == 200 { "application/json" } else { "application/problem+json" };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn an_api_that_is_not_ours_drives_no_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = listener.local_addr().unwrap().to_string();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(serve(stream));
        }
    });
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let zeros = "0".repeat(64);
    let commands: [&[&str]; 11] = [
        &["status"],
        &["peers"],
        &["peers", "--known"],
        &["health"],
        &["balance"],
        &["view"],
        &["tx", &zeros],
        &["inbox"],
        &["send", "bob", "1"],
        &["stake", "1"],
        &["wallet", "show", "bob"],
    ];
    for command in commands {
        for form in ["table", "json"] {
            let all = [command, &["--api", &api, "--output", form]].concat();
            let said: Said = asked(&home.path(), &all).output().unwrap().into();
            is_safe(command[0], &said);
            assert!(!said.out.contains("\nstate  final: w") && !said.err.contains("\nstate  final: w"), "{said:?}");
            assert!(said.out.len() + said.err.len() > 20, "{command:?} says something");
        }
    }
}
