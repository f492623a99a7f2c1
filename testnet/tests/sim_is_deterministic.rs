//! A seed means one run: nothing in the rules, the engine or the simulator depends on a clock, on chance or on the order of
//! a map.

use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::suite::run_seed;
use blockchat_testnet::sim::world::Outcome;

/// One of every theme.
const SEEDS: [u64; 10] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12];

fn run(seed: u64, keep_trace: bool) -> Outcome {
    run_seed(seed, 10, Sabotage::None, keep_trace)
}

#[test]
fn the_same_seed_twice_gives_the_same_trace_also_on_another_thread_and_with_the_words_kept() {
    for seed in SEEDS {
        let first = run(seed, false);
        let second = std::thread::spawn(move || run(seed, true)).join().unwrap();
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!((first.counts, first.lasted), (second.counts, second.lasted), "seed {seed}");
        assert!(first.trace.is_empty() && !second.trace.is_empty());
    }
}

#[test]
fn two_seeds_give_two_traces() {
    assert_ne!(run(0, false).trace_hash, run(10, false).trace_hash);
}
