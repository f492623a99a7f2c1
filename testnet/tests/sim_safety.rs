//! Whatever goes wrong, no rule is broken, and enough went wrong to say so.

use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::suite::{Suite, all_threads, run_seed, run_seeds};

const HEIGHTS: u64 = 20;

#[expect(clippy::disallowed_macros, reason = "for whoever runs this test, through its harness")]
#[test]
fn two_hundred_seeds_break_no_rule_and_meet_everything_worth_meeting() {
    let suite = Suite { seeds: 0..200, heights: HEIGHTS, sabotage: Sabotage::None, threads: all_threads() };
    let report = run_seeds(&suite, |_| ());
    for (words, number) in report.counts.rows() {
        println!("{number:>9}  {words}");
    }
    let failures: Vec<_> = report.failures.iter().map(|outcome| (outcome.seed, &outcome.violation)).collect();
    assert!(failures.is_empty(), "again with `blockchat-testnet sim --seeds N..N+1 --trace`: {failures:?}");
    assert_eq!(report.missing(), Vec::<&str>::new(), "never met in 200 seeds");
}

/// Lines of `seeds/failed.txt`: a seed, its heights, and what it was.
#[test]
fn seeds_that_failed_once_fail_no_more() {
    let file = include_str!("../seeds/failed.txt");
    let mut ran = 0;
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a seed and its heights");
        let outcome = run_seed(number(), number(), Sabotage::None, false);
        assert_eq!(outcome.violation, None, "{line}");
        ran += 1;
    }
    assert!(ran > 0, "a list that is not read protects nobody");
}
