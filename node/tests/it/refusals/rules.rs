//! A chain by rules that the program does not know. SPEC VER-5.

use super::initialised;
use crate::support::says;
use blockchat_client::Client;
use blockchat_client::shapes::{ApiCode, Phase};
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::refusal::Retry;
use blockchat_proto::units::{Height, RulesVersion};
use serde_json::{Value, json};
use std::fs;

#[tokio::test]
async fn a_node_that_does_not_know_the_rules_serves_stands_still_and_says_what_it_needs() {
    let home = initialised(&["--idle-block-interval", "500"]);
    let (path, next) = (home.path().join("genesis.json"), RulesVersion::KNOWN.next());
    let mut genesis: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(genesis["version"], json!(RulesVersion::KNOWN), "a new chain begins with the newest rules");
    genesis["version"] = json!(next);
    fs::write(&path, genesis.to_string()).unwrap();
    let node = home.start();
    let client = Client::new(&node.ready.api).unwrap();
    let status = client.status().await.unwrap();
    assert_eq!(status.phase, Phase::UpdateNeeded { version: next, known: RulesVersion::KNOWN });
    assert_eq!((status.height, status.voting, status.rules.version), (Height(0), false, next));
    let signer = keystore::load(&home.path().join("keys/validator.pem"), None).unwrap();
    assert!(!client.account(&signer.address()).await.unwrap().stake.is_zero(), "what it has, it serves");
    let body = sign::send_body(Address([2; 32]), Coins::from_bcc(1), None);
    let refused = client.submit(&sign::sign(&signer, status.genesis_hash, 0, body)).await.unwrap_err();
    assert_eq!((refused.is(ApiCode::NotReady), refused.retry()), (true, Retry::Never));
    says(&refused.to_string(), &["update it"]);
    let shown = home.run(&["status"]);
    says(&shown.out, &["standing still", "update it"]);
    assert_eq!(node.stop().0, Some(0), "it is no fault");
}
