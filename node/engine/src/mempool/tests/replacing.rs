//! A sender changes its mind.

use super::*;
use crate::effect::Replaced;
use crate::mempool::{REPLACEMENTS_MAX, replacement_fee};
use proptest::prelude::*;

impl World {
    /// Hands in what is to take the place of another one.
    #[track_caller]
    fn replace(&mut self, held: &VerifiedTransaction, by: &VerifiedTransaction) -> SubmitOutcome {
        let submitted = self.pool.submit(&self.ledger, vec![by.clone()], Some(held.id()), self.now);
        self.pool.check_invariants(&self.ledger);
        submitted.outcomes[0].1.clone()
    }

    /// Ids of what was replaced since the last look, and of what took its place.
    fn told_replaced(&mut self) -> Vec<(TransactionId, TransactionId)> {
        self.pool.take_replaced().into_iter().map(|Replaced { id, by, .. }| (id, by)).collect()
    }
}

fn replaced_by(by: &VerifiedTransaction) -> Option<SubmitOutcome> {
    Some(SubmitOutcome::Refused(TxRejected::Replaced { by: by.id() }))
}

#[test]
fn a_pooled_one_is_replaced_by_a_dearer_one_and_its_caller_is_told() {
    let mut world = World::new();
    let row = [world.send(1, 0, 100), world.send(1, 1, 10)];
    world.submit(row.to_vec());
    let dearer = world.send(1, 0, 200);
    let submitted = world.pool.submit(&world.ledger, vec![dearer.clone()], Some(row[0].id()), START);
    assert_eq!(submitted.outcomes, [(dearer.id(), SubmitOutcome::Pooled)]);
    assert_eq!((&submitted.own, &submitted.gossip), (&vec![dearer.clone()], &vec![dearer.clone()]));
    world.pool.check_invariants(&world.ledger);
    assert_eq!(world.place(&row[0]), replaced_by(&dearer));
    assert_eq!(world.selected(), [dearer.clone(), row[1].clone()]);
    let projected = world.pool.projected(&world.ledger, &address(1));
    assert_eq!((projected.next_nonce, projected.balance), (2, Coins::from_micros(783_700_000).unwrap()));
    assert_eq!(world.tick(1).forget, [row[0].id()], "what was replaced is not kept over a restart");
    assert_eq!(world.replace(&row[0], &dearer), SubmitOutcome::Pooled, "twice is once");
}

#[test]
fn what_is_replaced_is_told_once_wherever_it_was_and_wherever_the_other_came_from() {
    let mut world = World::new();
    let (pooled, early) = (world.send(1, 0, 100), world.send(1, 2, 100));
    world.submit(vec![pooled.clone(), early.clone()]);
    assert_eq!(world.told_replaced(), [], "nothing had the place before");
    let dearer = world.send(1, 0, 200);
    assert_eq!(world.replace(&pooled, &dearer), SubmitOutcome::Pooled);
    let told = Replaced { id: pooled.id(), by: dearer.id(), sender: address(1), nonce: 0 };
    assert_eq!(world.pool.take_replaced(), [told]);
    assert_eq!(world.replace(&pooled, &dearer), SubmitOutcome::Pooled, "twice is once");
    world.gossip(std::slice::from_ref(&pooled));
    assert_eq!(world.told_replaced(), [], "it does not come back");
    let (second, third) = (world.send(1, 0, 300), world.send(1, 2, 200));
    world.gossip(&[third.clone(), second.clone()]);
    assert_eq!(world.told_replaced(), [(dearer.id(), second.id()), (early.id(), third.id())]);
    world.tick(60_000);
    assert_eq!(world.told_replaced(), [], "time replaces nothing");
}

