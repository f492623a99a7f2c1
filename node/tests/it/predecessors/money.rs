//! Coins are whole micro-BCC: none negative, none made, none lost.
//!
//! The predecessors took negative amounts and fees of the sender's choice, minted by a transaction kind, counted in
//! floats, and began with balances of 880 and 1120 because fees were taken from the grants of 1000.

use super::forged::{Forged, Kind, SignedForgery, is_shown_the_door, signed};
use super::network::{Network, Running, micro};
use blockchat_client::shapes::{BATCH_CONTENT_TYPE, path};
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::Payload;
use serde::Serialize;
use serde_json::{Value, json};

const BOB: Address = Address([2; 32]);

/// Bytes that no transaction of ours can have: refused by the API, and their bearer by the network.
#[track_caller]
fn decodes_nowhere<T: Serialize>(network: &Network, forged: &SignedForgery<T>) {
    let node = network.node(0);
    let (status, problem) = node.post(path::TRANSACTIONS_BATCH, BATCH_CONTENT_TYPE, codec::encode(&[forged]));
    assert_eq!((status, &problem["code"]), (400, &json!("bad_encoding")), "{problem}");
    is_shown_the_door(network, node, &[forged]);
}

/// JSON that is no transaction of ours.
#[track_caller]
fn is_no_transaction(node: &Running, json: &Value) {
    let (status, problem) = node.post_json(json.to_string());
    assert_eq!((status, &problem["code"]), (400, &json!("bad_json")), "{json}: {problem}");
}

/// All coins in this network.
fn everything(network: &Network) -> Coins {
    let funded = network.genesis.genesis().accounts.iter().map(|account| account.address);
    let accounts = funded.chain([BOB]).map(|address| network.node(0).account(address));
    let parts = accounts.flat_map(|account| [account.balance, account.stake]);
    parts.fold(Coins::ZERO, |sum, part| sum.checked_add(part).unwrap())
}

#[test]
pub(super) fn a_forgery_that_says_nothing_wrong_is_a_transaction() {
    let network = Network::lone();
    let (node, alice) = (network.node(0), network.wallet(0));
    let body = Kind::Send { to: BOB, amount: 1_000_000, payload: Payload::None };
    let forged = signed(network.chain(), &alice, Forged::new(network.chain(), alice.address(), 0, body));
    let honest = network.send(&alice, 0, BOB, 1_000_000, "");
    assert_eq!(codec::encode(&forged), codec::encode(&honest), "or the tests below would prove nothing");
    node.submit_and_wait(&honest);
}

#[test]
pub(super) fn a_negative_amount_decodes_nowhere() {
    let network = Network::lone();
    let (node, alice) = (network.node(0), network.wallet(0));
    let chain = network.chain();
    let send = Kind::Send { to: BOB, amount: -1_000_000, payload: Payload::None };
    for body in [send, Kind::Stake { amount: -1 }] {
        decodes_nowhere(&network, &signed(chain, &alice, Forged::new(chain, alice.address(), 0, body)));
    }
    for amount in ["-1.000000", "-0.000001", "-1"] {
        let mut json = serde_json::to_value(network.send(&alice, 0, BOB, 1, "")).unwrap();
        json["transaction"]["body"]["Send"]["amount"] = json!(amount);
        is_no_transaction(node, &json);
        json["transaction"]["body"]["Send"]["amount"] = json!(-1);
        is_no_transaction(node, &json);
    }
    assert_eq!(node.account(BOB).balance, Coins::ZERO);
    assert_eq!(node.account(alice.address()).balance, Coins::from_bcc(1_000));
}

/// Nor do amounts that run over into small ones.
#[test]
pub(super) fn an_amount_beyond_all_coins_pays_nothing() {
    let network = Network::lone();
    let (node, alice, chain) = (network.node(0), network.wallet(0), network.chain());
    let send = |amount| Kind::Send { to: BOB, amount, payload: Payload::None };
    let signed_send = |amount| signed(chain, &alice, Forged::new(chain, alice.address(), 0, send(amount)));
    decodes_nowhere(&network, &signed_send(i64::MAX));
    let most = network.send(&alice, 0, BOB, Coins::MAX.micros(), "");
    assert_eq!(node.submit(&most).unwrap_err(), "amount_overflow", "with its fee it is more than there can be");
    for amount in ["18446744073709.551616", "18446744073710.551616", "99999999999999999999"] {
        let mut json = serde_json::to_value(&most).unwrap();
        json["transaction"]["body"]["Send"]["amount"] = json!(amount);
        is_no_transaction(node, &json);
    }
    assert_eq!(node.account(alice.address()).balance, Coins::from_bcc(1_000));
}

