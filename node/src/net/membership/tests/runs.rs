//! Restarted nodes and copied homes: two runs of one identity.

use super::super::Note;
use super::*;

/// A peer of our chain that told its run, and a second connection to it.
fn twice(first: &str, second: &str) -> (World, PeerId) {
    let (mut world, id) = (World::new(&[]), PeerId::random());
    world.called_by(id, &private(1));
    world.identify(id, 0, first);
    world.connect(id, &private(2), Way::In);
    world.identify(id, 1, second);
    (world, id)
}

fn is_anew(act: &Act) -> bool {
    matches!(act, Act::Say(Note::Anew { .. }))
}

#[test]
fn a_peer_that_both_dialled_is_left_in_peace() {
    let (world, id) = twice("1", "1");
    assert_eq!(world.open[&id].len(), 2);
    assert!(!world.acts.iter().any(|act| matches!(act, Act::Probe(..))));
}

#[test]
fn a_restarted_peer_gets_a_clean_start_as_soon_as_its_first_connection_is_known_to_be_dead() {
    let (mut world, id) = twice("1", "2");
    let first = world.open[&id][0];
    assert!(world.acts.contains(&Act::Probe(id, first)) && world.open[&id].len() == 2);
    world.answers(id, false);
    assert!(!world.open.contains_key(&id));
    assert!(world.acts.iter().any(is_anew));
}

#[test]
fn a_first_connection_that_says_nothing_at_all_holds_a_restarted_peer_up_for_three_seconds() {
    let (mut world, id) = twice("1", "2");
    world.wait(1);
    world.wait(1);
    assert!(world.open.contains_key(&id));
    world.wait(1);
    assert!(!world.open.contains_key(&id));
}

#[test]
fn a_restarted_peer_whose_first_connection_closes_meanwhile_gets_a_clean_start() {
    let (mut world, id) = twice("1", "2");
    let first = world.open[&id][0];
    world.close_one(id, first);
    assert!(!world.open.contains_key(&id));
}

#[test]
fn one_that_closed_before_the_other_run_told_itself_is_no_reason_to_keep_a_deaf_connection() {
    let (mut world, id) = (World::new(&[]), PeerId::random());
    world.called_by(id, &private(1));
    world.identify(id, 0, "1");
    world.connect(id, &private(2), Way::In);
    let first = world.open[&id][0];
    world.close_one(id, first);
    assert!(world.open.contains_key(&id));
    world.identify(id, 0, "2");
    assert!(!world.open.contains_key(&id));
}

#[test]
fn a_copy_is_refused_and_the_original_keeps_its_connection() {
    let (mut world, id) = twice("1", "2");
    let (first, second) = (world.open[&id][0], world.open[&id][1]);
    let acts = world.answers(id, true);
    assert!(acts.contains(&Act::Refuse(id, second, Parting::OtherRun)), "{acts:?}");
    assert!(acts.iter().any(|act| matches!(act, Act::Say(Note::Copied { news: true, .. }))));
    assert!(!acts.iter().any(|act| matches!(act, Act::TellGone(_))));
    (0..5).for_each(|_| drop(world.wait(1)));
    assert_eq!(world.open[&id], [first], "closed, whether it heard or not");
    assert!(world.members.peers.get(&id).unwrap().other_run.is_some());
}

#[test]
fn three_copies_that_call_again_and_again_do_not_push_the_original_off_nor_fill_the_log() {
    let (mut world, id) = (World::new(&[]), PeerId::random());
    world.called_by(id, &private(0));
    world.identify(id, 0, "original");
    let first = world.open[&id][0];
    for call in 0..30 {
        world.connect(id, &private(1 + call % 3), Way::In);
        world.identify(id, 1, &format!("copy {}", call % 3));
        world.answers(id, true);
        (0..5).for_each(|_| drop(world.wait(1)));
        world.tell(Fact::Pinged { id, connection: first, latency: Duration::from_millis(1) });
        assert_eq!(world.open[&id], [first]);
    }
    let told = world.acts.iter().filter(|act| matches!(act, Act::Say(Note::Copied { news: true, .. })));
    assert_eq!(told.count(), 1);
}