#[test]
fn a_refused_replacement_tells_nothing() {
    let mut world = World::new();
    let row = [world.send(1, 0, 500), world.send(1, 1, 100)];
    world.submit(row.to_vec());
    assert!(matches!(world.submit_one(&world.send(1, 0, 600)), SubmitOutcome::Refused(_)), "named nothing");
    for (held, by) in [(&row[0], world.send(1, 0, 501)), (&row[1], world.send(1, 1, 600))] {
        assert!(matches!(world.replace(held, &by), SubmitOutcome::Refused(_)), "too cheap, or too dear");
        world.gossip(&[by]);
    }
    assert_eq!(world.told_replaced(), []);
}

#[test]
fn a_final_transaction_is_not_told_as_replaced_nor_is_the_loser_of_its_nonce() {
    let mut world = World::new();
    let row = [world.send(1, 0, 100), world.send(1, 1, 100)];
    world.submit(row.to_vec());
    world.finalise(&row[..1]);
    let unheard = world.send(1, 1, 200);
    world.finalise(std::slice::from_ref(&unheard));
    assert_eq!(world.place(&row[1]), Some(SubmitOutcome::Refused(wrong_nonce(2, 1))), "the chain decided");
    assert_eq!(world.told_replaced(), []);
}

#[test]
fn a_caller_names_what_it_replaces_or_replaces_nothing() {
    let mut world = World::new();
    let held = world.send(1, 0, 100);
    world.submit(vec![held.clone()]);
    let dearer = world.send(1, 0, 500);
    let taken = SubmitOutcome::Refused(TxRejected::NonceTaken { nonce: 0 });
    assert_eq!(world.submit_one(&dearer), taken, "two commands that took one nonce by chance");
    assert_eq!(world.replace(&dearer, &dearer), taken, "another one has the place by now");
    assert_eq!(world.replace(&held, &dearer), SubmitOutcome::Pooled);
}

#[test]
fn the_fee_must_be_an_eighth_higher_and_at_least_by_the_smallest_fee() {
    let parameters = Parameters::default();
    let micros = |micros| Coins::from_micros(micros).unwrap();
    assert_eq!(replacement_fee(micros(8_000_000), &parameters), Some(micros(9_000_000)));
    assert_eq!(replacement_fee(micros(8_000_001), &parameters), Some(micros(9_000_002)));
    assert_eq!(replacement_fee(micros(1_000), &parameters), Some(micros(2_000)));
    let free = Parameters { fee_min: Coins::ZERO, ..parameters };
    assert_eq!(replacement_fee(Coins::ZERO, &free), Some(micros(1)));
    let mut world = World::new();
    let held = world.send(1, 0, 100);
    world.submit(vec![held.clone()]);
    let refusal = TxRejected::FeeTooLow { needed: micros(3_375_000), found: micros(3_360_000) };
    assert_eq!(world.replace(&held, &world.send(1, 0, 112)), SubmitOutcome::Refused(refusal));
    assert_eq!(world.replace(&held, &world.send(1, 0, 113)), SubmitOutcome::Pooled);
}

#[test]
fn gossip_replaces_by_the_fee_alone_and_never_back() {
    let mut world = World::new();
    let (first, second) = (world.send(1, 0, 100), world.send(1, 0, 200));
    assert_eq!(world.gossip(std::slice::from_ref(&first)), GossipVerdict::Accept);
    assert_eq!(world.gossip(std::slice::from_ref(&second)), GossipVerdict::Accept);
    assert_eq!(world.selected(), std::slice::from_ref(&second));
    for _ in 0..3 {
        assert_eq!(world.gossip(std::slice::from_ref(&first)), GossipVerdict::Ignore, "it ends here");
    }
    assert_eq!(world.selected(), std::slice::from_ref(&second));
    assert_eq!(world.gossip(&[first, second.clone()]), GossipVerdict::Accept, "half of it is good");
    assert_eq!(world.selected(), [second]);
}

