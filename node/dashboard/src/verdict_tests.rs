//! The answer, in every state that it knows.

use crate::fixture::{World, address};
use crate::groups::{Sees, sees};
use crate::pace::Topic;
use crate::update::{Answer, Trouble};
use crate::verdict::Level;
use blockchat_client::shapes::{BarredEvent, LedView, NodeEvent, OffenceView, Phase, SignedTwice, ValidatorView};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};

#[track_caller]
fn check(world: &World, level: Level, begins: &str, holds: &[&str]) {
    let verdict = &world.model.verdict;
    let sentence = verdict.sentence();
    assert_eq!(verdict.level, level, "{sentence}");
    assert!(sentence.starts_with(begins), "{sentence}");
    for text in holds {
        assert!(sentence.contains(text), "{text:?} is not in: {sentence}");
    }
}

#[test]
fn a_whole_network_goes_on() {
    check(&World::running(5), Level::Good, "GOES ON: ", &["5 validators vote, 100.0 % of the stake"]);
}

#[test]
fn before_anybody_answers_it_says_whom_it_asks_and_then_that_nobody_is_there() {
    let mut world = World::new(2);
    check(&world, Level::Unknown, "ASKING: ", &["id0 id1"]);
    (0..2).for_each(|node| world.says(node, Topic::Status, Err(Trouble::Down("connection refused".into()))));
    world.wait(3_000);
    check(&world, Level::Bad, "NO NODE ANSWERS for 3.0 s: ", &["connection refused", "Start one"]);
}

#[test]
fn one_of_five_killed_is_named_with_the_stake_that_is_left() {
    let mut world = World::running(5);
    world.kill(2);
    world.wait(3_100);
    check(&world, Level::Warn, "GOES ON without id2 for 3.1 s: ", &["80.0 % of the stake votes, 66.7 % needed"]);
    check(&world, Level::Warn, "", &["One more missing may stop it"]);
}

#[test]
fn two_of_five_killed_stop_it_and_it_says_whose_return_is_enough() {
    let mut world = World::running(5);
    world.kill(1);
    world.kill(3);
    world.wait(12_400);
    check(&world, Level::Bad, "STANDS STILL for 12 s: ", &["id1 id3 missing, 40.0 % of the stake", "60.0 %"]);
    check(&world, Level::Bad, "", &["It goes on when id1 or id3 returns", "nothing is lost"]);
}

#[test]
fn three_of_five_killed_need_two_to_return() {
    let mut world = World::running(5);
    (2..5).for_each(|node| world.kill(node));
    check(&world, Level::Bad, "STANDS STILL", &["It goes on when 2 of them return"]);
}

#[test]
fn a_cut_shows_both_sides_and_their_stake() {
    let mut world = World::running(5);
    world.cut(&[3, 4]);
    world.wait(12_000);
    let holds = ["split 3 | 2", "id0 id1 id2 have 60.0 %, id3 id4 have 40.0 %; 66.7 % needed", "Nothing is lost"];
    check(&world, Level::Bad, "STANDS STILL for 12 s: ", &holds);
    world.group = vec![0; 5];
    world.all_answer();
    let holds = ["100.0 % of the stake is connected again", "A block is on its way"];
    check(&world, Level::Bad, "STANDS STILL for 12 s: ", &holds);
    world.block();
    check(&world, Level::Good, "GOES ON", &[]);
    world.wait(1_250);
    let told: Vec<_> = world.model.story.newest(false).map(|entry| entry.text.clone()).collect();
    assert!(told.iter().any(|text| text.starts_with("GOES ON again after 12 s")), "{told:?}");
}

/// Nodes find each other one by one, and links fail again meanwhile: only a block ends the standstill.
#[test]
fn while_a_cut_heals_the_answer_does_not_change_with_each_link() {
    let mut world = World::running(5);
    world.cut(&[3, 4]);
    world.wait(12_000);
    for others in [vec![3], vec![3, 4], vec![], vec![4], vec![]] {
        world.group = vec![0; 5];
        world.cut(&others);
        world.wait(1_000);
        check(&world, Level::Bad, "STANDS STILL for 1", &["66.7 % needed"]);
    }
    world.block();
    check(&world, Level::Good, "GOES ON", &[]);
}

#[test]
fn a_cut_that_leaves_a_quorum_goes_on_without_the_rest() {
    let mut world = World::running(5);
    world.cut(&[4]);
    check(&world, Level::Warn, "GOES ON without id4", &["80.0 %", "id4 is cut off"]);
}

