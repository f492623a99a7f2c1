//! Transactions that are admitted, wait, or are refused.

use super::*;

#[test]
fn what_is_submitted_is_pooled_gossiped_and_ours() {
    let mut world = World::new();
    let transactions = world.sends(1, 0..3);
    let submitted = world.pool.submit(&world.ledger, transactions.clone(), None, START);
    assert!(submitted.outcomes.iter().all(|(_, outcome)| *outcome == SubmitOutcome::Pooled));
    assert_eq!((&submitted.gossip, &submitted.own), (&transactions, &transactions));
    assert_eq!((world.pool.len(), world.pool.bytes()), (3, transactions.iter().map(|tx| tx.bytes().len()).sum()));
    assert_eq!(world.pool.get(&transactions[1].id()), Some(&transactions[1]));
    let again = world.pool.submit(&world.ledger, transactions.clone(), None, START);
    assert_eq!(again.outcomes, submitted.outcomes, "a known id answers with where it is");
    assert_eq!((again.gossip, again.own), (vec![], vec![]));
}

#[test]
fn what_gossip_brought_first_becomes_ours_when_it_is_submitted_here_too() {
    let mut world = World::new();
    let transaction = world.send(1, 0, 1);
    assert_eq!(world.gossip(std::slice::from_ref(&transaction)), GossipVerdict::Accept);
    let submitted = world.pool.submit(&world.ledger, vec![transaction.clone()], None, START);
    assert_eq!(submitted.outcomes, [(transaction.id(), SubmitOutcome::Pooled)]);
    assert_eq!(submitted.own, [transaction]);
    assert_eq!(submitted.gossip, [], "it has spread already");
}

#[test]
fn the_same_transaction_twice_in_a_batch_is_one() {
    let mut world = World::new();
    let transaction = world.send(1, 0, 1);
    let submitted = world.pool.submit(&world.ledger, vec![transaction.clone(), transaction.clone()], None, START);
    assert!(submitted.outcomes.iter().all(|(_, outcome)| *outcome == SubmitOutcome::Pooled));
    assert_eq!((submitted.own.len(), submitted.gossip.len(), world.pool.len()), (1, 1, 1));
}

#[test]
fn pooled_spending_counts() {
    let mut world = World::new();
    let outcomes = world.submit(vec![world.send(1, 0, 500), world.send(1, 1, 500)]);
    let (needed, spendable) = (bcc(515), bcc(485));
    let refusal = TxRejected::InsufficientFunds { needed, spendable };
    assert_eq!(outcomes, [SubmitOutcome::Pooled, SubmitOutcome::Refused(refusal)]);
    let projected = world.pool.projected(&world.ledger, &address(1));
    assert_eq!((projected.balance, projected.next_nonce), (bcc(485), 1));
    assert_eq!(world.submit_one(&world.send(1, 1, 400)), SubmitOutcome::Pooled);
}

#[test]
fn income_in_the_pool_does_not_count_until_it_is_final() {
    let mut world = World::new();
    let body = Body::Send { to: address(2), amount: bcc(900), payload: Payload::None };
    let income = world.sign(1, 0, None, body);
    let spending = world.send(2, 0, 1_800);
    world.submit(vec![income.clone()]);
    let reason = TxRejected::InsufficientFunds { needed: bcc(1_854), spendable: bcc(1_000) };
    assert_eq!(world.submit_one(&spending), SubmitOutcome::Refused(reason.clone()));
    assert_eq!(world.place(&spending), Some(SubmitOutcome::Refused(reason)), "the reason is remembered");
    world.finalise(&[income]);
    assert_eq!(world.submit_one(&spending), SubmitOutcome::Pooled, "what was refused once is looked at anew");
    assert_eq!(world.place(&spending), Some(SubmitOutcome::Pooled));
}

#[test]
fn income_counts_behind_what_is_pooled_already() {
    let mut world = World::new();
    let body = Body::Send { to: address(2), amount: bcc(900), payload: Payload::None };
    let income = world.sign(1, 0, None, body);
    world.submit(vec![world.send(2, 0, 900), income.clone()]);
    world.finalise(&[income]);
    assert_eq!(world.submit_one(&world.send(2, 1, 900)), SubmitOutcome::Pooled);
}

#[test]
fn an_early_nonce_waits_and_is_promoted_when_the_gap_closes() {
    let mut world = World::new();
    let row = world.sends(1, 0..4);
    assert_eq!(world.submit(vec![row[3].clone(), row[1].clone()]), vec![SubmitOutcome::Queued; 2]);
    assert_eq!((world.pool.len(), world.pool.is_empty()), (0, true), "who waits is not pooled");
    assert_eq!(world.pool.projected(&world.ledger, &address(1)).next_nonce, 0);
    assert_eq!(world.submit_one(&row[0]), SubmitOutcome::Pooled);
    assert_eq!(world.place(&row[1]), Some(SubmitOutcome::Pooled));
    assert_eq!(world.place(&row[3]), Some(SubmitOutcome::Queued));
    assert_eq!(world.submit_one(&row[3]), SubmitOutcome::Queued, "a known id answers with where it is");
    assert_eq!(world.submit_one(&row[2]), SubmitOutcome::Pooled);
    assert_eq!(ids(&world.selected()), ids(&row));
}

