//! The effect of a block on the pool.

use super::*;
use blockchat_proto::ledger::Standing;

#[test]
fn what_is_final_leaves_and_need_not_be_remembered() {
    let mut world = World::new();
    let (ours, theirs) = (world.sends(1, 0..3), world.sends(2, 0..1));
    world.submit(ours.clone());
    world.gossip(&theirs);
    let mut forgotten = world.finalise(&[&ours[..2], &theirs[..]].concat());
    forgotten.sort();
    let mut expected = ids(&ours[..2]);
    expected.sort();
    assert_eq!(forgotten, expected);
    assert_eq!(world.place(&ours[0]), None);
    assert_eq!(world.selected(), ours[2..]);
    assert_eq!(world.pool.projected(&world.ledger, &address(1)).next_nonce, 3);
}

#[test]
fn another_transaction_of_the_same_nonce_voids_ours() {
    let mut world = World::new();
    let ours = world.sends(1, 0..3);
    world.submit(ours.clone());
    let forgotten = world.finalise(&[world.send(1, 0, 7)]);
    assert_eq!(forgotten, [ours[0].id()]);
    assert_eq!(world.place(&ours[0]), Some(SubmitOutcome::Refused(wrong_nonce(1, 0))));
    assert_eq!(world.selected(), ours[1..], "the others are still good");
}

#[test]
fn what_cannot_be_paid_any_more_goes_and_the_later_ones_wait_again() {
    let mut world = World::new();
    let ours = [world.send(1, 0, 1), world.send(1, 1, 1), world.send(1, 2, 500), world.send(1, 3, 1)];
    world.submit(ours.to_vec());
    let dearer = world.send(1, 0, 600);
    assert_eq!(world.finalise(&[dearer]), [ours[0].id(), ours[2].id()]);
    let spendable = Coins::from_micros(380_970_000).unwrap();
    let reason = TxRejected::InsufficientFunds { needed: bcc(515), spendable };
    assert_eq!(world.place(&ours[2]), Some(SubmitOutcome::Refused(reason)));
    assert_eq!(world.place(&ours[3]), Some(SubmitOutcome::Queued));
    assert_eq!(world.selected(), ours[1..2]);
    assert_eq!(world.submit_one(&world.send(1, 2, 10)), SubmitOutcome::Pooled);
    assert_eq!(world.place(&ours[3]), Some(SubmitOutcome::Pooled), "the gap is closed");
}

#[test]
fn a_block_may_close_a_gap() {
    let mut world = World::new();
    let row = world.sends(1, 0..4);
    world.gossip(&[row[1].clone(), row[3].clone()]);
    world.finalise(&row[..1]);
    assert_eq!(world.selected(), row[1..2]);
    world.finalise(&row[1..3]);
    assert_eq!(world.selected(), row[3..]);
}

#[test]
fn what_waits_on_the_shelf_may_become_final_elsewhere() {
    let mut world = World::new();
    let row = world.sends(1, 0..3);
    world.submit(vec![row[1].clone(), row[2].clone()]);
    let forgotten = world.finalise(&[row[0].clone(), row[1].clone(), world.send(1, 2, 9)]);
    assert_eq!(forgotten.len(), 2);
    assert_eq!(world.place(&row[1]), None, "final");
    assert_eq!(world.place(&row[2]), Some(SubmitOutcome::Refused(wrong_nonce(3, 2))), "replaced");
}

#[test]
fn what_expires_goes_and_the_later_ones_wait_again() {
    let mut world = World::new();
    let body = Body::Send { to: address(2), amount: bcc(1), payload: Payload::None };
    let row = [world.send(1, 0, 1), world.sign(1, 1, Some(2), body), world.send(1, 2, 1)];
    world.submit(row.to_vec());
    assert_eq!(world.finalise(&[]), []);
    assert_eq!(world.pool.len(), 3, "valid in block 2");
    assert_eq!(world.finalise(&[]), [row[1].id()]);
    let reason = TxRejected::Expired { expiry: Height(2), height: Height(3) };
    assert_eq!(world.place(&row[1]), Some(SubmitOutcome::Refused(reason)));
    assert_eq!(world.place(&row[2]), Some(SubmitOutcome::Queued));
    assert_eq!(world.selected(), row[..1]);
}

#[test]
fn what_is_final_in_its_last_block_has_not_expired() {
    let mut world = World::new();
    let last_chance = world.sign(1, 0, Some(1), Body::Stake { amount: bcc(5) });
    let later = world.send(1, 1, 1);
    world.submit(vec![last_chance.clone(), later.clone()]);
    assert_eq!(world.finalise(std::slice::from_ref(&last_chance)), [last_chance.id()]);
    assert_eq!(world.place(&last_chance), None);
    assert_eq!(world.selected(), [later]);
}