#[test]
fn a_block_that_comes_after_an_api_was_lost_proves_that_its_validator_may_vote() {
    let mut world = World::running(5);
    world.kill(1);
    world.kill(3);
    check(&world, Level::Bad, "STANDS STILL", &[]);
    world.wait(5_000);
    world.block();
    world.all_answer();
    check(&world, Level::Warn, "GOES ON", &["5 validators vote", "No answer from id1 id3"]);
}

#[test]
fn catching_up_says_how_fast_and_how_long_yet() {
    let mut world = World::new(1);
    for step in 0..4 {
        let mut status = world.status(0);
        status.height = Height(1_000 + 410 * step);
        status.phase = Phase::CatchingUp { target: Height(9_000) };
        world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status))));
        world.wait(1_000);
    }
    check(&world, Level::Warn, "CATCHING UP for 4.0 s: ", &["id0 at 2,230 of 9,000, 410 blocks/s, 16 s left"]);
}

#[test]
fn two_hashes_at_one_height_are_an_alarm_that_stays() {
    let mut world = World::running(5);
    let mut status = world.status(3);
    status.tip = Hash32([9; 32]);
    world.says(3, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Alarm, "ALARM two blocks at height 1,502: ", &["09090909 on id3", "on id0 id1 id2 id3 id4"]);
    (0..9).for_each(|_| world.block());
    check(&world, Level::Alarm, "ALARM two blocks", &["Trust no payment"]);
}

#[test]
fn one_key_that_votes_on_two_nodes_is_an_alarm() {
    let mut world = World::running(5);
    let mut status = world.status(4);
    status.validator = Some(address(1));
    world.says(4, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(
        &world,
        Level::Alarm,
        "ALARM one key signs on two nodes: ",
        &["id1 and id4 vote with the key", "Stop one of them"],
    );
}

#[test]
fn a_node_that_stopped_because_another_one_signs_with_its_key_is_an_alarm_too() {
    let mut world = World::running(5);
    let mut status = world.status(2);
    (status.key_elsewhere, status.voting) = (true, false);
    world.says(2, Topic::Status, Ok(Answer::Status(Box::new(status.clone()))));
    let begins = "ALARM one key signs on two nodes: ";
    check(
        &world,
        Level::Alarm,
        begins,
        &["id2 has stopped: a node that is not watched signs with its key", "guard reset"],
    );
    status.key_elsewhere = false;
    let mut other = world.status(4);
    (other.validator, other.key_elsewhere, other.voting) = (status.validator, true, false);
    world.says(2, Topic::Status, Ok(Answer::Status(Box::new(status))));
    world.says(4, Topic::Status, Ok(Answer::Status(Box::new(other))));
    check(&world, Level::Alarm, begins, &["id4 has stopped: id2 signs with its key"]);
}

#[test]
fn who_leads_beyond_all_chance_is_named() {
    let mut world = World::running(5);
    let mut status = world.status(0);
    let led = LedView { address: address(3), led: 90, blocks: 100, chance: "1.0e-40".into(), suspect: true };
    status.leaders = vec![led];
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Warn, "GOES ON: ", &["Blocks led beyond all chance: id3 90 of 100"]);
}

#[test]
fn who_is_barred_is_told_once_with_the_reason_however_many_nodes_tell_it() {
    let mut world = World::running(5);
    let offence = OffenceView { twice: SignedTwice::Precommit, height: Height(7), round: Round(1) };
    let (height, time) = (Height(9), UnixMillis(world.now));
    let barred = BarredEvent { height, time, account: address(3), burned: Coins::from_bcc(5), offence };
    (0..5).for_each(|node| world.says(node, Topic::Stream, Ok(Answer::Event(NodeEvent::Barred(barred)))));
    let told = world.model.story.newest(false).filter(|entry| entry.text.contains("barred"));
    let told: Vec<_> = told.map(|entry| entry.text.clone()).collect();
    assert_eq!(told, ["id3 signed two precommits at height 7, round 1: barred for ever, 5.000000 BCC burned"]);
}

#[test]
fn nodes_of_two_chains_are_told_apart() {
    let mut world = World::running(2);
    let mut status = world.status(1);
    (status.chain, status.genesis_hash) = ("beta-00000000".into(), Hash32::ZERO);
    world.says(1, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Bad, "TWO CHAINS: ", &["alpha-42f73d71 on id0, beta-00000000 on id1"]);
}