#[test]
fn an_early_nonce_from_gossip_waits_too() {
    let mut world = World::new();
    let row = world.sends(1, 0..2);
    assert_eq!(world.gossip(&row[1..]), GossipVerdict::Accept);
    assert_eq!(world.place(&row[1]), Some(SubmitOutcome::Queued));
    assert_eq!(world.gossip(&row[..1]), GossipVerdict::Accept);
    assert_eq!(ids(&world.selected()), ids(&row));
}

#[test]
fn a_batch_in_any_order_is_pooled_whole() {
    let mut world = World::new();
    let mut batch = world.sends(1, 0..600);
    batch.reverse();
    let outcomes = world.submit(batch.clone());
    assert_eq!(outcomes, vec![SubmitOutcome::Pooled; 600]);
    batch.reverse();
    assert_eq!(ids(&world.selected()), ids(&batch));
}

#[test]
fn what_cannot_follow_when_its_turn_comes_leaves_the_shelf_with_the_reason() {
    let mut world = World::new();
    let (first, second) = (world.send(1, 0, 500), world.send(1, 1, 500));
    world.submit(vec![second.clone()]);
    world.submit(vec![first]);
    let reason = TxRejected::InsufficientFunds { needed: bcc(515), spendable: bcc(485) };
    assert_eq!(world.place(&second), Some(SubmitOutcome::Refused(reason)));
    assert_eq!(world.tick(1).forget, [second.id()], "it was ours");
}

#[test]
fn another_transaction_of_the_same_nonce_is_refused() {
    let mut world = World::new();
    world.submit(vec![world.send(1, 0, 1), world.send(1, 2, 1)]);
    for nonce in [0, 2] {
        let refusal = SubmitOutcome::Refused(TxRejected::NonceTaken { nonce });
        assert_eq!(world.submit_one(&world.send(1, nonce, 2)), refusal);
    }
}

#[test]
fn a_used_nonce_may_be_final() {
    let mut world = World::new();
    let transaction = world.send(1, 0, 1);
    world.finalise(std::slice::from_ref(&transaction));
    assert_eq!(world.submit_one(&transaction), SubmitOutcome::MaybeFinal(wrong_nonce(1, 0)));
    assert_eq!(world.place(&transaction), None, "the store knows");
}

#[test]
fn the_shelf_is_not_for_those_who_could_not_pay_even_one() {
    let mut world = World::new();
    let reason = TxRejected::InsufficientFunds { needed: bcc(1_030), spendable: bcc(1_000) };
    assert_eq!(world.submit_one(&world.send(1, 5, 1_000)), SubmitOutcome::Refused(reason));
    let expired = world.sign(1, 5, Some(0), Body::Stake { amount: bcc(5) });
    let reason = TxRejected::Expired { expiry: Height(0), height: Height(1) };
    assert_eq!(world.submit_one(&expired), SubmitOutcome::Refused(reason));
}

#[test]
fn stakes_follow_one_another_in_any_order_of_arrival() {
    let mut world = World::new();
    assert_eq!(world.submit_one(&world.stake(1, 2, 0)), SubmitOutcome::Queued, "unchanged as yet, but who knows");
    let outcomes = world.submit(vec![world.send(1, 1, 10), world.stake(1, 0, 500)]);
    assert_eq!(outcomes, vec![SubmitOutcome::Pooled; 2]);
    let projected = world.pool.projected(&world.ledger, &address(1));
    assert_eq!((projected.stake, projected.next_nonce, projected.unbonding.len()), (Coins::ZERO, 3, 1));
    assert_eq!(projected.balance, Coins::from_micros(489_698_000).unwrap(), "1000 - 500 - 10.3 and two fees");
    let reason = TxRejected::StakeUnchanged { stake: Coins::ZERO };
    assert_eq!(world.submit_one(&world.stake(1, 3, 0)), SubmitOutcome::Refused(reason));
}

#[test]
fn a_sender_pools_only_so_many_stakes() {
    let mut world = World::new();
    let stakes = (0..17).map(|nonce| world.stake(1, nonce, nonce + 1)).collect();
    let outcomes = world.submit(stakes);
    assert_eq!(outcomes[..16], vec![SubmitOutcome::Pooled; 16]);
    assert_eq!(outcomes[16], SubmitOutcome::Refused(TxRejected::SenderLimit { limit: 16 }));
}