#[test]
fn activates_are_looked_at_after_every_block() {
    let mut world = World::new();
    world.finalise(&[world.stake(1, 0, 10), world.stake(2, 0, 10)]);
    let (first, second) = (world.activate(1), world.activate(2));
    world.submit(vec![first.clone(), second.clone()]);
    let other = world.sign(2, 0, Some(50), second.transaction().body.clone());
    let mut forgotten = world.finalise(&[first.clone(), other]);
    forgotten.sort();
    let mut both = vec![first.id(), second.id()];
    both.sort();
    assert_eq!(forgotten, both);
    assert_eq!(world.place(&first), None, "final");
    assert_eq!(world.place(&second), Some(SubmitOutcome::Refused(TxRejected::AlreadyActive)));
    assert!(world.pool.is_empty());
    assert_eq!(world.ledger.account(&address(2)).standing, Standing::Active);
}

#[test]
fn what_a_build_refuses_goes_and_its_followers_wait_again() {
    let mut world = World::new();
    // Both validators may leave by the rules for one, but not both of them.
    let leaving = VALIDATORS.map(|person| world.stake(person, 0, 0));
    let followers = VALIDATORS.map(|person| world.send(person, 1, 1));
    world.submit([leaving.clone(), followers.clone()].concat());
    assert_eq!(world.pool.len(), 4);
    let built = world.build(&world.selected());
    assert_eq!(built.refused.len(), 2, "the second to leave, and what follows");
    let stays = leaving.iter().position(|transaction| transaction.id() == built.refused[0].0).unwrap();
    let forgotten = world.pool.refused(&built.refused);
    world.pool.check_invariants(&world.ledger);
    assert_eq!(forgotten, [leaving[stays].id()]);
    let reason = TxRejected::LastValidators { min: 1 };
    assert_eq!(world.place(&leaving[stays]), Some(SubmitOutcome::Refused(reason)));
    assert_eq!(world.place(&followers[stays]), Some(SubmitOutcome::Queued));
    assert_eq!(world.place(&followers[1 - stays]), Some(SubmitOutcome::Pooled));
}

#[test]
fn a_refused_activate_leaves_its_senders_row_alone() {
    let mut world = World::new();
    world.finalise(&[world.stake(1, 0, 10)]);
    let (activate, send) = (world.activate(1), world.send(1, 1, 1));
    world.submit(vec![activate.clone(), send.clone()]);
    assert_eq!(world.pool.refused(&[(activate.id(), TxRejected::NotRecent)]), [activate.id()]);
    world.pool.check_invariants(&world.ledger);
    assert_eq!(world.selected(), [send]);
}

#[test]
fn a_build_is_not_refused_the_same_thing_twice_even_if_the_reason_makes_no_sense() {
    let mut world = World::new();
    let row = world.sends(1, 0..3);
    world.submit(row.clone());
    world.pool.refused(&[(row[1].id(), wrong_nonce(0, 1))]);
    world.pool.check_invariants(&world.ledger);
    assert_eq!(world.selected(), row[..1]);
    assert_eq!(world.pool.refused(&[(nobody(), TxRejected::NoStake)]), [], "what is not pooled does not matter");
}

#[test]
fn a_stake_that_others_made_void_is_found_before_anything_is_built_on_it() {
    let mut world = World::new();
    let leaving = world.stake(VALIDATORS[0], 0, 0);
    world.submit(vec![leaving.clone()]);
    world.finalise(&[world.stake(VALIDATORS[1], 0, 0)]);
    assert_eq!(world.place(&leaving), Some(SubmitOutcome::Pooled), "nobody looked yet");
    assert_eq!(world.submit_one(&world.send(VALIDATORS[0], 1, 1)), SubmitOutcome::Queued);
    let reason = TxRejected::LastValidators { min: 1 };
    assert_eq!(world.place(&leaving), Some(SubmitOutcome::Refused(reason)));
    assert_eq!(world.tick(1).forget, [leaving.id()]);
}

#[test]
fn what_is_final_makes_room_before_what_waited_moves_up() {
    let config = EngineConfig { pool_transactions_max: 3, pool_sender_share: 1, ..EngineConfig::default() };
    let mut world = World::with(config);
    world.finalise(&[world.stake(1, 0, 10)]);
    let (activate, others, row) = (world.activate(1), world.sends(2, 0..2), world.sends(3, 0..2));
    world.gossip(&[vec![activate.clone()], others.clone(), row[1..].to_vec()].concat());
    assert_eq!((world.pool.len(), world.place(&row[1])), (3, Some(SubmitOutcome::Queued)));
    world.finalise(&[activate, row[0].clone()]);
    let pooled = |transaction: &VerifiedTransaction| world.place(transaction) == Some(SubmitOutcome::Pooled);
    assert!(pooled(&row[1]) && others.iter().all(pooled), "nobody had to be evicted");
}
