//! Fairness: places in a block, eviction from a full pool, use of the shelf.

use super::*;

fn senders(transactions: &[VerifiedTransaction]) -> Vec<Address> {
    transactions.iter().map(VerifiedTransaction::sender).collect()
}

/// Room for `max` transactions and no sender's share to speak of.
fn small(max: usize) -> World {
    World::with(EngineConfig { pool_transactions_max: max, pool_sender_share: 1, ..EngineConfig::default() })
}

fn full() -> SubmitOutcome {
    SubmitOutcome::Refused(TxRejected::PoolFull)
}

#[test]
fn senders_take_turns() {
    let mut world = World::new();
    world.submit([world.sends(1, 0..5), world.sends(2, 0..2), world.sends(3, 0..1)].concat());
    let selected = world.selected();
    let mut first = senders(&selected[..3]);
    first.sort();
    let mut all: Vec<_> = [1, 2, 3].map(address).into();
    all.sort();
    assert_eq!(first, all, "everybody's first comes before anybody's second");
    assert_eq!(selected[5..].iter().map(VerifiedTransaction::nonce).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(selected.len(), 8);
}

#[test]
fn a_selection_ends_with_what_does_not_fit() {
    let mut world = World::new();
    world.submit(world.sends(1, 0..5));
    assert_eq!(world.pool.select(3, usize::MAX).len(), 3);
    let two: usize = world.selected()[..2].iter().map(|transaction| transaction.bytes().len()).sum();
    assert_eq!(world.pool.select(9, two).len(), 2);
    assert_eq!(world.pool.select(9, two - 1).len(), 1);
    assert_eq!(world.pool.select(0, usize::MAX), []);
}

#[test]
fn under_load_everybody_has_a_turn() {
    let mut world = World::new();
    let batch: Vec<_> = (1..=50).flat_map(|person| world.sends(person, 0..3)).collect();
    world.submit(batch);
    for _ in 0..5 {
        let block = world.pool.select(10, usize::MAX);
        world.finalise(&block);
    }
    for person in 1..=50 {
        assert_eq!(world.ledger.account(&address(person)).next_nonce, 1, "fifty places, fifty people");
    }
}

#[test]
fn one_sender_gets_its_share_and_not_more() {
    let config = EngineConfig { pool_transactions_max: 64, pool_sender_share: 16, ..EngineConfig::default() };
    let mut world = World::with(config);
    let outcomes = world.submit(world.sends(1, 0..5));
    assert_eq!(outcomes[3..], [SubmitOutcome::Pooled, SubmitOutcome::Refused(TxRejected::SenderLimit { limit: 4 })]);
}

#[test]
fn the_share_counts_bytes_too() {
    let mut world = World::with(EngineConfig { pool_bytes_max: 16 * 4_096, ..EngineConfig::default() });
    let row = world.sends(1, 0..40);
    let room = 4_096 / row[0].bytes().len();
    let outcomes = world.submit(row);
    assert_eq!(outcomes[room - 1], SubmitOutcome::Pooled);
    assert_eq!(outcomes[room], SubmitOutcome::Refused(TxRejected::SenderLimit { limit: room }));
}

#[test]
fn in_a_full_pool_the_last_of_the_largest_gives_way_to_the_smaller() {
    let mut world = small(6);
    let (large, small) = (world.sends(1, 0..4), world.sends(2, 0..2));
    world.gossip(&[large.clone(), small].concat());
    let newcomer = world.send(3, 0, 1);
    assert_eq!(world.submit_one(&newcomer), SubmitOutcome::Pooled);
    assert_eq!(world.place(&large[3]), Some(full()), "and may ask why");
    assert_eq!(world.place(&large[2]), Some(SubmitOutcome::Pooled));
    assert_eq!(world.submit_one(&large[3]), full(), "the largest does not push out the smaller");
    assert_eq!(world.pool.len(), 6);
}

#[test]
fn equals_do_not_push_each_other_out() {
    let mut world = small(4);
    world.gossip(&[world.sends(1, 0..2), world.sends(2, 0..2)].concat());
    assert_eq!(world.submit_one(&world.send(1, 2, 1)), full());
    assert_eq!(world.submit_one(&world.send(3, 0, 1)), SubmitOutcome::Pooled, "nothing held, two is more by two");
    assert_eq!(world.submit_one(&world.send(3, 1, 1)), full(), "one held, two is not");
    assert_eq!(world.pool.len(), 4);
}

#[test]
fn our_own_are_never_evicted() {
    let mut world = small(6);
    let (ours, theirs) = (world.sends(1, 0..4), world.sends(2, 0..2));
    world.submit(ours.clone());
    world.gossip(&theirs);
    assert_eq!(world.gossip(&[world.send(3, 0, 1)]), GossipVerdict::Accept);
    assert_eq!(world.place(&theirs[1]), Some(full()), "the next largest gives way");
    world.gossip(&[world.send(4, 0, 1)]);
    assert!(ours.iter().all(|transaction| world.place(transaction) == Some(SubmitOutcome::Pooled)));
    assert_eq!(world.pool.lookup(&world.send(4, 0, 1).id()), None);
}

/// A pool full of these transactions to the last byte, none of them ours.
fn full_of(transactions: &[VerifiedTransaction]) -> World {
    let pool_bytes_max = transactions.iter().map(|transaction| transaction.bytes().len()).sum();
    let mut world = World::with(EngineConfig { pool_bytes_max, pool_sender_share: 1, ..EngineConfig::default() });
    world.gossip(transactions);
    assert_eq!(world.pool.bytes(), pool_bytes_max);
    world
}

/// A message longer than two short transfers and shorter than four.
fn long(world: &World, person: u8, short: &VerifiedTransaction) -> VerifiedTransaction {
    let payload = Payload::Plain("x".repeat(2 * short.bytes().len()));
    world.sign(person, 0, None, Body::Send { to: address(3), amount: Coins::ZERO, payload })
}

#[test]
fn for_a_long_message_several_short_ones_give_way() {
    let short = World::new().sends(1, 0..12);
    let mut world = full_of(&short);
    let long = long(&world, 2, &short[0]);
    let evicted = long.bytes().len().div_ceil(short[0].bytes().len());
    assert!(evicted > 1);
    assert_eq!(world.submit_one(&long), SubmitOutcome::Pooled);
    assert_eq!(world.pool.len(), 12 - evicted + 1);
    assert_eq!(world.place(&short[12 - evicted]), Some(full()));
}

#[test]
fn nobody_is_evicted_if_that_does_not_make_room_enough() {
    let world = World::new();
    let short = [world.sends(1, 0..2), world.sends(2, 0..2)].concat();
    let mut world = full_of(&short);
    let before = world.selected();
    let long = long(&world, 3, &short[0]);
    assert_eq!(world.submit_one(&long), full());
    assert_eq!(world.selected(), before);
}

#[test]
fn the_largest_on_the_shelf_gives_way_to_the_smaller() {
    let mut world = World::with(EngineConfig { shelf_max: 8, ..EngineConfig::default() });
    let (first, second) = (world.sends(1, 1..6), world.sends(2, 1..5));
    world.gossip(&first);
    assert_eq!(world.place(&first[4]), None, "one sender may use half of it");
    world.gossip(&second);
    let newcomer = world.send(3, 1, 1);
    assert_eq!(world.submit_one(&newcomer), SubmitOutcome::Queued);
    let evicted = first[..4].iter().chain(&second).filter(|transaction| world.place(transaction) == Some(full()));
    assert_eq!(evicted.map(VerifiedTransaction::nonce).collect::<Vec<_>>(), [4], "the last of one of the largest");
}

#[test]
fn our_own_are_never_pushed_off_the_shelf() {
    let mut world = World::with(EngineConfig { shelf_max: 4, ..EngineConfig::default() });
    world.submit([world.sends(1, 1..3), world.sends(2, 1..3)].concat());
    assert_eq!(world.submit_one(&world.send(3, 1, 1)), full());
}