#[test]
fn an_activate_has_a_place_beside_its_senders_row() {
    let mut world = World::new();
    let reason = SubmitOutcome::MaybeFinal(TxRejected::NoStake);
    assert_eq!(world.submit_one(&world.activate(1)), reason, "no nonce tells whether it is final");
    world.finalise(&[world.stake(1, 0, 10)]);
    let (send, activate) = (world.send(1, 1, 1), world.activate(1));
    assert_eq!(world.submit(vec![send.clone(), activate.clone()]), vec![SubmitOutcome::Pooled; 2]);
    assert_eq!(world.pool.projected(&world.ledger, &address(1)).next_nonce, 2, "it takes no nonce");
    let other = world.sign(1, 0, Some(9), activate.transaction().body.clone());
    assert_eq!(world.submit_one(&other), SubmitOutcome::MaybeFinal(TxRejected::NonceTaken { nonce: 0 }));
    assert_eq!(world.selected(), [activate, send], "activates come first");
}

#[test]
fn an_announcement_has_the_same_place_until_it_is_final_or_void() {
    let mut world = World::new();
    let announce =
        |world: &World, version| world.sign(VALIDATORS[0], 0, None, Body::Announce { version: RulesVersion(version) });
    let nothing = TxRejected::NothingToAnnounce { least: RulesVersion(2), found: RulesVersion(1) };
    assert_eq!(world.submit_one(&announce(&world, 1)), SubmitOutcome::MaybeFinal(nothing));
    let (second, third) = (announce(&world, 2), announce(&world, 3));
    assert_eq!(world.submit_one(&second), SubmitOutcome::Pooled);
    assert_eq!(world.submit_one(&third), SubmitOutcome::MaybeFinal(TxRejected::NonceTaken { nonce: 0 }));
    assert_eq!(world.selected(), std::slice::from_ref(&second));
    world.finalise(&[third]);
    assert!(world.pool.is_empty(), "a higher one is final");
    let void = TxRejected::NothingToAnnounce { least: RulesVersion(4), found: RulesVersion(2) };
    assert_eq!(world.place(&second), Some(SubmitOutcome::Refused(void)));
}

#[test]
fn claims_are_closed() {
    let mut world = World::new();
    let claim = world.sign(1, 0, None, Body::Claim { recent: nobody(), work: 1 });
    assert_eq!(world.submit_one(&claim), SubmitOutcome::MaybeFinal(TxRejected::ClaimsClosed));
}

#[test]
fn a_batch_is_passed_on_unless_most_of_it_is_void() {
    let mut world = World::new();
    let used = world.sends(1, 0..3);
    world.finalise(&used);
    let fresh = world.sends(2, 0..2);
    let void = |count: usize| used[..count].to_vec();
    assert_eq!(world.gossip(&[void(3), fresh.clone()].concat()), GossipVerdict::Ignore);
    assert_eq!(world.pool.len(), 2, "what is good in it is let in all the same");
    assert_eq!(world.gossip(&[void(2), fresh].concat()), GossipVerdict::Accept, "repetitions of the pooled are good");
    assert_eq!(world.gossip(&[world.send(3, 0, 5_000)]), GossipVerdict::Ignore, "unpayable");
    let body = Body::Send { to: address(60), amount: bcc(1), payload: Payload::None };
    assert_eq!(
        world.gossip(&[world.sign(2, 0, Some(9), body)]),
        GossipVerdict::Ignore,
        "another of the same nonce and fee"
    );
    assert_eq!(world.gossip(&[]), GossipVerdict::Ignore);
}

#[test]
fn a_full_pool_is_our_own_trouble_and_no_reason_to_stop_a_batch() {
    let mut world = World::with(EngineConfig { pool_transactions_max: 1, ..EngineConfig::default() });
    world.submit(vec![world.send(1, 0, 1)]);
    assert_eq!(world.gossip(&[world.send(2, 0, 1)]), GossipVerdict::Accept);
    assert_eq!(world.pool.len(), 1);
}

#[test]
fn what_waited_too_long_is_dropped_and_says_for_what_it_waited() {
    let mut world = World::new();
    let early = world.send(1, 3, 1);
    world.submit(vec![early.clone()]);
    assert_eq!(world.tick(29_999).forget, []);
    assert_eq!(world.place(&early), Some(SubmitOutcome::Queued));
    assert_eq!(world.tick(1).forget, [early.id()]);
    assert_eq!(world.place(&early), Some(SubmitOutcome::Refused(wrong_nonce(0, 3))));
}

#[test]
fn only_the_newest_refusals_are_remembered() {
    let mut world = World::with(EngineConfig { refused_max: 2, ..EngineConfig::default() });
    let refused: Vec<_> = (1..=3).map(|person| world.send(person, 0, 5_000)).collect();
    world.submit(refused.clone());
    let known: Vec<_> = refused.iter().map(|transaction| world.place(transaction).is_some()).collect();
    assert_eq!(known, [false, true, true]);
    world.gossip(&[world.send(4, 0, 5_000)]);
    assert!(world.place(&refused[1]).is_some(), "what nobody here asked about pushes nothing out");
}