#[test]
fn what_a_copy_says_of_itself_is_not_taken_for_the_peers() {
    let (mut world, id) = (World::new(&[]), PeerId::random());
    world.called_by(id, &private(1));
    world.identify(id, 0, "1");
    world.connect(id, &private(1), Way::In);
    let connection = world.open[&id][1];
    let listens = vec![address("/ip4/10.0.0.2/tcp/7475")];
    let about = About { run: Some("2".into()), listens, ..About::default() };
    let acts = world.tell(Fact::Identified { id, connection, about });
    assert_eq!(acts, [Act::Probe(id, world.open[&id][0])]);
    assert!(world.members.peers.get(&id).unwrap().listens.is_empty());
}

#[test]
fn whichever_run_tells_itself_first_the_older_connection_is_probed() {
    let (mut world, id) = (World::new(&[]), PeerId::random());
    world.called_by(id, &private(1));
    world.connect(id, &private(2), Way::In);
    world.identify(id, 1, "2");
    let acts = world.identify(id, 0, "1");
    assert_eq!(acts, [Act::Probe(id, world.open[&id][0])]);
    let second = world.open[&id][1];
    assert!(world.answers(id, true).contains(&Act::Refuse(id, second, Parting::OtherRun)));
}

#[test]
fn an_address_that_led_to_a_copy_is_not_remembered_as_the_peers_and_not_called_at_once() {
    let mut world = World::new(&["/ip4/10.9.9.9/tcp/7475"]);
    let id = PeerId::random();
    world.called_by(id, &private(1));
    world.identify(id, 0, "1");
    let dial = World::dials(&world.wait(1)).pop().unwrap();
    world.connect(id, "/ip4/10.9.9.9/tcp/7475", Way::Out(dial.attempt));
    world.identify(id, 1, "2");
    world.answers(id, true);
    assert!(!world.acts.iter().any(|act| matches!(act, Act::Reached(..))));
    let second = world.open[&id][1];
    world.close_one(id, second);
    let shown = world.members.targets.shown(Need::Few).next().unwrap().failure.cloned();
    assert_eq!(shown, Some(Failure::Copied(id)));
    assert!((0..15).all(|_| World::dials(&world.wait(1)).is_empty()));
}

fn told(acts: &[Act]) -> Vec<bool> {
    let shut_out = |act: &Act| match act {
        Act::TellElsewhere { shut_out } => Some(*shut_out),
        _ => None,
    };
    acts.iter().filter_map(shut_out).collect()
}

#[test]
fn a_copy_that_everybody_refuses_knows_it_and_knows_when_one_takes_it() {
    let mut world = World::new(&["/ip4/10.9.9.9/tcp/7475"]);
    let keeper = PeerId::random();
    for call in 0..3 {
        let dial = (0..60).find_map(|_| World::dials(&world.wait(1)).pop()).expect("it is called again");
        world.connect(keeper, "/ip4/10.9.9.9/tcp/7475", Way::Out(dial.attempt));
        let acts = world.tell(Fact::Dismissed { id: keeper, why: Parting::OtherRun });
        assert_eq!(told(&acts), if call == 0 { vec![true] } else { vec![] }, "once");
    }
    let shown = world.members.targets.shown(Need::Few).next().unwrap().failure.cloned();
    assert!(matches!(shown, Some(Failure::Copied(_))));
    let dial = (0..60).find_map(|_| World::dials(&world.wait(1)).pop()).expect("the other one is gone");
    world.connect(keeper, "/ip4/10.9.9.9/tcp/7475", Way::Out(dial.attempt));
    let acts = world.tell(Fact::Said { id: keeper, status: status(CHAIN) });
    assert_eq!(told(&acts), [false]);
    assert!(told(&world.wait(600)).is_empty());
}

#[test]
fn who_has_other_peers_is_told_of_a_copy_and_not_shut_out_whatever_a_liar_says() {
    let (mut world, liar) = (World::new(&[]), PeerId::random());
    world.called_by(PeerId::random(), &private(1));
    for call in 0..5 {
        world.called_by(liar, &private(2));
        let acts = world.tell(Fact::Dismissed { id: liar, why: Parting::OtherRun });
        assert_eq!(told(&acts), if call == 0 { vec![false] } else { vec![] });
    }
}
