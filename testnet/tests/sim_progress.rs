//! One trouble at a time, and how long the chain may take for it. Virtual times: exact, and the same on every machine.

use blockchat_engine::chain_view::{ChainView, PhaseView};
use blockchat_proto::units::{Height, RulesVersion};
use blockchat_testnet::sim::byzantine::Crime;
use blockchat_testnet::sim::counts::Met;
use blockchat_testnet::sim::network::Weather;
use blockchat_testnet::sim::scenario::{BEGIN, NodePlan, Scenario};
use blockchat_testnet::sim::time::Micros;
use blockchat_testnet::sim::world::{self, Outcome};

/// The longest block interval of the plain scenario and the waits of a round in which nobody proposes, with room for messages on
/// their way.
const FULL_ROUND_MS: u64 = 250 + 300 + 100 + 100 + 100;

#[track_caller]
fn run(scenario: Scenario) -> Outcome {
    let outcome = world::run(scenario, false);
    assert_eq!(outcome.violation, None);
    outcome
}

/// How long the heights took while things went wrong.
fn faulty_ms(outcome: &Outcome) -> u64 {
    outcome.lasted.since(outcome.recovered_in).as_ms()
}

fn heights(outcome: &Outcome) -> Vec<Height> {
    outcome.views.iter().flatten().map(|view| view.tip.height).collect()
}

#[test]
fn a_calm_chain_keeps_its_pace() {
    let outcome = run(Scenario::plain(1, 4, 20));
    assert_eq!(outcome.counts.get(Met::LateRounds), 0);
    let idle_max_ms = 3_000;
    assert!(faulty_ms(&outcome) < 20 * idle_max_ms, "{} ms", faulty_ms(&outcome));
}

#[test]
fn a_dead_validator_costs_timeouts_not_a_stall() {
    for dead in 0..4 {
        let mut scenario = Scenario::plain(2, 4, 20);
        scenario.faults.absent = vec![(dead, Micros(0))];
        let idle_ms = scenario.genesis.genesis().parameters.idle_block_interval_ms;
        let outcome = run(scenario);
        assert!(outcome.counts.get(Met::LateRounds) > 0, "it was drawn now and then");
        // Drawn without replacement, so one lost round a height at most.
        let most_ms = 20 * (idle_ms + FULL_ROUND_MS + 100);
        assert!(faulty_ms(&outcome) < most_ms, "{} ms of {most_ms}", faulty_ms(&outcome));
    }
}

#[test]
fn without_a_third_of_the_stake_the_chain_stops_says_so_and_goes_on_when_it_returns() {
    let mut scenario = Scenario::plain(3, 4, 1_000);
    scenario.faults.absent = vec![(0, Micros::from_ms(2_000)), (1, Micros::from_ms(2_000))];
    scenario.faults_max = Micros::from_ms(60_000);
    scenario.patience = Micros::from_ms(20_000);
    let members = scenario.genesis.validators().clone();
    let absent: Vec<_> = [0, 1].map(|node| scenario.nodes[node].signer.as_ref().unwrap().address()).into();
    let outcome = run(scenario);
    let [None, None, Some(one), Some(two)] = &outcome.views[..] else { panic!("two are down: {:?}", outcome.views) };
    for ChainView { phase, tip, .. } in [one, two] {
        let PhaseView::WaitingForStake { online, missing } = phase else { panic!("it says {phase:?}") };
        assert_eq!(2 * online.0, members.total().0);
        assert!(missing.iter().all(|member| absent.contains(member)) && missing.len() == 2);
        assert!(tip.height < Height(40), "nothing was decided for nearly a minute");
    }
}

#[test]
fn one_liar_among_four_stalls_nothing() {
    for crime in Crime::ALL {
        let mut scenario = Scenario::plain(4, 4, 15);
        scenario.nodes[0].crime = Some(crime);
        if crime == Crime::Twin {
            scenario.nodes.push(scenario.nodes[0].clone());
        }
        let idle_ms = scenario.genesis.genesis().parameters.idle_block_interval_ms;
        let outcome = run(scenario);
        let most_ms = 15 * (idle_ms + 3 * FULL_ROUND_MS);
        assert!(faulty_ms(&outcome) < most_ms, "{crime}: {} ms of {most_ms}", faulty_ms(&outcome));
    }
}

#[test]
fn a_third_of_all_messages_lost_is_slow_but_never_the_end() {
    let mut scenario = Scenario::plain(5, 4, 10);
    scenario.weather = Weather { loss_permille: 333, ..Weather::calm() };
    let outcome = run(scenario);
    assert!(heights(&outcome).contains(&Height(10)), "decided in spite of it: {:?}", heights(&outcome));
}