#[test]
pub(super) fn nobody_chooses_the_fee() {
    let network = Network::lone();
    let (node, alice, chain) = (network.node(0), network.wallet(0), network.chain());
    let body = || Kind::Send { to: BOB, amount: 100_000_000, payload: Payload::None };
    let plain = || Forged::new(chain, alice.address(), 0, body());
    decodes_nowhere(&network, &signed(chain, &alice, plain().with_fee(0)));
    // The same value in other bytes: a longer length, which another decoder would take.
    let canonical = codec::encode(&[signed(chain, &alice, plain())]);
    let longer = [&[0x98, 0x01], &canonical[1..]].concat();
    let (status, problem) = node.post(path::TRANSACTIONS_BATCH, BATCH_CONTENT_TYPE, longer);
    assert_eq!((status, &problem["code"]), (400, &json!("bad_encoding")));

    let honest = network.send(&alice, 0, BOB, 100_000_000, "");
    for name in ["fee", "fee_basis_points"] {
        for place in ["", "/transaction", "/transaction/body", "/transaction/body/Send"] {
            let mut json = serde_json::to_value(&honest).unwrap();
            json.pointer_mut(place).unwrap()[name] = json!("0.000000");
            is_no_transaction(node, &json);
        }
    }
    let height = node.submit_and_wait(&honest);
    assert_eq!(node.block(height).fees, Coins::from_bcc(3), "3 % of 100, whoever sends");
    assert_eq!(node.account(alice.address()).balance, Coins::from_bcc(1_000 - 103));
}

/// One predecessor had a transaction kind for coins from nowhere.
#[test]
pub(super) fn a_made_up_kind_of_transaction_mints_nothing() {
    let network = Network::lone();
    let (node, alice, chain) = (network.node(0), network.wallet(0), network.chain());
    let before = node.status().supply;
    let mint = Kind::Mint { to: alice.address(), amount: 1_000_000_000 };
    decodes_nowhere(&network, &signed(chain, &alice, Forged::new(chain, alice.address(), 0, mint)));
    let honest = serde_json::to_value(network.send(&alice, 0, BOB, 1, "")).unwrap();
    for body in [
        json!({"Mint": {"to": alice.address(), "amount": "1000.000000"}}),
        json!({"Coinbase": {"to": alice.address(), "amount": "1000.000000"}}),
        json!({"Send": {"to": alice.address(), "amount": "1000.000000", "payload": "None", "from": null}}),
        json!("Mint"),
    ] {
        let mut json = honest.clone();
        json["transaction"]["body"] = body;
        is_no_transaction(node, &json);
    }
    network.wait_for_growth(2);
    assert_eq!((node.status().supply, everything(&network)), (before, before));
    assert_eq!(node.account(alice.address()).balance, Coins::from_bcc(1_000));
}

#[test]
pub(super) fn balances_begin_at_exactly_what_the_genesis_says_and_no_micro_is_lost() {
    let network = Network::lone();
    let (node, leader) = (network.node(0), network.validator(0).address());
    for funded in &network.genesis.genesis().accounts {
        let account = node.account(funded.address);
        assert_eq!((account.balance, account.stake), (funded.balance, funded.stake));
        assert_eq!(account.balance.checked_add(account.stake), Some(Coins::from_bcc(1_000)));
    }
    let supply = node.status().supply;
    assert_eq!(everything(&network), supply);

    // Amounts that a float cannot hold, or whose 3 % are no whole micro-BCC.
    let (alice, amounts) = (network.wallet(0), [1, 33_333_333, 100_000, 99_999_999, 333_334, 12_345_679]);
    let batch: Vec<_> =
        (0..).zip(amounts).map(|(nonce, amount)| network.send(&alice, nonce, BOB, amount, "x")).collect();
    node.submit_batch(&batch);
    node.wait_until_final(batch[5].id());
    let sent: u64 = amounts.iter().sum();
    let fees: u64 = amounts.iter().map(|amount| (amount * 3).div_ceil(100) + 1_000_000).sum();
    assert_eq!(node.account(BOB).balance, micro(sent));
    assert_eq!(node.account(alice.address()).balance, micro(1_000_000_000 - sent - fees));
    assert_eq!(node.account(leader).balance, micro(990_000_000 + fees));
    assert_eq!((everything(&network), node.status().supply), (supply, supply));
}

#[test]
pub(super) fn transactions_below_capacity_become_final_alone() {
    let mut network = Network::new(1, &["--capacity", "5", "--idle-block-interval", "3600000"]);
    network.start(0);
    let (node, alice) = (network.node(0), network.wallet(0));
    let height = node.submit_and_wait(&network.send(&alice, 0, BOB, 1, ""));
    assert_eq!(node.block(height).transactions.len(), 1, "one of five is enough");

    // Two more than fit: the rest is not left behind either.
    let batch: Vec<_> = (1..8).map(|nonce| network.send(&alice, nonce, BOB, 1, "")).collect();
    node.submit_batch(&batch);
    let heights: Vec<_> = batch.iter().map(|signed| node.wait_until_final(signed.id())).collect();
    assert!(heights[6] > heights[0], "{heights:?}");
    assert_eq!(node.account(BOB).balance, micro(8));
}
