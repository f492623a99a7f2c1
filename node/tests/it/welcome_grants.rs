//! A newcomer without coins gets some for work: `wallet claim` against a real node. SPEC CLAIM-1 to CLAIM-7.

use crate::support::{Home, Node, says};
use serde_json::Value;

/// A running chain with a treasury for two grants of 0.02 BCC, which cost some ten thousand hashes, and a rest.
fn with_treasury() -> (Home, Node) {
    let home = Home::new();
    let folder = home.path().with_extension("net");
    let dir = folder.display().to_string();
    let grants = ["--treasury", "0.05", "--grant", "0.02", "--grant-cap", "10000"];
    home.json(&[&["init", "--dir", &dir, "--base-port", "0"], &grants[..]].concat());
    std::fs::rename(folder.join("id0"), home.path()).unwrap();
    let node = home.start();
    (home, node)
}

fn treasury(home: &Home) -> Value {
    home.json(&["status"])["grants"]["treasury"].clone()
}

#[test]
fn a_wallet_without_coins_is_told_how_to_get_some_and_gets_them_once() {
    let (home, _node) = with_treasury();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    says(&home.run(&["balance", "bob"]).out, &["claim a welcome grant with `blockchat-node wallet claim`"]);
    says(&home.run(&["status"]).out, &["treasury", "0.05 BCC", "0.02 BCC for about 20000 hashes"]);
    let claimed = home.json(&["wallet", "claim", "bob"]);
    assert_eq!((&claimed["grant"], &claimed["state"]), (&"0.020000".into(), &"final".into()), "{claimed}");
    let account = home.json(&["balance", "bob"]);
    assert_eq!((&account["balance"], &account["claimed"]), (&"0.020000".into(), &true.into()), "{account}");
    assert_eq!(treasury(&home), "0.030000");
    assert_eq!(home.json(&["status"])["grants"]["tries"], 33_333, "the next one costs more");
    let history = home.json(&["history", "bob", "--direction", "in"]);
    let entry = &history["items"][0];
    assert_eq!((&entry["kind"], &entry["amount"]), (&"claim".into(), &"0.020000".into()), "{history}");
    says(&home.run(&["history", "bob"]).out, &["welcome grant", "+0.02"]);
    says(&home.refused(1, &["wallet", "claim", "bob"]), &["already received its welcome grant"]);
    home.json(&["send", "id0", "0.01", "--wallet", "bob"]);
}

#[test]
fn an_empty_treasury_and_a_chain_without_one_say_what_else_helps() {
    let (home, node) = with_treasury();
    for name in ["bob", "carol", "dave"] {
        home.json(&["wallet", "new", name, "--no-passphrase"]);
    }
    home.json(&["wallet", "claim", "bob"]);
    let said = home.run(&["wallet", "claim", "carol", "--threads", "1"]);
    assert_eq!(said.code, 0, "{said:?}");
    says(&said.out, &["granted  0.02 BCC", "hashes in", "final"]);
    assert_eq!(treasury(&home), "0.010000");
    says(&home.refused(1, &["wallet", "claim", "dave"]), &["less than one grant", "ask somebody"]);
    drop(node);
    let home = Home::new();
    let folder = home.path().with_extension("net");
    home.json(&["init", "--dir", &folder.display().to_string(), "--base-port", "0"]);
    std::fs::rename(folder.join("id0"), home.path()).unwrap();
    let _node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    says(&home.refused(1, &["wallet", "claim", "bob"]), &["has no treasury", "ask somebody"]);
    assert!(!home.run(&["balance", "bob"]).out.contains("wallet claim"));
    assert_eq!(home.json(&["status"])["grants"], Value::Null);
}
