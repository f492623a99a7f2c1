//! Our own transactions: repeated until they are final, kept across a restart.

use super::*;

/// Seconds after the start at which this transaction is repeated, looking every half second.
fn repeats(world: &mut World, transaction: &VerifiedTransaction, seconds: u64) -> Vec<u64> {
    let mut times = vec![];
    for _ in 0..seconds * 2 {
        if world.tick(500).gossip.contains(transaction) {
            times.push(world.now.since(START) / 1_000);
        }
    }
    times
}

#[test]
fn our_own_is_repeated_after_pauses_that_double_up_to_a_minute() {
    let mut world = World::new();
    let (ours, theirs) = (world.send(1, 0, 1), world.send(2, 0, 1));
    world.submit(vec![ours.clone()]);
    world.gossip(std::slice::from_ref(&theirs));
    assert_eq!(repeats(&mut world, &ours, 250), [2, 6, 14, 30, 62, 122, 182, 242]);
    assert_eq!(repeats(&mut world, &theirs, 70), []);
    world.finalise(std::slice::from_ref(&ours));
    assert_eq!(repeats(&mut world, &ours, 130), [], "final");
}

#[test]
fn our_own_on_the_shelf_is_repeated_too() {
    let mut world = World::new();
    let early = world.send(1, 1, 1);
    world.submit(vec![early.clone()]);
    assert_eq!(repeats(&mut world, &early, 60), [2, 6, 14], "until it has waited for too long");
}

#[test]
fn what_ours_come_after_is_repeated_with_them() {
    let mut world = World::new();
    let (theirs, ours, unrelated) = (world.send(1, 0, 1), world.send(1, 1, 1), world.send(2, 0, 1));
    world.gossip(&[theirs.clone(), unrelated]);
    world.submit(vec![ours.clone()]);
    assert_eq!(world.tick(2_000).gossip, [theirs.clone(), ours.clone()], "we may be the last who holds it");
    world.finalise(std::slice::from_ref(&theirs));
    assert_eq!(world.tick(4_000).gossip, [ours]);
}

#[test]
fn when_a_peer_lacks_them_all_our_own_are_due() {
    let mut world = World::new();
    let ours = world.sends(1, 0..3);
    world.submit(ours.clone());
    world.gossip(&[world.send(2, 0, 1)]);
    world.tick(100_000);
    world.now = world.now.plus(1);
    assert_eq!(world.pool.own_now(world.now), ours, "lower nonces first");
    let now = world.now;
    assert_eq!(world.tick(1_999).gossip, []);
    assert_eq!(world.tick(1).gossip, ours, "as if just submitted");
    assert_eq!(world.now.since(now), 2_000);
}

#[test]
fn a_long_queue_is_repeated_piece_by_piece() {
    let mut world = World::with(EngineConfig { pool_sender_share: 1, ..EngineConfig::default() });
    let tiny = |nonce| {
        let amount = Coins::from_micros(1).unwrap();
        world.sign(1, nonce, None, Body::Send { to: address(2), amount, payload: Payload::None })
    };
    let ours: Vec<_> = (0..1_500).map(tiny).collect();
    world.submit(ours.clone());
    let bytes = |all: &[VerifiedTransaction]| all.iter().map(|one| one.bytes().len()).sum::<usize>();
    let first = world.pool.own_now(world.now);
    assert!(bytes(&first) > 64_000 && bytes(&first) < 66_000, "{}", bytes(&first));
    let mut repeated = first;
    let mut pieces = vec![];
    for _ in 0..6 {
        let piece = world.tick(1).gossip;
        pieces.push(bytes(&piece) / 1_000);
        repeated.extend(piece);
    }
    assert_eq!(pieces, [32, 16, 8, 4, 4, 4], "ever fewer while none of ours becomes final");
    assert_eq!(repeated, ours[..repeated.len()], "earlier ones first");
    world.finalise(&ours[..1]);
    let after: Vec<_> = (0..3).map(|_| bytes(&world.tick(1).gossip) / 1_000).collect();
    assert_eq!(after, [8, 4, 4], "more after one became final");
}

/// If all transactions take ten seconds, one of two seconds is not lost.
#[test]
fn where_blocks_are_slow_repetitions_wait_longer() {
    let mut world = World::new();
    let ours = world.sends(1, 0..30);
    for one in &ours[..29] {
        world.submit(vec![one.clone()]);
        world.now = world.now.plus(10_000);
        world.finalise(std::slice::from_ref(one));
    }
    let start = world.now;
    world.submit(vec![ours[29].clone()]);
    let first = (1..100).find(|_| !world.tick(500).gossip.is_empty());
    assert!(first.is_some());
    let after_ms = world.now.since(start);
    assert!((18_000..=20_000).contains(&after_ms), "{after_ms} ms");
}

#[test]
fn a_clock_put_back_does_not_silence_us() {
    let mut world = World::new();
    let ours = world.send(1, 0, 1);
    world.submit(vec![ours.clone()]);
    world.now = UnixMillis(5);
    assert_eq!(world.tick(0).gossip, [ours]);
}

#[test]
fn our_own_survive_a_restart_in_any_order() {
    let mut world = World::new();
    let (stale, row, poor) = (world.send(1, 0, 1), world.sends(1, 1..4), world.send(2, 0, 5_000));
    world.finalise(std::slice::from_ref(&stale));
    let mut file = [row.clone(), vec![stale.clone(), poor.clone()]].concat();
    file.reverse();
    let mut gone = world.pool.restore_own(&world.ledger, file, world.now);
    world.pool.check_invariants(&world.ledger);
    gone.sort();
    let mut expected = vec![stale.id(), poor.id()];
    expected.sort();
    assert_eq!(gone, expected, "final or hopeless");
    assert_eq!(world.selected(), row);
    assert_eq!(world.tick(2_000).gossip, row, "and are ours as before");
}
