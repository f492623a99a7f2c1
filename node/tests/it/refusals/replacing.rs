//! A payment that is replaced or called off before it is final.

use super::json_error;
use super::slow_chain::{BOB, SlowChain};
use crate::support::says;
use blockchat_client::shapes::TransactionState;
use blockchat_node::wallet::sign;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use serde_json::Value;

impl SlowChain {
    /// The answer of a command that succeeds.
    #[track_caller]
    fn done(&self, args: &[&str]) -> Value {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{args:?}: {said:?}");
        serde_json::from_str(&said.out).unwrap_or_else(|wrong| panic!("{wrong}: {said:?}"))
    }

    async fn is_replaced(&self, id: &Value, by: &Value) {
        let id: Hash32 = id.as_str().unwrap().parse().unwrap();
        let TransactionState::Refused { code, reason, .. } = self.client.transaction(&id).await.unwrap().state else {
            panic!("{id} is not refused");
        };
        assert_eq!(code.as_str(), "replaced");
        says(&reason, &[by.as_str().unwrap()]);
    }
}

#[tokio::test]
async fn a_payment_that_waits_is_replaced_by_another_and_pays_once() {
    let chain = SlowChain::start().await;
    let bob = BOB.to_string();
    let first = chain.done(&["send", &bob, "100", "--no-wait"]);
    let later = chain.done(&["send", &bob, "Hello", "--no-wait"]);
    let second = chain.done(&["send", &bob, "10", "-m", "typo", "--replace", "0", "--no-wait"]);
    assert_eq!(second["replaces"], first["id"]);
    chain.is_replaced(&first["id"], &second["id"]).await;
    // By its id, and with the same words: a space makes up what the fee lacks.
    let id = second["id"].as_str().unwrap();
    let third = chain.done(&["send", &bob, "10", "-m", "typo", "--replace", id, "--no-wait"]);
    assert_eq!((&third["message"], &third["fee"]), (&"typo ".into(), &"5.300000".into()));
    chain.is_replaced(&second["id"], &third["id"]).await;
    let account = chain.client.account(&chain.signer.address()).await.unwrap();
    let left = Coins::from_micros(990_000_000 - 15_300_000 - 5_000_000).unwrap();
    assert_eq!((account.pending_nonce, account.pending_balance), (2, left));
    let later: Hash32 = later["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(chain.client.transaction(&later).await.unwrap().state, TransactionState::Pooled);
}

#[tokio::test]
async fn who_waits_for_a_payment_that_is_replaced_is_told_at_once() {
    let chain = SlowChain::start().await;
    let bob = BOB.to_string();
    let (waited, second) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| chain.run(&["send", &bob, "100", "--wait", "3600"]));
        let replace = || chain.run(&["send", &bob, "200", "--replace", "0", "--no-wait", "--yes"]);
        // Until the first one is there.
        let second = std::iter::repeat_with(replace).find(|said| said.code == 0).unwrap();
        (waiting.join().unwrap(), second)
    });
    let second: Value = serde_json::from_str(&second.out).unwrap();
    let error = json_error(&waited, 1, "replaced");
    says(error["error"].as_str().unwrap(), &["replaced by transaction", second["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn what_is_called_off_leaves_its_nonce_to_a_payment_to_oneself() {
    let chain = SlowChain::start().await;
    let bob = BOB.to_string();
    let first = chain.done(&["send", &bob, "100", "--no-wait"]);
    let cancelled = chain.done(&["tx", "cancel", first["id"].as_str().unwrap(), "--no-wait"]);
    assert_eq!((&cancelled["cancelled"], &cancelled["fee"]), (&first["id"], &"3.375000".into()));
    chain.is_replaced(&first["id"], &cancelled["id"]).await;
    // Nearly all that there is: too little is left for a payment to oneself, so a text takes the place.
    let second = chain.done(&["send", &bob, "840", "--no-wait", "--yes"]);
    let called_off = chain.done(&["tx", "cancel", "1", "--no-wait", "--ask-above", "0"]);
    assert_eq!((&called_off["nonce"], &called_off["fee"]), (&1.into(), &"29.000000".into()));
    chain.is_replaced(&second["id"], &called_off["id"]).await;
    let account = chain.client.account(&chain.signer.address()).await.unwrap();
    assert_eq!(account.pending_nonce, 2, "one nonce each, whatever became of it");
}

#[tokio::test]
async fn what_cannot_be_replaced_stays_as_it_is() {
    let chain = SlowChain::start().await;
    let bob = BOB.to_string();
    let first = chain.done(&["send", &bob, "100", "--no-wait"]);
    let id: Hash32 = first["id"].as_str().unwrap().parse().unwrap();
    let before = chain.books().await;
    let other = Signer::from_seed(&[9; 32]);
    let nobody = "7".repeat(64);
    for (args, exit, code, cause) in [
        (&["tx", "cancel", "1"][..], 1, "transaction_unknown", "nonce 1 is not in the pool"),
        (&["tx", "cancel", &nobody], 1, "transaction_unknown", "neither final, nor pooled"),
        (&["send", &bob, "1", "--replace", "x"], 2, "usage", "64 hex digits"),
        (&["send", &bob, "-m", &"a".repeat(1_024), "--replace", "0"], 1, "insufficient_funds", "this takes"),
    ] {
        let error = json_error(&chain.run(args), exit, code);
        says(error["error"].as_str().unwrap(), &[cause]);
    }
    let dearer = chain.send(0, 500, None);
    assert!(chain.client.submit(&dearer).await.unwrap_err().is("nonce_taken"), "nothing was named");
    let wrong = chain.client.submit_instead(&dearer, dearer.id()).await.unwrap_err();
    assert!(wrong.is("nonce_taken"), "another one is named: {wrong}");
    let cheap = chain.client.submit_instead(&chain.send(0, 101, None), id).await.unwrap_err();
    assert!(cheap.is("fee_too_low"), "{cheap}");
    says(&cheap.to_string(), &["3.375", "3.03"]);
    let stranger = sign::sign(&other, chain.chain, 0, sign::send_body(BOB, Coins::from_bcc(500), None));
    assert!(chain.client.submit_instead(&stranger, id).await.unwrap_err().is("insufficient_funds"));
    assert_eq!(chain.books().await, before);
    let taken = chain.client.submit_instead(&dearer, id).await.unwrap();
    assert_eq!((taken.id, taken.state), (dearer.id(), TransactionState::Pooled));
}
