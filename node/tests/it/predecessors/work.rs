//! A transaction costs its node as much on a long chain as on a short one.
//!
//! The predecessors walked the whole chain for every transaction. What is counted here is what no scheduler changes:
//! bytes that the process reads and writes. Not seen are walks through what it holds in memory, which is the accounts and
//! no block: what these cost as they grow is printed by `cargo bench -p blockchat-proto --bench apply_block`.

use super::network::{Network, Running};
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;

const BOB: Address = Address([2; 32]);
/// Transactions of one measurement, each alone in its block.
const SAMPLE: u64 = 15;

/// Bytes the process has read and written so far, as its kernel counts them: caches and disks make no difference.
fn moved(node: &Running) -> u64 {
    let counts = std::fs::read_to_string(format!("/proc/{}/io", node.pid())).expect("it runs");
    let of = |name: &str| {
        let line = counts.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel counts it");
        line.trim().parse::<u64>().expect("a number")
    };
    of("rchar:") + of("wchar:")
}

/// The price of so many transactions, one after the other.
fn cost(network: &Network, from: u64) -> u64 {
    let node = network.node(0);
    let before = moved(node);
    for nonce in from..from + SAMPLE {
        node.submit_and_wait(&network.send(
            &network.wallet(0),
            nonce,
            BOB,
            1,
            "a message of some length, as people write them",
        ));
    }
    moved(node) - before
}

#[expect(clippy::disallowed_macros, reason = "for whoever runs this test, through its harness")]
#[test]
pub(super) fn work_for_a_transaction_does_not_grow_with_the_chain() {
    let mut network =
        Network::new(1, &["--idle-block-interval", "3600000", "--block-interval", "5", "--wallet-fund", "1000000"]);
    network.start(0);
    let node = network.node(0);
    let early = cost(&network, 0);
    let text = "x".repeat(1_000);
    let batches = 8;
    for batch in 0..batches {
        let signed: Vec<_> =
            (0..100).map(|number| network.send(&network.wallet(1), batch * 100 + number, BOB, 1, &text)).collect();
        node.submit_batch(&signed);
        node.wait_until_final(signed[99].id());
    }
    let chain: u64 = (1..=node.status().height.0).map(|height| node.block(Height(height)).bytes).sum();
    let late = cost(&network, SAMPLE);
    // Had each of them walked the chain once, this many bytes would have moved on top.
    let walked = SAMPLE * chain;
    println!("{SAMPLE} transactions: {early} bytes early, {late} late; the chain is {chain}");
    assert!(late < early + walked / 4, "{early} bytes early, {late} late; walking the chain each time: {walked}");
}
