//! Money moves as the rules say: fees, stakes, releases.

use super::*;
use crate::ledger::{Standing, Unbonding};
use crate::limits;
use crate::transaction::{SealSalt, Sealed};

/// Four validators, so that none is the last.
fn world() -> World {
    World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 50), (4, 100, 50), (9, 1_000, 0)])
}

#[test]
fn a_sender_pays_amount_and_fee_and_the_leader_earns_it() {
    let mut world = world();
    let leader = world.draft(vec![]).leader;
    let earned = world.ledger.account(&leader).balance;
    let applied = world.block(vec![world.send(9, 8, bcc(100))]);
    assert_eq!(world.account(9).balance, bcc(897));
    assert_eq!(world.account(9).next_nonce, 1);
    assert_eq!(world.account(8).balance, bcc(100));
    assert_eq!(applied.fees(), bcc(3));
    assert_eq!(world.ledger.account(&leader).balance, earned.checked_add(bcc(3)).unwrap());
}

#[test]
fn fees_are_rounded_up_counted_by_character_and_never_below_the_minimum() {
    let world = world();
    let sealed = |length| {
        let ciphertext = vec![0; limits::SEAL_TAG_BYTES + length];
        Payload::Sealed(Sealed { version: 1, ephemeral: nobody(), salt: SealSalt([0; 16]), ciphertext })
    };
    let plain = |text: &str| Payload::Plain(text.into());
    let cases = [
        (1, Payload::None, 1_000),
        (33_333, Payload::None, 1_000),
        (33_334, Payload::None, 1_001),
        (1_000_000, Payload::None, 30_000),
        (1_000_001, Payload::None, 30_001),
        (0, plain("Hello Bob"), 9_000_000),
        (0, plain("žába"), 4_000_000),
        (1_000_000, plain("hi"), 2_030_000),
        (0, sealed(5), 5_000_000),
    ];
    for (amount, payload, fee) in cases {
        let body = Body::Send { to: address(8), amount: micros(amount), payload };
        let mut sender = world.account(9);
        assert_eq!(world.ledger.project(&mut sender, &world.ask(9, body)), Ok(micros(fee)));
        assert_eq!(sender.balance, micros(1_000_000_000 - amount - fee));
    }
    let mut sender = world.account(9);
    assert_eq!(world.ledger.project(&mut sender, &world.stake(9, 5)), Ok(micros(1_000)));
}

#[test]
fn sending_to_oneself_costs_the_fee_only() {
    let mut world = world();
    world.block(vec![world.send(9, 9, bcc(100))]);
    assert_eq!(world.account(9).balance, bcc(997));
}

#[test]
fn a_leader_spends_its_fees_from_the_next_block_on() {
    let mut world = World::new(&[(1, 0, 50), (9, 1_000, 0)]);
    let spend = world.send(1, 8, bcc(2));
    let built = world.ledger.build_block(world.draft(vec![world.send(9, 8, bcc(100)), spend.clone()]));
    assert_eq!(built.refused.len(), 1);
    world.finalise_built(&built);
    assert_eq!(world.account(1).balance, bcc(3));
    world.block(vec![spend]);
}

#[test]
fn coins_received_can_be_spent_in_the_same_block() {
    let mut world = world();
    world.block(vec![world.send(9, 77, bcc(10)), world.send(77, 8, bcc(5))]);
    assert_eq!(world.account(8).balance, bcc(5));
}

#[test]
fn a_message_without_coins_makes_no_account_for_its_receiver() {
    let mut world = world();
    let body = Body::Send { to: address(8), amount: Coins::ZERO, payload: Payload::Plain("hi".into()) };
    let applied = world.block(vec![world.ask(9, body)]);
    assert!(!applied.accounts().contains_key(&address(8)));
}

#[test]
fn a_lowered_stake_comes_back_when_its_time_has_come() {
    let mut world = world();
    world.block_ms = 1_000;
    world.block(vec![world.stake(1, 30)]);
    let (wait, now) = (world.ledger.parameters().unbonding_ms, world.ledger.tip().time);
    let entry = Unbonding { amount: bcc(20), release: now.plus(wait) };
    let balance = world.account(1).balance;
    assert_eq!((world.account(1).stake, world.account(1).unbonding), (bcc(30), vec![entry]));
    world.block_ms = wait - 1;
    world.empty_blocks(1);
    assert_eq!(world.account(1).unbonding, [entry], "one ms early is too early");
    world.block_ms = 1;
    let applied = world.block(vec![]);
    assert!(applied.accounts().contains_key(&address(1)));
    assert_eq!(world.account(1).unbonding, []);
    assert_eq!(world.account(1).balance, balance.checked_add(bcc(20)).unwrap());
}

#[test]
fn two_withdrawals_in_one_block_are_released_together() {
    let mut world = world();
    let lower = |nonce, amount| world.signed(1, nonce, None, Body::Stake { amount: bcc(amount) });
    world.block(vec![lower(0, 40), lower(1, 30)]);
    assert_eq!(world.account(1).unbonding.len(), 2);
    world.block_ms = world.ledger.parameters().unbonding_ms;
    world.empty_blocks(1);
    assert_eq!(world.account(1).unbonding, []);
    assert!(world.account(1).balance > bcc(119));
}

#[test]
fn a_stake_is_raised_from_the_balance_only() {
    let mut world = world();
    world.block(vec![world.stake(1, 10)]);
    let account = world.account(1);
    assert!(account.balance < bcc(110) && account.unbonding[0].amount == bcc(40));
    assert!(matches!(world.refuses(&world.stake(1, 130)), TxRejected::InsufficientFunds { .. }));
    world.block(vec![world.stake(1, 20)]);
    assert_eq!(world.account(1).standing, Standing::Active, "a member that raises its stake stays one");
}

#[test]
fn a_ledger_comes_back_from_its_snapshot_and_damage_is_seen() {
    let mut world = world();
    world.block(vec![world.send(9, 8, bcc(100)), world.stake(1, 10)]);
    world.empty_blocks(70);
    let snapshot = world.ledger.snapshot();
    let restored = Ledger::restore(&world.genesis, snapshot.clone()).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    assert_eq!(restored.validators(), world.ledger.validators());
    let damaged = |damage: fn(&mut crate::ledger::Snapshot)| {
        let mut snapshot = snapshot.clone();
        damage(&mut snapshot);
        let damage = Ledger::restore(&world.genesis, snapshot).expect_err("damage should be seen");
        assert_ne!(damage.found, damage.promised);
    };
    damaged(|snapshot| snapshot.tip.time = UnixMillis(1));
    damaged(|snapshot| snapshot.tip.height = Height(1));
    damaged(|snapshot| snapshot.state_root = nobody());
    damaged(|snapshot| snapshot.tip_validators[0].stake.0 += 1);
    damaged(|snapshot| snapshot.tip_validators.clear());
    damaged(|snapshot| snapshot.system.treasury = bcc(8));
    damaged(|snapshot| snapshot.system.recent[1].hash = nobody());
    damaged(|snapshot| snapshot.system.version = RulesVersion(2));
    damaged(|snapshot| snapshot.system.next_begins = Some(Height(128)));
    damaged(|snapshot| snapshot.accounts[0].1.balance = bcc(1));
    damaged(|snapshot| snapshot.accounts.truncate(5));
}