#[test]
fn a_node_that_needs_an_update_is_named() {
    let mut world = World::running(1);
    let mut status = world.status(0);
    status.phase = Phase::UpdateNeeded { version: RulesVersion(2), known: RulesVersion(1) };
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Bad, "UPDATE NEEDED: ", &["version 2 of the rules is in force, id0 know 1"]);
}

#[test]
fn all_down_says_since_when_and_that_what_is_shown_is_old() {
    let mut world = World::running(3);
    (0..3).for_each(|node| world.kill(node));
    world.wait(60_000);
    check(&world, Level::Bad, "NO NODE ANSWERS for 1m00s: ", &["connection refused", "Last known block 1,502"]);
    for node in &world.model.nodes {
        assert!(node.is_down() && node.live().is_none() && node.height() == Some(1_502));
    }
}

#[test]
fn who_comes_back_is_told_with_the_time_it_was_away() {
    let mut world = World::running(5);
    world.kill(2);
    world.wait(3_000);
    world.start(2);
    world.all_answer();
    world.wait(2_000);
    let told: Vec<_> = world.model.story.newest(false).map(|entry| entry.text.clone()).collect();
    assert!(told.iter().any(|text| text == "id2 answers again after 3.0 s"), "{told:?}");
    assert!(told.iter().any(|text| text.starts_with("id2 stopped answering: connection refused")), "{told:?}");
    assert!(
        told.iter().any(|text| text.contains("final in round 1 by") && text.contains("pause 1,178 ms (usual 252 ms)")),
        "{told:?}"
    );
}

#[test]
fn a_cut_is_told_in_one_sentence_with_its_links() {
    let mut world = World::running(5);
    world.cut(&[3, 4]);
    world.wait(2_000);
    let told: Vec<_> = world.model.story.newest(true).map(|entry| entry.text.clone()).collect();
    assert!(told.iter().any(|text| text == "6 links lost: a cut, id0 id1 id2 | id3 id4"), "{told:?}");
}

#[test]
fn a_network_that_begins_anew_is_followed_without_an_alarm() {
    let mut world = World::running(1);
    let mut status = world.status(0);
    (status.chain, status.genesis_hash) = ("beta-00000000".into(), Hash32::ZERO);
    (status.height, status.tip) = (Height(1_490), Hash32([7; 32]));
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Good, "GOES ON", &[]);
    assert_eq!(world.model.chain.tip(), Some(1_490));
}

#[test]
fn one_node_alone_tells_of_members_that_it_does_not_hear_unless_it_has_only_just_begun() {
    let mut world = World::new(1);
    let mut status = world.status(0);
    status.validators = (0..5).map(|it| ValidatorView { address: address(it), stake: Coins::from_bcc(10) }).collect();
    status.phase = Phase::WaitingForStake { online_percent: "20.0".into(), missing: (1..5).map(address).collect() };
    (status.peers, status.undecided_since) = (4, Some(UnixMillis(world.now)));
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status.clone()))));
    check(&world, Level::Good, "GOES ON", &["connected to 4 peers"]);
    status.peers = 0;
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status.clone()))));
    check(&world, Level::Bad, "STANDS STILL", &["80.0 % of the stake (is not heard)", "1 validator vote"]);
    (status.peers, status.undecided_since) = (4, Some(UnixMillis(world.now - 60_000)));
    world.says(0, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Bad, "STANDS STILL", &["20.0 %, 66.7 % needed"]);
}

#[test]
fn a_cut_that_closes_no_connection_is_seen_by_whom_nobody_hears() {
    let mut world = World::running(5);
    world.silent = true;
    world.cut(&[3, 4]);
    world.wait(3_000);
    let holds = ["split 3 | 2", "id0 id1 id2 have 60.0 %, id3 id4 have 40.0 %; 66.7 % needed"];
    check(&world, Level::Bad, "STANDS STILL for 3.0 s: ", &holds);
    assert_eq!(sees(&world.model, 0, 3), Sees::Silent);
    assert_eq!(sees(&world.model, 0, 1), Sees::Yes);
    // One that begins a height first waits for all the others, and they for none: that is no cut.
    let mut world = World::running(5);
    let mut status = world.status(1);
    status.phase =
        Phase::WaitingForStake { online_percent: "20.0".into(), missing: [0, 2, 3, 4].map(address).to_vec() };
    world.says(1, Topic::Status, Ok(Answer::Status(Box::new(status))));
    check(&world, Level::Good, "GOES ON", &["5 validators vote"]);
}
