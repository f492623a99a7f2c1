//! Discovery in small, with real processes: part of every test run.

use serde_json::{Value, json};
use std::process::Command;

#[test]
fn all_find_all_from_one_address_without_the_first_and_from_their_books() {
    let mut discover = Command::new(env!("CARGO_BIN_EXE_blockchat-testnet"));
    discover.args(["discover", "--nodes", "5", "--seconds", "8", "--idle-block-interval", "1000", "--output", "json"]);
    let output = discover.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    let report: Value = serde_json::from_str(&out).unwrap();
    let run = &report["runs"][0];
    for reached in ["all_know_all_s", "new_node_s", "from_books_s", "sent_until_calm"] {
        assert!(run[reached].as_f64().is_some(), "{reached}: {run}");
    }
    assert_eq!((&run["ok"], &report["ok"]), (&json!(true), &json!(true)), "{run}");
    assert_eq!(run["connections"]["all"], json!({ "min": 4.0, "mean": 4.0, "max": 4.0 }), "{run}");
    let sources = run["sources"].as_object().unwrap();
    assert!(sources.contains_key("kademlia"), "{run}");
    assert!(sources.keys().all(|source| source == "kademlia" || source == "peer"), "{run}");
    assert!(run["idle"]["sent_per_s"]["mean"].as_f64() > Some(0.0), "{run}");
}
