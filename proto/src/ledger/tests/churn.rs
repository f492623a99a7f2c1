//! Power grows an eighth at a time, however rich the buyer is. SPEC VAL-5, VAL-6.

use super::*;
use crate::coins::Stake;

const HOUR_MS: u64 = 3_600_000;

fn power(world: &World, person: u8) -> u64 {
    world.account(person).power.micros()
}

fn total(world: &World) -> u64 {
    world.ledger.validators().total().0
}

/// Blocks until so much time has gone by, without any transaction.
fn pass(world: &mut World, ms: u64) {
    world.block_ms = ms;
    world.empty_blocks(1);
    world.block_ms = 1_000;
}

/// The course's five: 10 of 1,000 staked each.
fn course() -> World {
    World::new(&[(1, 990, 10), (2, 990, 10), (3, 990, 10), (4, 990, 10), (5, 990, 10), (9, 990, 0)])
}

#[test]
fn one_of_five_that_stakes_all_it_has_does_not_own_the_chain_within_a_second() {
    let mut world = course();
    world.block(vec![world.stake(1, 900)]);
    assert_eq!(world.account(1).stake, bcc(900));
    assert_eq!((power(&world, 1), total(&world)), (16_250_000, 56_250_000));
    assert_eq!(world.account(1).waiting_since, world.ledger.tip().time);
    world.empty_blocks(100);
    assert_eq!(total(&world), 56_250_000, "within the span nothing more");
    pass(&mut world, HOUR_MS);
    assert_eq!((power(&world, 1), total(&world)), (16_250_000 + 7_031_250, 63_281_250));
    let mut hours = 1;
    while 3 * power(&world, 1) <= 2 * total(&world) {
        pass(&mut world, HOUR_MS);
        hours += 1;
    }
    assert_eq!(hours, 7, "to own it takes hours in which everybody can see it come");
}

#[test]
fn a_joiner_enters_at_once_with_what_there_is_room_for_and_wholly_when_its_time_has_come() {
    let mut world = course();
    world.block(vec![world.stake(9, 10)]);
    assert_eq!((power(&world, 9), world.account(9).waiting()), (0, None), "it does not run yet");
    world.block(vec![world.activate(9)]);
    assert_eq!(power(&world, 9), 6_250_000);
    assert_eq!(world.ledger.validators().get(&address(9)).unwrap().stake, Stake(6_250_000));
    pass(&mut world, HOUR_MS);
    assert_eq!((power(&world, 9), world.account(9).waiting()), (10_000_000, None));
}

#[test]
fn first_come_first_served_and_who_adds_goes_to_the_end() {
    let mut world = course();
    world.block(vec![world.stake(1, 20)]);
    assert_eq!(power(&world, 1), 16_250_000);
    world.block(vec![world.stake(2, 12)]);
    assert_eq!(world.account(2).waiting(), Some(bcc(2)));
    world.block(vec![world.stake(1, 21)]);
    pass(&mut world, HOUR_MS);
    assert_eq!((power(&world, 2), power(&world, 1)), (12_000_000, 16_250_000 + 5_031_250 - 281_250));
    assert_eq!(world.account(1).waiting(), None);
}

#[test]
fn who_lowers_keeps_its_place_and_loses_power_at_once() {
    let mut world = course();
    world.block(vec![world.stake(1, 30)]);
    let since = world.account(1).waiting_since;
    world.block(vec![world.stake(1, 25)]);
    assert_eq!((power(&world, 1), world.account(1).waiting_since), (16_250_000, since));
    world.block(vec![world.stake(1, 5)]);
    assert_eq!((power(&world, 1), world.account(1).waiting()), (5_000_000, None));
    world.block(vec![world.stake(1, 10)]);
    assert_eq!(power(&world, 1), 5_000_000, "what is given up has to wait again");
}

#[test]
fn below_the_least_number_of_members_nobody_waits() {
    let mut world = World::new(&[(1, 100, 10), (2, 100, 0), (3, 100, 0), (4, 100, 0), (5, 100, 0)]);
    world.block((2..=5).map(|person| world.stake(person, 50)).collect());
    world.block((2..=5).map(|person| world.activate(person)).collect());
    let mut powers: Vec<_> = (2..=5).map(|person| power(&world, person)).collect();
    powers.sort_unstable();
    assert_eq!(powers, [1_250_000, 50_000_000, 50_000_000, 50_000_000], "three of them make four members");
}

#[test]
fn room_is_never_less_than_one_validator_needs() {
    let mut world = World::new(&[(1, 10, 1), (2, 10, 1), (3, 10, 1), (4, 10, 1), (5, 10, 0)]);
    world.block(vec![world.stake(5, 1)]);
    world.block(vec![world.activate(5)]);
    assert_eq!(power(&world, 5), 1_000_000);
}

#[test]
fn who_returns_from_jail_has_the_power_that_it_had() {
    let mut world = course();
    world.absent = vec![address(1)];
    world.empty_blocks(130);
    assert_eq!((world.account(1).standing, power(&world, 1)), (crate::ledger::Standing::Jailed, 10_000_000));
    world.block(vec![world.stake(1, 100)]);
    world.block(vec![world.activate(1)]);
    assert_eq!(power(&world, 1), 10_000_000 + 6_250_000, "and of what it added as much as the first span has room for");
    assert_eq!(world.account(1).waiting(), Some(micros(83_750_000)));
}

#[test]
fn the_queue_survives_a_restart() {
    let mut world = course();
    world.block(vec![world.stake(1, 900), world.stake(2, 30)]);
    world.block(vec![world.stake(3, 30)]);
    let mut restored = World { ledger: Ledger::restore(&world.genesis, world.ledger.snapshot()).unwrap(), ..course() };
    for _ in 0..40 {
        pass(&mut world, HOUR_MS);
        pass(&mut restored, HOUR_MS);
        assert_eq!(restored.ledger.state_root(), world.ledger.state_root());
    }
    assert_eq!(power(&world, 3), 30_000_000);
}

#[test]
fn what_waits_is_shown_in_order_with_the_time_at_which_it_is_over() {
    let mut world = course();
    world.block(vec![world.stake(1, 20)]);
    world.block(vec![world.stake(9, 10)]);
    world.block(vec![world.activate(9)]);
    let queue = world.ledger.queue();
    let since = world.ledger.system().churn.since;
    let shown: Vec<_> = queue.iter().map(|one| (one.address, one.waiting.micros(), one.done_at)).collect();
    assert_eq!(shown[0], (address(1), 3_750_000, since.plus(HOUR_MS)));
    assert_eq!(shown[1], (address(9), 10_000_000, since.plus(2 * HOUR_MS)));
    pass(&mut world, HOUR_MS);
    assert_eq!(world.ledger.queue().len(), 1);
    pass(&mut world, HOUR_MS);
    assert_eq!(world.ledger.queue(), []);
}