#[test]
fn who_joins_an_old_chain_catches_up_and_follows() {
    let mut scenario = Scenario::plain(6, 4, 40);
    let late = scenario.nodes.last_mut().unwrap();
    late.starts = Micros::from_ms(5_000);
    let outcome = run(scenario);
    let heights = heights(&outcome);
    assert_eq!(heights.len(), 4);
    assert!(heights.iter().all(|height| height.0 >= 39), "{heights:?}");
    assert!(outcome.counts.get(Met::Synced) > 0 && outcome.counts.get(Met::LateJoiners) == 1);
}

/// The core's certificate is a bare quorum, in which the slowest of seven never is: it counts as present all the same.
#[test]
fn a_healthy_validator_far_away_is_never_jailed() {
    let mut scenario = Scenario::plain(7, 7, 200);
    scenario.weather.remote = Some((2, Micros::from_ms(30)));
    let outcome = run(scenario);
    let block_time = outcome.views.iter().flatten().map(|view| view.tip.time.since(BEGIN)).max();
    assert!(block_time > Some(40_000), "long enough to be jailed: {block_time:?}");
    assert_eq!(outcome.counts.get(Met::Jailed), 0);
    assert!(heights(&outcome).iter().all(|height| height.0 >= 199));
}

#[test]
fn a_validator_that_is_away_is_jailed_and_comes_back_by_itself() {
    let mut scenario = Scenario::plain(8, 7, 200);
    scenario.faults.absent = vec![(2, Micros(0))];
    scenario.heights_after = 40;
    let outcome = run(scenario);
    assert_eq!((outcome.counts.get(Met::Jailed), outcome.counts.get(Met::Unjailed)), (1, 1));
}

const SECOND: RulesVersion = RulesVersion(2);

/// All validators but the first know version 2 of the rules.
fn one_left_behind(seed: u64, validators: usize) -> Scenario {
    let mut scenario = Scenario::plain(seed, validators, 140);
    scenario.nodes.iter_mut().skip(1).for_each(|node| node.knows = SECOND);
    scenario
}

/// Versions: SPEC VER-1 to VER-5. The run ends only when the one left behind, updated, has all that the others have.
#[test]
fn a_version_begins_the_one_left_behind_stops_below_it_says_so_and_goes_on_once_updated() {
    let outcome = run(one_left_behind(9, 7));
    let views: Vec<_> = outcome.views.iter().flatten().collect();
    assert_eq!(views.len(), 7);
    let begins = Height(128);
    let behind = views[0];
    assert_eq!(behind.phase, PhaseView::UpdateNeeded);
    assert_eq!((behind.tip.height.next(), behind.voting, behind.settled), (begins, false, false));
    assert_eq!((behind.rules.version, behind.rules.known), (SECOND, RulesVersion::FIRST));
    assert_eq!(behind.rules.unknown_from(behind.tip.height), Some((begins, SECOND)));
    for view in &views[1..] {
        assert!(view.tip.height >= Height(139) && view.voting, "{view:?}");
        assert_eq!((view.rules.version, view.rules.next_begins), (SECOND, None));
    }
    assert_eq!((outcome.counts.get(Met::Versions), outcome.counts.get(Met::Updates)), (1, 1));
    assert_eq!(outcome.counts.get(Met::Blamed), 0, "nobody is to blame");
}

#[test]
fn an_observer_left_behind_stops_too_and_costs_nobody_anything() {
    let mut scenario = one_left_behind(10, 4);
    scenario.nodes[0].knows = SECOND;
    scenario.nodes.push(NodePlan { signer: None, knows: RulesVersion::FIRST, ..scenario.nodes[0].clone() });
    let outcome = run(scenario);
    let observer = outcome.views[4].as_ref().unwrap();
    assert_eq!((&observer.phase, observer.tip.height), (&PhaseView::UpdateNeeded, Height(127)));
    assert!(heights(&outcome)[..4].iter().all(|height| *height >= Height(139)));
    assert_eq!(outcome.counts.get(Met::Blamed), 0);
}

/// Three of four equal stakes are less than 5/6.
#[test]
fn no_version_begins_that_too_much_of_the_stake_does_not_know() {
    let outcome = run(one_left_behind(11, 4));
    for view in outcome.views.iter().flatten() {
        assert!(view.tip.height >= Height(139) && view.voting);
        assert_eq!((view.rules.version, view.rules.next_begins), (RulesVersion::FIRST, None));
    }
    assert_eq!(outcome.counts.get(Met::Versions), 0);
}
