//! One trouble at a time, and how long the chain may take for it. Virtual times: exact, and the same on every machine.

use blockchat_engine::chain_view::{ChainView, PhaseView, Silence};
use blockchat_proto::keys::Signer;
use blockchat_proto::units::{Height, RulesVersion};
use blockchat_testnet::sim::byzantine::Crime;
use blockchat_testnet::sim::counts::Met;
use blockchat_testnet::sim::invariants::Violation;
use blockchat_testnet::sim::network::Weather;
use blockchat_testnet::sim::sabotage::Sabotage;
use blockchat_testnet::sim::scenario::{BEGIN, Copied, KillAll, NodePlan, Scenario};
use blockchat_testnet::sim::step::Step;
use blockchat_testnet::sim::time::Micros;
use blockchat_testnet::sim::world::{self, Outcome};

/// The longest block interval of the plain scenario and the waits of a round without a proposal, with room for messages
/// on their way.
const FULL_ROUND_MS: u64 = 250 + 300 + 100 + 100 + 100;

#[track_caller]
fn run(scenario: Scenario) -> Outcome {
    let outcome = world::run(scenario, false);
    assert_eq!(outcome.violation, None);
    outcome
}

/// The time of the heights while things went wrong.
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

/// Proposals need longer than the first wait. What one height taught, the next ones know: rounds fail at the beginning, and
/// in a chain four times as long no more do.
#[test]
fn slow_links_fail_the_first_rounds_only() {
    let failed = |heights| {
        let mut scenario = Scenario::plain(5, 4, heights);
        scenario.weather =
            Weather { delay_min: Micros::from_ms(600), delay_max: Micros::from_ms(700), ..Weather::calm() };
        scenario.patience = Micros::from_ms(120_000);
        run(scenario).counts.get(Met::LateRounds)
    };
    let (few, many) = (failed(15), failed(60));
    assert!(few > 0, "the first wait was long enough");
    assert_eq!(few, many);
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

/// SPEC GOSSIP-4: a peer that returns gets the votes that it lacks soon, however long the height has taken already.
/// Otherwise links that work for two seconds carry a repetition only by chance.
#[test]
fn links_that_work_for_two_seconds_at_a_time_carry_a_block_each_time() {
    for seed in 0..8 {
        let mut scenario = Scenario::plain(seed, 5, 1_000);
        scenario.faults.flaps = Some((2, Micros::from_ms(2_000)));
        scenario.faults_max = Micros::from_ms(60_000);
        let outcome = run(scenario);
        // The time without links, the next dial, the first interval between repetitions, and a round.
        let most_ms = 2_000 + 500 + 400 + FULL_ROUND_MS + 250;
        let pause_ms = outcome.longest_pause.as_ms();
        assert!(pause_ms < most_ms, "seed {seed}: {pause_ms} ms of {most_ms}");
    }
}

/// One more node, that lies and has no stake.
fn stranger(scenario: &Scenario, crime: Crime) -> NodePlan {
    NodePlan { signer: Some(Signer::from_seed(&[99; 32])), crime: Some(crime), ..scenario.nodes[0].clone() }
}

/// A stranger without stake costs a chain nothing, whatever it sends.
#[test]
fn strangers_that_talk_keep_nobody_from_the_pace() {
    for crime in Crime::UNSTAKED {
        let mut scenario = Scenario::plain(4, 4, 15);
        scenario.nodes.push(stranger(&scenario, crime));
        let idle_ms = scenario.genesis.genesis().parameters.idle_block_interval_ms;
        let outcome = run(scenario);
        assert!(outcome.counts.get(Met::Noise) > 0 || crime != Crime::Flooder, "it said something");
        assert_eq!(outcome.counts.get(Met::LateRounds), 0, "{crime}");
        let most_ms = 15 * (idle_ms + FULL_ROUND_MS);
        assert!(faulty_ms(&outcome) < most_ms, "{crime}: {} ms of {most_ms}", faulty_ms(&outcome));
    }
}

/// A validator restarts beside a peer without stake that claims a chain of a million blocks: it votes again, so that it is
/// not jailed, and is ready.
#[test]
fn a_sync_liar_without_stake_keeps_no_validator_from_its_duty() {
    for crime in [Crime::SlowServer, Crime::BusyServer, Crime::SilentServer] {
        let mut scenario = Scenario::plain(9, 6, 260);
        scenario.nodes.push(stranger(&scenario, crime));
        scenario.faults.traps = vec![(5, Micros::from_ms(5_000), 10)];
        let outcome = run(scenario);
        assert_eq!(outcome.counts.get(Met::Crashes), 1, "{crime}");
        assert_eq!(outcome.counts.get(Met::Jailed), 0, "{crime}");
        let views: Vec<_> = outcome.views.iter().flatten().collect();
        assert!(views.iter().take(6).all(|view| view.reached_tip && view.voting), "{crime}: {views:?}");
        let block_time = views.iter().map(|view| view.tip.time.since(BEGIN)).max();
        assert!(block_time > Some(50_000), "{crime}: long enough to be jailed: {block_time:?}");
    }
}

/// All are killed at once, beside a peer that claims to be far ahead: they start from their disks, and decide again.
#[test]
fn a_sync_liar_beside_a_chain_that_restarts_as_a_whole_delays_nothing() {
    for crime in [Crime::SlowServer, Crime::BusyServer, Crime::SilentServer] {
        let mut scenario = Scenario::plain(10, 4, 30);
        scenario.nodes.push(stranger(&scenario, crime));
        scenario.faults.kill_alls = vec![KillAll { height: Height(8), step: Step::KILLING[0], nth: 1, wiped: &[] }];
        let idle_ms = scenario.genesis.genesis().parameters.idle_block_interval_ms;
        let outcome = run(scenario);
        assert_eq!(outcome.counts.get(Met::KillAlls), 1, "{crime}");
        let most_ms = 30 * (idle_ms + FULL_ROUND_MS) + 15_000;
        assert!(faulty_ms(&outcome) < most_ms, "{crime}: {} ms of {most_ms}", faulty_ms(&outcome));
    }
}

/// An idle chain keeps its idle pace. A replayer, and a peer that claims to be ahead, change nothing: no member falls
/// silent, and all are ready.
#[test]
fn on_an_idle_chain_true_votes_of_yesterday_and_claims_change_nothing() {
    let mut scenario = idle(Scenario::plain(12, 5, 12));
    scenario.nodes[0].crime = Some(Crime::VoteReplayer);
    scenario.nodes.push(stranger(&scenario, Crime::SlowServer));
    let outcome = run(scenario);
    let views: Vec<_> = outcome.views.iter().flatten().collect();
    assert!(views.iter().skip(1).take(4).all(|view| view.reached_tip && view.voting), "{views:?}");
}

/// Without any load.
fn idle(mut scenario: Scenario) -> Scenario {
    scenario.users.clear();
    scenario.idle = true;
    scenario
}

/// SPEC TIME-3.
#[test]
fn a_validator_in_a_hurry_makes_no_idle_chain_race() {
    let mut scenario = idle(Scenario::plain(11, 4, 12));
    scenario.nodes[0].crime = Some(Crime::Hasty);
    let outcome = run(scenario.clone());
    assert_eq!(outcome.violation, None);
    scenario.sabotage = Sabotage::StartForAnybody;
    let outcome = world::run(scenario, false);
    assert!(matches!(outcome.violation, Some(Violation::Raced { .. })), "not noticed: {:?}", outcome.violation);
}

/// A second node is started with the key of a first one, from an older home. It finds its signatures in the chain, listens,
/// hears the first one, and stops for good; the first one goes on. SPEC VOTE-9.
#[test]
fn the_second_of_two_nodes_with_one_key_never_signs_and_says_why() {
    let mut contradictions = 0;
    for seed in 0..5 {
        let mut scenario = Scenario::plain(20 + seed, 4, 60);
        let second = NodePlan { starts: Micros::from_ms(4_000), ..scenario.nodes[3].clone() };
        scenario.nodes.push(second);
        let outcome = run(scenario.clone());
        let views: Vec<_> = outcome.views.iter().flatten().collect();
        assert!(views.iter().take(4).all(|view| view.voting && view.silence.is_none()), "seed {seed}: {views:?}");
        assert_eq!((views[4].voting, views[4].silence), (false, Some(Silence::Elsewhere)), "seed {seed}");
        scenario.sabotage = Sabotage::DeafToOwnKey;
        let outcome = world::run(scenario, false);
        contradictions += u32::from(matches!(outcome.violation, Some(Violation::Contradiction { .. })));
    }
    assert!(contradictions > 0, "where the guard of the second one is reset too early, and it does not hear the first");
}

/// The second node has a copy of the guard, or of the whole home, that is a moment old: the chain holds nothing that it
/// does not know. It listens after its start, as after every start, and hears the first one. SPEC VOTE-9.
#[test]
fn a_fresh_copy_of_a_running_validator_never_signs_busy_or_idle() {
    for seed in 0..12 {
        for copies in [Copied::Guard(3), Copied::Home(3)] {
            let mut scenario = Scenario::plain(40 + seed, 4, 60);
            if seed % 4 == 3 {
                scenario = idle(Scenario::plain(40 + seed, 4, 12));
            }
            let starts = Micros::from_ms(4_000 + seed * 37);
            scenario.nodes.push(NodePlan { starts, copies: Some(copies), ..scenario.nodes[3].clone() });
            let outcome = run(scenario);
            let views: Vec<_> = outcome.views.iter().flatten().collect();
            let first = views.iter().take(4).all(|view| view.voting && view.silence.is_none());
            assert!(first, "seed {seed}, {copies:?}: {views:?}");
            assert_eq!(
                (views[4].voting, views[4].silence),
                (false, Some(Silence::Elsewhere)),
                "seed {seed}, {copies:?}"
            );
        }
    }
}

/// It holds every block of the others, until they have prevoted it; it precommits all the same, and is told. SPEC TIME-2.
#[test]
fn a_validator_whose_clock_is_far_behind_is_told_and_never_jailed() {
    let mut scenario = Scenario::plain(13, 7, 200);
    scenario.nodes[2].skew_ms = -10_000;
    let outcome = run(scenario);
    assert_eq!(outcome.counts.get(Met::Jailed), 0);
    let views: Vec<_> = outcome.views.iter().flatten().collect();
    let told = |node: usize| views[node].clocks_ahead_ms.unwrap();
    assert!((9_500..=10_000).contains(&told(2)), "{}", told(2));
    assert!([0, 1, 3, 4, 5, 6].iter().all(|node| told(*node).abs() < 500), "the others are right");
    assert!(views.iter().any(|view| view.tip.time.since(BEGIN) > 40_000), "long enough to be jailed");
}

#[test]
fn a_third_of_all_messages_lost_is_slow_but_never_the_end() {
    let mut scenario = Scenario::plain(10, 4, 10);
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
    scenario.heights_after = 160;
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
    assert_eq!((behind.tip.height.next(), behind.voting, behind.reached_tip), (begins, false, false));
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
