//! A sealed message on a real node: its two ends read it, and nowhere on the way is it plain. SPEC TX-4.

use crate::support::Home;
use std::path::Path;

/// Found nowhere but in what this test writes.
const TEXT: &str = "the vault opens at noon";

/// Is the text in any file below, as it stands?
fn is_in_files_below(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_in_files_below(&path);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(TEXT.len()).any(|window| window == TEXT.as_bytes())
    })
}

#[test]
fn both_ends_read_it_and_no_file_log_or_answer_has_it_in_plain() {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["wallet", "new", "eve", "--no-passphrase"]);
    let sent = home.json(&["send", "bob", "-m", TEXT, "--sealed"]);
    assert_eq!((sent["state"].as_str(), sent["sealed"].as_bool()), (Some("final"), Some(true)));
    assert_eq!(sent["fee"], "23.000000", "a byte of it costs as much as a letter in plain");
    let id = sent["id"].as_str().unwrap();
    for reader in ["bob", "validator"] {
        let inbox = home.json(&["inbox", "bob", "--wallet", reader]);
        let message = &inbox["items"][0];
        assert_eq!((message["sealed"].as_bool(), message["text"].as_str()), (Some(true), Some(TEXT)), "{reader}");
    }
    let inbox = home.json(&["inbox", "bob", "--wallet", "eve"]);
    assert!(inbox["items"][0]["text"].is_null(), "neither sender nor recipient: {inbox}");
    let shown = home.run(&["inbox", "bob", "--wallet", "bob"]).out;
    assert!(shown.contains(&format!("\u{1f512} {TEXT}")), "{shown}");
    let tx = home.json(&["tx", id]).to_string();
    assert!(tx.contains("Sealed") && !tx.contains(TEXT), "what the node says of it is closed: {tx}");
    let (code, said) = node.stop();
    assert_eq!(code, Some(0));
    assert!(!said.contains(TEXT), "its log");
    assert!(!is_in_files_below(&home.path()), "store, journal, pool");
}

#[test]
fn what_cannot_be_sealed_is_not_sent_in_plain() {
    let home = Home::new();
    let _node = home.start();
    let nobody = blockchat_proto::keys::Address([2; 32]).to_string();
    let refused = home.refused(1, &["send", &nobody, "-m", TEXT, "--sealed"]);
    assert!(refused.contains("no point of the curve"), "{refused}");
    assert!(home.json(&["inbox"])["items"].as_array().unwrap().is_empty());
    let refused = home.refused(2, &["send", &nobody, "5", "--sealed"]);
    assert!(refused.contains("no message to seal"), "{refused}");
}
