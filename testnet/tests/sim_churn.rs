//! Money is not power at once: a buyer waits, and all see it come. SPEC VAL-5, VAL-6.

use blockchat_proto::coins::Coins;
use blockchat_testnet::sim::counts::Met;
use blockchat_testnet::sim::invariants::Violation;
use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::scenario::{Scenario, StakePlan};
use blockchat_testnet::sim::time::Micros;
use blockchat_testnet::sim::world;

/// Five with 10 BCC each; the first stakes 90 of its 100 more.
fn a_buyer(seed: u64) -> Scenario {
    let mut scenario = Scenario::plain(seed, 5, 12);
    let signer = scenario.nodes[0].signer.clone().expect("a validator");
    scenario.stakes = vec![StakePlan { at: Micros::from_ms(500), signer, amount: Coins::from_bcc(90) }];
    scenario
}

#[test]
fn who_stakes_nearly_everything_waits_while_the_chain_goes_on() {
    for seed in 0..3 {
        let scenario = a_buyer(seed);
        let buyer = scenario.nodes[0].signer.as_ref().expect("a validator").address();
        let outcome = world::run(scenario, false);
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert!(outcome.counts.get(Met::SetChanges) > 0, "seed {seed}: it was staked");
        let view = outcome.views.into_iter().flatten().next().expect("somebody is up");
        let power = view.validators.get(&buyer).expect("a member").stake;
        assert!(power > Coins::from_bcc(10).into(), "seed {seed}: it begins to count");
        assert!(power < Coins::from_bcc(90).into(), "seed {seed}: not all at once: {power:?}");
        assert_eq!(view.stakes.queue.first().map(|one| one.address), Some(buyer), "seed {seed}: everybody sees it");
    }
}

/// The checker bites.
#[test]
fn power_that_comes_at_once_is_noticed() {
    let mut scenario = a_buyer(0);
    scenario.sabotage = Sabotage::FreePower;
    let found = world::run(scenario, false).violation;
    assert!(matches!(found, Some(Violation::Grown { .. })), "{found:?}");
}
