//! Payments that cannot be, through both doors: the command line and the API.

use super::json_error;
use super::slow_chain::{BOB, SlowChain};
use crate::support::{Home, Said, program, says};
use blockchat_node::wallet::sign;
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::transaction::SignedTransaction;
use reqwest::StatusCode;

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

fn json(signed: &SignedTransaction) -> String {
    serde_json::to_string(signed).unwrap()
}

#[tokio::test]
async fn what_a_command_line_cannot_send_changes_nothing() {
    let chain = SlowChain::start().await;
    let before = chain.books().await;
    let bob = BOB.to_string();
    let typo = format!("{}{}", &bob[..bob.len() - 1], if bob.ends_with('q') { 'p' } else { 'q' });
    let long = "🙂".repeat(255) + "aaaaa";
    let cases: [(&str, i32, &[&str], &str); 10] = [
        ("bad_address", 2, &["send", &typo, "1"], "mistyped"),
        ("nothing_to_send", 2, &["send", &bob], "neither coins nor a message"),
        ("nothing_to_send", 2, &["send", &bob, "0"], "neither coins nor a message"),
        ("usage", 2, &["send", &bob, "-5"], "never negative"),
        ("usage", 2, &["send", &bob, "0.0000001"], "at most 6 decimals"),
        ("empty_message", 2, &["send", &bob, "1", "-m", ""], "the message is empty"),
        ("message_too_long", 2, &["send", &bob, "-m", &long], "1025 bytes"),
        ("insufficient_funds", 1, &["send", &bob, "990"], "this takes 1019.7 BCC, the fee included"),
        ("stake_unchanged", 1, &["stake", "10"], "the stake is already 10"),
        ("insufficient_funds", 1, &["stake", "1001"], "refused"),
    ];
    for (code, exit, args, cause) in cases {
        let error = json_error(&chain.run(args), exit, code);
        says(error["error"].as_str().unwrap(), &[cause]);
    }
    assert_eq!(chain.books().await, before);
}

#[tokio::test]
async fn two_payments_that_each_fit_but_not_both() {
    let chain = SlowChain::start().await;
    let bob = BOB.to_string();
    assert_eq!(chain.run(&["send", &bob, "600", "--no-wait"]).code, 0);
    let before = chain.books().await;
    let error = json_error(&chain.run(&["send", &bob, "600", "--no-wait"]), 1, "insufficient_funds");
    says(error["error"].as_str().unwrap(), &["takes 618 BCC", "can spend 372 BCC"]);
    says(error["next"].as_str().unwrap(), &["blockchat-node balance"]);
    let problem = chain.refused(UNPROCESSABLE, "insufficient_funds", json(&chain.send(1, 600, None))).await;
    says(&problem.detail, &["618", "372"]);
    assert_eq!(chain.books().await, before, "a refused payment spends neither coins nor a nonce");
    assert_eq!(chain.run(&["send", &bob, "300", "--no-wait"]).code, 0, "what still fits goes through");
}

#[tokio::test]
async fn a_message_fits_up_to_its_last_byte_whatever_its_characters() {
    let chain = SlowChain::start().await;
    let before = chain.books().await;
    for long in ["🙂".repeat(255) + "aaaaa", "🙂".repeat(256) + "a", "é".repeat(512) + "a", "a".repeat(1_025)] {
        let problem = chain.refused(UNPROCESSABLE, "message_too_long", json(&chain.send(0, 0, Some(&long)))).await;
        says(&problem.detail, &["1025 bytes", "1024"]);
    }
    assert_eq!(chain.books().await, before);
    let bob = BOB.to_string();
    let said = chain.run(&["send", &bob, "-m", &"🙂".repeat(256), "--no-wait"]);
    assert_eq!(said.code, 0, "1,024 bytes are no refusal: {}", said.err);
    chain.client.submit(&chain.send(1, 0, Some(&("é".repeat(511) + "aa")))).await.unwrap();
}

#[tokio::test]
async fn what_is_signed_wrong_changes_nothing() {
    let chain = SlowChain::start().await;
    chain.client.submit(&chain.send(0, 1, None)).await.unwrap();
    let before = chain.books().await;
    let poor = Signer::from_seed(&[9; 32]);
    let body = || sign::send_body(BOB, Coins::from_bcc(1), None);
    for (code, signed) in [
        ("nonce_taken", chain.send(0, 2, None)),
        ("other_chain", sign::sign(&chain.signer, Hash32([1; 32]), 1, body())),
        ("nothing_to_send", chain.send(1, 0, None)),
        ("empty_message", chain.send(1, 1, Some(""))),
        ("insufficient_funds", sign::sign(&poor, chain.chain, 0, body())),
        ("insufficient_funds", chain.send(1, 10_000_000, None)),
    ] {
        chain.refused(UNPROCESSABLE, code, json(&signed)).await;
    }
    let good = json(&chain.send(1, 1, None));
    for (wrong, cause) in [
        ("\"-1.000000\"", "never negative"),
        ("\"1.0000001\"", "at most 6 decimals"),
        ("\"1e3\"", "digits with at most one decimal point"),
        ("\"99999999999999999999\"", "more than the maximum supply"),
        ("1.5", "string"),
        ("\"1.000000\",\"amount\":\"2.000000\"", "duplicate field"),
    ] {
        let mangled = good.replace("\"1.000000\"", wrong);
        assert_ne!(mangled, good);
        let problem = chain.refused(StatusCode::BAD_REQUEST, "bad_json", mangled).await;
        says(&problem.detail, &[cause]);
    }
    assert_eq!(chain.books().await, before);
}

#[tokio::test]
async fn a_home_of_another_chain_cannot_sign_for_this_one() {
    let (chain, stranger) = (SlowChain::start().await, super::initialised(&["--name", "elsewhere"]));
    let before = chain.books().await;
    let mut command = program();
    command.arg("--home").arg(stranger.path()).args(["send", &BOB.to_string(), "1", "--output", "json"]);
    let said: Said = command.args(["--api", &chain.node.ready.api]).output().unwrap().into();
    let error = json_error(&said, 1, "other_chain");
    says(error["error"].as_str().unwrap(), &["elsewhere-", "blockchat-", &chain.node.ready.api]);
    assert_eq!(chain.books().await, before);
}

#[test]
fn a_command_line_that_makes_no_sense_is_json_where_json_was_asked_for() {
    let home = Home::new();
    let asked: [(&[&str], &str); 4] = [
        (&["walk", "--output", "json"], "unrecognized subcommand 'walk'"),
        (&["--output=json", "status", "--bogus"], "unexpected argument '--bogus'"),
        (&["stake", "five", "--output", "json"], "invalid value 'five'"),
        (&["tx", "12", "--output", "json"], "64 hex digits"),
    ];
    for (args, cause) in asked {
        let error = json_error(&home.run(args), 2, "usage");
        says(error["error"].as_str().unwrap(), &[cause]);
        says(error["next"].as_str().unwrap(), &["--help"]);
    }
}