#[test]
fn what_replaces_one_of_ours_is_ours_wherever_it_came_from() {
    let mut world = World::new();
    let (ours, dearer) = (world.send(1, 0, 100), world.send(1, 0, 200));
    world.submit(vec![ours.clone()]);
    world.gossip(std::slice::from_ref(&dearer));
    assert_eq!(world.pool.take_adopted(), std::slice::from_ref(&dearer), "to be remembered");
    assert_eq!(world.tick(60_000), Ticked { gossip: vec![dearer.clone()], forget: vec![ours.id()] });
    assert_eq!(world.finalise(std::slice::from_ref(&dearer)), [dearer.id()]);
}

#[test]
fn after_a_restart_the_dearer_of_two_that_were_kept_is_ours() {
    let world = World::new();
    let (first, second) = (world.send(1, 0, 100), world.send(1, 0, 200));
    for kept in [[first.clone(), second.clone()], [second.clone(), first.clone()]] {
        let mut restarted = World::new();
        let forgotten = restarted.pool.restore_own(&restarted.ledger, kept.to_vec(), START);
        restarted.pool.check_invariants(&restarted.ledger);
        assert_eq!(forgotten, [first.id()]);
        assert_eq!(restarted.selected(), std::slice::from_ref(&second));
    }
}

/// Either one is final, never both: SPEC TX-7.
#[test]
fn the_first_may_be_in_a_proposal_already() {
    let (mut world, mut other) = (World::new(), World::new());
    let (first, second) = (world.send(1, 0, 100), world.send(1, 0, 200));
    for world in [&mut world, &mut other] {
        world.submit(vec![first.clone()]);
        assert_eq!(world.replace(&first, &second), SubmitOutcome::Pooled);
    }
    assert_eq!(world.finalise(std::slice::from_ref(&first)), [first.id(), second.id()]);
    assert_eq!(world.place(&first), None, "final, whatever was said before");
    assert_eq!(world.place(&second), Some(SubmitOutcome::Refused(wrong_nonce(1, 0))));
    assert_eq!(world.pool.len(), 0);
    other.finalise(std::slice::from_ref(&second));
    assert_eq!(other.place(&first), replaced_by(&second));
    assert_eq!(other.submit_one(&first), SubmitOutcome::MaybeFinal(wrong_nonce(1, 0)));
}

#[test]
fn what_can_no_longer_be_paid_behind_it_goes_and_the_later_ones_wait() {
    let mut world = World::new();
    let row = [world.send(1, 0, 1), world.stake(1, 1, 50), world.send(1, 2, 500), world.send(1, 3, 1)];
    world.submit(row.to_vec());
    let dearer = world.send(1, 0, 600);
    assert_eq!(world.replace(&row[0], &dearer), SubmitOutcome::Pooled);
    assert!(matches!(
        world.place(&row[2]),
        Some(SubmitOutcome::Refused(TxRejected::InsufficientFunds { needed, .. })) if needed == bcc(515)
    ));
    assert_eq!(world.place(&row[3]), Some(SubmitOutcome::Queued));
    assert_eq!(world.selected(), [dearer, row[1].clone()]);
}

#[test]
fn one_that_it_cannot_pay_replaces_nothing() {
    let mut world = World::new();
    let row = [world.send(1, 0, 500), world.send(1, 1, 100)];
    world.submit(row.to_vec());
    let refused = world.replace(&row[1], &world.send(1, 1, 600));
    let reason = TxRejected::InsufficientFunds { needed: bcc(618), spendable: bcc(485) };
    assert_eq!(refused, SubmitOutcome::Refused(reason));
    assert_eq!(world.selected(), row);
    assert_eq!(world.tick(0).forget, []);
}

#[test]
fn a_stake_is_replaced_and_replaces_nothing() {
    let mut world = World::new();
    let row = [world.stake(1, 0, 50), world.send(1, 1, 1), world.stake(1, 2, 60)];
    world.submit(row.to_vec());
    let instead = world.send(1, 0, 1);
    assert_eq!(world.replace(&row[0], &instead), SubmitOutcome::Pooled);
    assert_eq!(world.selected(), [instead.clone(), row[1].clone(), row[2].clone()]);
    let stake = world.stake(1, 1, 70);
    assert!(matches!(
        world.replace(&row[1], &stake),
        SubmitOutcome::Refused(TxRejected::FeeTooLow { found, .. }) if found == Parameters::default().fee_min
    ));
}

