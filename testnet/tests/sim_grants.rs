//! Welcome grants under faults, and the checker's books over grants and jailings. SPEC CLAIM-1 to CLAIM-7, ABS-3.

use blockchat_testnet::sim::counts::{Counts, Met};
use blockchat_testnet::sim::invariants::Violation;
use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::scenario::Scenario;
use blockchat_testnet::sim::suite::run_seed;
use blockchat_testnet::sim::world;

/// Crashes, lies, cuts and lost messages, and several for each grant.
#[test]
fn grants_are_paid_once_each_while_everything_goes_wrong() {
    let mut all = Counts::default();
    for seed in 0..10 {
        let outcome = run_seed(seed, 20, Sabotage::None, false);
        assert_eq!(outcome.violation, None, "seed {seed}");
        all += &outcome.counts;
    }
    assert!(all.get(Met::Grants) >= 20, "only {} grants", all.get(Met::Grants));
    assert!(all.get(Met::ClaimsRefused) >= 20, "only {} in vain", all.get(Met::ClaimsRefused));
}

/// The checker bites.
#[test]
fn a_grant_that_is_credited_twice_is_noticed() {
    let found = run_seed(1, 20, Sabotage::GrantTwice, false).violation;
    assert!(matches!(found, Some(Violation::Coins { .. })), "{found:?}");
}

/// It bites here, too: a voting member is jailed all the same, because no leader puts its votes into blocks.
#[test]
fn who_is_jailed_while_it_votes_is_noticed() {
    let mut scenario = Scenario::plain(1, 6, 200);
    scenario.sabotage = Sabotage::MuteFirst;
    let found = world::run(scenario, false).violation;
    assert!(matches!(found, Some(Violation::JailedPresent { voted, .. }) if voted > 40), "{found:?}");
}
