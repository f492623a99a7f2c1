//! Crashes at every step. And simulated disks that betray their nodes, because a checker that never bites is none.

use blockchat_proto::units::Height;
use blockchat_testnet::sim::counts::{Counts, Met};
use blockchat_testnet::sim::invariants::Violation;
use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::scenario::{KillAll, Scenario};
use blockchat_testnet::sim::step::Step;
use blockchat_testnet::sim::suite::run_seed;
use blockchat_testnet::sim::time::Micros;
use blockchat_testnet::sim::world;

const NODES: usize = 4;

#[track_caller]
fn survives(scenario: Scenario) -> Counts {
    let outcome = world::run(scenario, false);
    assert_eq!(outcome.violation, None);
    outcome.counts
}

#[test]
fn all_nodes_killed_in_any_step_of_a_height_go_on_where_they_were() {
    for step in Step::KILLING {
        for nth in 1..=4 {
            // Timeouts are journaled only where something is lost.
            let (heights, loss_permille) = if step == Step::OtherJournaled { (12, 300) } else { (8, 0) };
            let mut scenario = Scenario::plain(nth, NODES, heights);
            scenario.faults.kill_alls = vec![KillAll { height: Height(2), step, nth }];
            scenario.weather.loss_permille = loss_permille;
            assert_eq!(survives(scenario).get(Met::KillAlls), 1, "{step:?}, {nth}");
        }
    }
}

#[test]
fn a_crash_between_any_two_effects_loses_nothing() {
    let (mut crashed, mut replayed) = (0, 0);
    for steps in 0..150 {
        let mut scenario = Scenario::plain(1, NODES, 5);
        scenario.faults.traps = (0..NODES).map(|node| (node, Micros::from_ms(600), steps)).collect();
        let counts = survives(scenario);
        crashed += counts.get(Met::CrashesBetweenEffects);
        replayed += counts.get(Met::Replays);
    }
    assert!(crashed >= 4 * 140, "{crashed} crashes");
    assert!(replayed > 100, "{replayed} of them in the middle of a height");
}

#[test]
fn a_node_that_lost_its_data_but_not_its_key_comes_back() {
    let (mut wiped, mut synced) = (0, 0);
    for seed in 0..10 {
        let mut scenario = Scenario::plain(seed, NODES, 20);
        scenario.faults.wipe = Some((0, Micros::from_ms(1_500 + seed * 37)));
        let counts = survives(scenario);
        wiped += counts.get(Met::Wiped);
        synced += counts.get(Met::Synced);
    }
    assert_eq!(wiped, 10);
    assert!(synced >= 20, "{synced} blocks fetched again");
}

/// The first violation within so many seeds.
fn found(sabotage: Sabotage, seeds: u64) -> Violation {
    let violations = (0..seeds).filter_map(|seed| run_seed(seed, 20, sabotage, false).violation);
    violations.into_iter().next().unwrap_or_else(|| panic!("{sabotage:?} not noticed in {seeds} seeds"))
}

#[test]
fn votes_that_leave_before_they_are_durable_are_noticed() {
    assert!(matches!(found(Sabotage::IgnoreSync, 1), Violation::GuardBehind { .. }));
}

#[test]
fn a_disk_that_lies_about_its_syncs_makes_nodes_contradict_themselves() {
    assert!(matches!(found(Sabotage::LyingSync, 5), Violation::Contradiction { .. }));
}

#[test]
fn journals_that_vanish_make_no_fork_but_the_chain_stands_still() {
    assert!(matches!(found(Sabotage::LostJournal, 5), Violation::NoProgress { .. }));
}

#[test]
fn votes_for_blocks_that_a_crash_can_take_are_noticed() {
    assert!(matches!(found(Sabotage::BodiesInMemory, 5), Violation::BodyNotDurable { .. }));
}