#[test]
fn one_that_waits_on_the_shelf_is_replaced_there() {
    let mut world = World::new();
    let (early, dearer) = (world.send(1, 1, 100), world.send(1, 1, 200));
    world.submit(vec![early.clone()]);
    world.tick(1_000);
    assert_eq!(world.replace(&early, &dearer), SubmitOutcome::Queued);
    assert_eq!(world.place(&early), replaced_by(&dearer));
    assert_eq!(world.submit_one(&world.send(1, 0, 1)), SubmitOutcome::Pooled);
    assert_eq!(world.selected()[1], dearer);
    assert_eq!(world.tick(0).forget, [early.id()]);
}

#[test]
fn a_place_is_left_with_its_expiry() {
    let mut world = World::new();
    let body = |amount| Body::Send { to: address(60), amount: bcc(amount), payload: Payload::None };
    let (short, long) = (world.sign(1, 0, Some(1), body(1)), world.sign(1, 0, Some(9), body(2)));
    world.submit(vec![short.clone()]);
    assert_eq!(world.replace(&short, &long), SubmitOutcome::Pooled);
    world.finalise(&[]);
    world.finalise(&[]);
    assert_eq!(world.selected(), [long]);
}

/// A flood of replacements: all nodes relay and check only so many, until one is final and paid for.
#[test]
fn who_replaces_too_often_waits_until_one_is_final() {
    let mut world = World::new();
    let message = |world: &World, nonce, length: u32| {
        let payload = Payload::Plain("x".repeat(length.try_into().unwrap()));
        world.sign(1, nonce, None, Body::Send { to: address(60), amount: Coins::ZERO, payload })
    };
    let nonces = 0..u64::from(REPLACEMENTS_MAX);
    let row: Vec<_> = nonces.clone().map(|nonce| message(&world, nonce, 1)).collect();
    world.submit(row);
    for nonce in nonces {
        assert_eq!(world.gossip(&[message(&world, nonce, 2)]), GossipVerdict::Accept);
    }
    let again = message(&world, 0, 3);
    assert_eq!(world.gossip(std::slice::from_ref(&again)), GossipVerdict::Ignore);
    let held = message(&world, 0, 2);
    let limit = REPLACEMENTS_MAX;
    assert_eq!(world.replace(&held, &again), SubmitOutcome::Refused(TxRejected::ReplacedTooOften { limit }));
    world.finalise(&[held]);
    let later = message(&world, 1, 2);
    assert_eq!(world.replace(&later, &message(&world, 1, 3)), SubmitOutcome::Pooled, "one was final");
}

#[test]
fn the_counts_of_many_senders_are_bounded() {
    let mut counts = crate::mempool::replace::Replacements::default();
    for sender in 0..5_000_u32 {
        let mut address = [7; 32];
        address[..4].copy_from_slice(&sender.to_be_bytes());
        counts.count(Address(address));
        counts.check_invariants();
    }
}

proptest! {
    /// Whatever comes in whatever order: nodes that hear of the same replacements end with the same one, if each is dear
    /// enough to replace every cheaper one.
    #[test]
    fn the_order_in_which_replacements_are_heard_of_does_not_matter(order in Just((0..8_u32).collect::<Vec<_>>()).prop_shuffle()) {
        let mut world = World::new();
        let sends: Vec<_> = order.iter().map(|step| world.send(1, 0, 2_u64.pow(*step))).collect();
        for send in &sends {
            world.gossip(std::slice::from_ref(send));
        }
        prop_assert_eq!(world.selected(), vec![world.send(1, 0, 128)]);
    }
}
