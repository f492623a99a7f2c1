//! Liars pay: a member that signs two things for one place is seen, reported, punished and out, whatever crashes. SPEC
//! EVID-1 to EVID-4.

use blockchat_proto::genesis::{Genesis, Parameters};
use blockchat_proto::units::Height;
use blockchat_testnet::sim::byzantine::Crime;
use blockchat_testnet::sim::counts::Met;
use blockchat_testnet::sim::invariants::Violation;
use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::scenario::{KillAll, Scenario};
use blockchat_testnet::sim::step::Step;
use blockchat_testnet::sim::world;

/// Each of the last so many nodes slips at a height of its own.
fn with_slips(seed: u64, nodes: usize, liars: usize, heights: u64) -> Scenario {
    let mut scenario = Scenario::plain(seed, nodes, heights);
    let plain = scenario.genesis.genesis().clone();
    let parameters = Parameters { evidence_window_ms: 600_000, unbonding_ms: 700_000, ..plain.parameters };
    scenario.genesis = Genesis { parameters, ..plain }.verify().expect("a sound genesis");
    for (number, plan) in scenario.nodes.iter_mut().rev().take(liars).enumerate() {
        plan.crime = Some(Crime::Slip(2 + u64::try_from(number).expect("few")));
    }
    scenario
}

/// All nodes are killed when the second precommits of the heights of the slips have left.
fn with_kills(mut scenario: Scenario, liars: u64) -> Scenario {
    let kill = |height| KillAll { height: Height(height), step: Step::PrecommitSent, nth: 3, wiped: &[] };
    scenario.faults.kill_alls = (2..2 + liars).map(kill).collect();
    scenario
}

/// A height may be decided before the liar says anything in it: then there is no slip, and no penalty.
#[test]
fn one_slip_costs_a_validator_its_place() {
    let mut slips = 0;
    for seed in 0..8 {
        let outcome = world::run(with_slips(seed, 4, 1, 8), false);
        assert_eq!(outcome.violation, None, "seed {seed}");
        let slipped = outcome.counts.get(Met::Equivocations);
        assert_eq!(outcome.counts.get(Met::Barred), slipped, "seed {seed}");
        let view = outcome.views.into_iter().flatten().next().expect("somebody is up");
        let left = 4 - usize::try_from(slipped).expect("one at most");
        assert_eq!((view.stakes.barred.len(), view.validators.members().len()), (4 - left, left), "seed {seed}");
        assert_eq!(view.stakes.burned.micros(), 500_000 * slipped, "a twentieth of 10 BCC");
        slips += slipped;
    }
    assert!(slips >= 4, "{slips} of 8 liars slipped");
}

/// Ten of 31 are just below a third. A kill can come before any node has seen both messages of a liar, so that no node
/// can accuse it; with this seed none does.
#[test]
fn ten_injected_ten_in_blocks_although_everybody_is_killed_again_and_again() {
    let scenario = with_kills(with_slips(1, 31, 10, 14), 10);
    let outcome = world::run(scenario, false);
    assert_eq!(outcome.violation, None);
    let counts = outcome.counts;
    assert_eq!((counts.get(Met::Equivocations), counts.get(Met::Barred)), (10, 10));
    assert!(counts.get(Met::KillAlls) >= 8, "{} kills", counts.get(Met::KillAlls));
}

/// The checker bites: nodes whose disks forget evidence let a liar go.
#[test]
fn evidence_that_a_crash_takes_is_missed() {
    let found = (0..20).find_map(|seed| {
        let mut scenario = with_kills(with_slips(seed, 4, 1, 8), 1);
        scenario.sabotage = Sabotage::ForgetEvidence;
        world::run(scenario, false).violation
    });
    assert!(matches!(found, Some(Violation::Unpunished { .. })), "{found:?}");
}
