//! Crashes at every step. And simulated disks that betray their nodes, because a checker that never bites is useless.

use blockchat_proto::units::Height;
use blockchat_testnet::sim::counts::{Counts, Met};
use blockchat_testnet::sim::invariants::Violation;
use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::scenario::{KillAll, Scenario, Wipe};
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
            scenario.faults.kill_alls = vec![KillAll { height: Height(2), step, nth, wiped: &[] }];
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
        let at = Micros::from_ms(1_500 + seed * 37);
        scenario.faults.wipes = vec![Wipe { nodes: vec![0], at, when_kept: false, when_locked: false }];
        let counts = survives(scenario);
        wiped += counts.get(Met::Wiped);
        synced += counts.get(Met::Synced);
    }
    assert_eq!(wiped, 10);
    assert!(synced >= 20, "{synced} blocks fetched again");
}

/// Half of the stake: nothing goes on without them, and others must go to their round, for they never come back to ours.
#[test]
fn two_nodes_wiped_at_once_in_mid_height_go_on_after_what_their_guards_say() {
    let (mut together, mut locked) = (0, 0);
    for seed in 0..60 {
        let mut scenario = Scenario::plain(seed, NODES, 12);
        let at = Micros::from_ms(700 + seed * 13);
        scenario.faults.wipes =
            vec![Wipe { nodes: vec![1, 2], at, when_kept: true, when_locked: seed.is_multiple_of(4) }];
        scenario.weather.delay_max = Micros::from_ms(60);
        let counts = survives(scenario);
        together += counts.get(Met::WipedTogether);
        locked += counts.get(Met::WipedLocked);
    }
    assert_eq!(together, 60);
    assert!(locked >= 15, "{locked} with a lock");
}

#[test]
fn two_nodes_wiped_in_a_kill_of_all_in_any_step_under_load_go_on() {
    let (mut together, mut locked) = (0, 0);
    for step in Step::KILLING {
        for nth in 1..=4 {
            let mut scenario = Scenario::plain(nth, NODES, 8);
            scenario.feed = 20;
            scenario.faults.kill_alls = vec![KillAll { height: Height(2), step, nth, wiped: &[0, 3] }];
            scenario.weather.loss_permille = if step == Step::OtherJournaled { 300 } else { 0 };
            let counts = survives(scenario);
            together += counts.get(Met::WipedTogether);
            locked += counts.get(Met::WipedLocked);
        }
    }
    assert!(together > 30, "{together} times");
    assert!(locked > 3, "{locked} with a lock");
}

/// Exactly a third of the stake: the others are no quorum, and the two leave a round in which their votes are missing.
#[test]
fn a_third_that_is_wiped_in_a_kill_of_all_in_any_step_is_followed() {
    let mut together = 0;
    for step in Step::KILLING {
        for nth in 1..=3 {
            let mut scenario = Scenario::plain(nth, 6, 8);
            scenario.feed = 20;
            scenario.faults.kill_alls = vec![KillAll { height: Height(2), step, nth, wiped: &[0, 3] }];
            scenario.weather.loss_permille = 200;
            together += survives(scenario).get(Met::WipedTogether);
        }
    }
    assert!(together > 15, "{together} times");
}

/// Two of four stand still in the middle of a height, one of them is wiped, and only one of the others comes back: three must
/// do. The wiped one cannot say again what it said in the round in which they wait, so they tell each other.
#[test]
fn what_a_wiped_node_said_is_spread_by_those_who_heard_it() {
    for seed in 0..8 {
        let mut scenario = Scenario::plain(seed, NODES, 1_000);
        let gone = Micros::from_ms(1_000 + seed * 29);
        scenario.faults.absent = vec![(2, gone)];
        scenario.faults.away = vec![(3, gone, Micros::from_ms(12_000))];
        scenario.faults.wipes =
            vec![Wipe { nodes: vec![0], at: Micros::from_ms(9_000), when_kept: true, when_locked: false }];
        scenario.faults_max = Micros::from_ms(60_000);
        let outcome = world::run(scenario, false);
        assert_eq!(outcome.violation, None, "seed {seed}");
        let tips: Vec<_> = outcome.views.iter().flatten().map(|view| view.tip.height.0).collect();
        assert!(tips.iter().all(|tip| *tip > 12), "seed {seed}: three of four go on: {tips:?}");
    }
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

/// The guards know what was signed and the lock of each member. Only what no node has kept is lost.
#[test]
fn journals_that_vanish_break_no_rule_at_worst_the_chain_stands_still() {
    for seed in 0..20 {
        let violation = run_seed(seed, 20, Sabotage::LostJournal, false).violation;
        assert!(matches!(violation, None | Some(Violation::NoProgress { .. })), "seed {seed}: {violation:?}");
    }
}

#[test]
fn guards_that_forget_a_lock_are_noticed() {
    let violations = (0..60).filter_map(|seed| run_seed(seed, 20, Sabotage::ForgetLock, false).violation);
    let mut forgotten = violations.filter(|violation| matches!(violation, Violation::LockForgotten { .. }));
    assert!(forgotten.next().is_some(), "nobody noticed in 60 seeds");
}

#[test]
fn votes_for_blocks_that_a_crash_can_take_are_noticed() {
    assert!(matches!(found(Sabotage::BodiesInMemory, 5), Violation::BodyNotDurable { .. }));
}

#[test]
fn nodes_that_listen_to_strangers_are_noticed() {
    assert!(matches!(found(Sabotage::HearStrangers, 20), Violation::StrangerHeard { .. }));
}

#[test]
fn nodes_that_fall_silent_for_a_claim_are_noticed() {
    let mut violations = (10..40).filter_map(|seed| run_seed(seed, 20, Sabotage::ClaimsMute, false).violation);
    let muted = violations.any(|violation| matches!(violation, Violation::NoProgress { .. }));
    assert!(muted, "nobody noticed in 30 seeds");
}
