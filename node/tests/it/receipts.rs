//! Receipts: made by one node, checked by a program that has nothing but one hash. SPEC RCPT-1 to RCPT-4.

use crate::support::{Home, Node, says};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A running chain of its own with a payment in it: the id of the payment.
fn paid() -> (Home, Node, String) {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let sent = home.json(&["send", "bob", "5", "-m", "Hello Bob"]);
    let id = sent["id"].as_str().expect("an id").to_owned();
    (home, node, id)
}

fn written(home: &Home, name: &str, receipt: &Value) -> PathBuf {
    let file = home.path().with_extension(name);
    std::fs::write(&file, receipt.to_string()).expect("its folder is there");
    file
}

fn genesis_hash(home: &Home) -> String {
    home.json(&["status"])["genesis_hash"].as_str().expect("a hash").to_owned()
}

/// The verdict of a home without a chain of its own on a file.
fn verified(file: &Path, trust: &[&str]) -> (i32, String) {
    let said = Home::new().run(&[&["verify-receipt", file.to_str().expect("UTF-8")], trust].concat());
    (said.code, said.out + &said.err)
}

#[test]
fn a_receipt_is_verified_by_who_has_the_genesis_hash_alone() {
    let (home, node, id) = paid();
    let receipt = home.json(&["receipt", &id]);
    let account = home.json(&["receipt", "--account", "bob"]);
    let genesis = genesis_hash(&home);
    drop(node);
    let file = written(&home, "receipt", &receipt);
    let (code, said) = verified(&file, &["--genesis", &genesis]);
    assert_eq!(code, 0, "{said}");
    says(&said, &[&id, "Hello Bob", "5 BCC", &genesis]);
    let own = home.json(&["verify-receipt", file.to_str().unwrap()]);
    assert_eq!((own["id"].as_str(), own["chain"].as_str()), (Some(&*id), Some(&*genesis)));
    let file = written(&home, "account", &account);
    let proved = home.json(&["verify-receipt", file.to_str().unwrap()]);
    assert_eq!(proved["balance"], "5.000000");
    let (code, said) = verified(&file, &[]);
    assert_eq!(code, 1);
    says(&said, &["no genesis", "--genesis HASH"]);
    let (code, said) = verified(&file, &["--genesis", &"0".repeat(64)]);
    assert_eq!(code, 1);
    says(&said, &["origin", "you trust"]);
}

#[test]
fn a_changed_receipt_is_refused_with_the_part_named() {
    let (home, _node, id) = paid();
    let receipt = home.json(&["receipt", &id]);
    let genesis = genesis_hash(&home);
    let other_hex =
        |text: &str| if text.starts_with('0') { text.replacen('0', "1", 1) } else { format!("0{}", &text[1..]) };
    let places = [
        ("/origin/genesis/accounts/0/balance", "origin"),
        ("/header/state_root", "certificate"),
        ("/header/transactions_root", "certificate"),
        ("/certificate/signatures/0/signature", "certificate"),
        ("/fact/transaction/transaction/transaction/body/Send/amount", "path"),
        ("/fact/transaction/transaction/signature", "path"),
    ];
    for (place, part) in places {
        let mut changed = receipt.clone();
        let leaf = changed.pointer_mut(place).unwrap_or_else(|| panic!("{place} is there"));
        let text = leaf.as_str().expect("a text").to_owned();
        *leaf = if text.contains('.') { Value::from("6.000000") } else { Value::from(other_hex(&text)) };
        let (code, said) = verified(&written(&home, "changed", &changed), &["--genesis", &genesis]);
        assert_eq!(code, 1, "{place}");
        says(&said, &["proves nothing", part]);
    }
    let (code, said) = verified(&written(&home, "none", &Value::from("hello")), &["--genesis", &genesis]);
    assert_eq!(code, 1);
    says(&said, &["is no receipt"]);
}

#[test]
fn a_receipt_from_a_trusted_block_on_leaves_the_genesis_out() {
    let (home, _node, _) = paid();
    let trusted = home.json(&["view"]);
    let (height, hash) = (trusted["height"].as_u64().unwrap(), trusted["hash"].as_str().unwrap());
    let id = home.json(&["send", "bob", "1"])["id"].as_str().unwrap().to_owned();
    let receipt = home.json(&["receipt", &id, "--trust", &height.to_string()]);
    assert!(receipt.pointer("/origin/genesis").is_none());
    let file = written(&home, "trusted", &receipt);
    let (code, said) = verified(&file, &["--trust", &format!("{height}:{hash}")]);
    assert_eq!(code, 0, "{said}");
    let (code, _) = verified(&file, &["--trust", &format!("{}:{hash}", height + 1)]);
    assert_eq!(code, 1);
    says(&home.refused(1, &["receipt", &id, "--trust", "999999"]), &["trusted block"]);
}

#[tokio::test]
async fn headers_and_sets_are_served_and_what_is_not_final_has_no_receipt() {
    let (home, node, _) = paid();
    let get = async |path: &str| -> Value {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = http.get(format!("{}{path}", node.ready.api)).send().await.expect("the node answers");
        answer.json().await.expect("JSON")
    };
    let page = get("/v1/headers?limit=1").await;
    let header = &page["items"][0]["header"];
    let members = get(&format!("/v1/validator-sets/{}", header["validators_hash"].as_str().unwrap())).await;
    assert_eq!(members.as_array().map(Vec::len), Some(1));
    assert_eq!(members[0]["address"], header["leader"]);
    assert_eq!(get(&format!("/v1/validator-sets/{}", "0".repeat(64))).await["code"], "validator_set_unknown");
    assert_eq!(get(&format!("/v1/receipts/{}", "0".repeat(64))).await["code"], "transaction_unknown");
    says(&home.refused(1, &["receipt", &"0".repeat(64)]), &["neither final"]);
}
