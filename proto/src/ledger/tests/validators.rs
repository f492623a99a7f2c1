//! Membership of the set: stakes, activation, absence, jail.

use super::*;
use crate::ledger::Standing;
use crate::limits;

fn members(world: &World) -> Vec<Address> {
    world.ledger.validators().members().iter().map(|member| member.address).collect()
}

fn is_member(world: &World, person: u8) -> bool {
    members(world).contains(&address(person))
}

/// Five validators, one more than must stay.
fn five() -> World {
    World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 50), (4, 100, 50), (5, 100, 50), (9, 1_000, 0)])
}

#[test]
fn genesis_stakes_are_active_from_height_one() {
    let world = five();
    assert_eq!(members(&world).len(), 5);
    let account = world.account(1);
    assert_eq!((account.standing, account.last_present), (Standing::Active, START));
    assert_eq!(world.account(9).standing, Standing::Inactive);
}

#[test]
fn stake_without_a_running_node_does_not_enter_the_set() {
    let mut world = five();
    world.block(vec![world.stake(9, 500)]);
    assert_eq!(world.account(9).standing, Standing::Inactive);
    assert!(!is_member(&world, 9));
    let nonce = world.account(9).next_nonce;
    let applied = world.block(vec![world.activate(9)]);
    assert!(is_member(&world, 9));
    assert_eq!(applied.next_validators(), world.ledger.validators());
    assert_eq!(applied.validators(), world.ledger.tip_validators());
    assert_eq!(world.account(9).next_nonce, nonce, "activate never advances the nonce");
    assert_eq!(world.account(9).last_present, world.ledger.tip().time);
    world.empty_blocks(2);
    assert!(world.ledger.tip_validators().get(&address(9)).is_some());
}

#[test]
fn a_changed_stake_weighs_from_the_next_height_on() {
    let mut world = five();
    world.block(vec![world.stake(1, 60)]);
    assert_eq!(world.ledger.validators().get(&address(1)).unwrap().stake, bcc(60).into());
    assert_eq!(world.ledger.tip_validators().get(&address(1)).unwrap().stake, bcc(50).into());
    world.block(vec![world.stake(1, 0)]);
    assert!(!is_member(&world, 1));
    world.empty_blocks(2);
}

#[test]
fn beyond_128_candidates_the_heaviest_decide() {
    let people: Vec<_> = (1..=130).map(|person| (person, 10, u64::from(person))).collect();
    let mut world = World::new(&people);
    assert!(!is_member(&world, 1) && !is_member(&world, 2) && is_member(&world, 3));
    world.block(vec![world.stake(1, 9)]);
    assert!(is_member(&world, 1) && !is_member(&world, 3), "the lightest makes room");
    assert_eq!(world.account(1).last_present, world.ledger.tip().time, "who enters has not been absent");
    world.block(vec![world.stake(130, 0)]);
    assert!(is_member(&world, 3), "and comes back when somebody leaves");
    world.empty_blocks(2);
    assert_eq!(world.ledger.validators().members().len(), limits::VALIDATORS_MAX);
}

#[test]
fn every_64th_block_is_remembered_by_its_grandchild() {
    let mut world = five();
    let heights = |world: &World| world.ledger.system().recent.iter().map(|block| block.height.0).collect::<Vec<_>>();
    assert_eq!(heights(&world), [0]);
    assert_eq!(world.ledger.system().recent[0].hash, world.ledger.chain());
    world.empty_blocks(64);
    let (hash, time) = (world.ledger.tip().hash, world.ledger.tip().time);
    assert_eq!(heights(&world), [0]);
    world.empty_blocks(1);
    assert_eq!(heights(&world), [0, 64]);
    assert_eq!((world.ledger.system().recent[1].hash, world.ledger.system().recent[1].time), (hash, time));
    world.empty_blocks(64 * 127);
    assert_eq!(heights(&world).len(), limits::RECENT_HASHES_MAX);
    assert_eq!(heights(&world)[..2], [64, 128], "the oldest is forgotten");
}

#[test]
fn absence_needs_many_blocks_and_time() {
    let mut world = five();
    world.absent = vec![address(1)];
    world.block_ms = 100;
    world.empty_blocks(1 + 90);
    assert_eq!(world.account(1).window.missing.count(), 90);
    assert_eq!(world.account(2).window.missing.count(), 0);
    world.empty_blocks(200);
    assert_eq!(world.account(1).standing, Standing::Active, "29 s are too short, however many blocks");
    world.block_ms = 1_000;
    world.empty_blocks(1);
    assert_eq!(world.account(1).standing, Standing::Jailed);
    assert!(!is_member(&world, 1));
    assert_eq!(world.account(1).stake, bcc(50), "jail takes no coins");
}

#[test]
fn an_idle_chain_needs_more_than_ninety_absences() {
    let mut world = five();
    world.absent = vec![address(1)];
    world.block_ms = 10_000;
    world.empty_blocks(1 + 90);
    assert_eq!(world.account(1).standing, Standing::Active);
    world.empty_blocks(1);
    assert_eq!(world.account(1).standing, Standing::Jailed);
}

#[test]
fn one_presence_starts_the_time_anew() {
    let mut world = five();
    world.absent = vec![address(1)];
    world.block_ms = 100;
    world.empty_blocks(290);
    world.absent.clear();
    world.empty_blocks(1);
    assert_eq!(world.account(1).last_present, world.ledger.tip().time);
    world.absent = vec![address(1)];
    world.empty_blocks(299);
    assert_eq!(world.account(1).standing, Standing::Active);
    world.empty_blocks(1);
    assert_eq!(world.account(1).standing, Standing::Jailed);
}

/// Seven validators, three of which vanish; together they hold less than a third.
fn seven_without_three() -> World {
    let mut people: Vec<_> = (4..=7).map(|person| (person, 100, 100)).collect();
    people.extend([(1, 100, 20), (2, 100, 20), (3, 100, 20), (9, 1_000, 0)]);
    let mut world = World::new(&people);
    world.absent = vec![address(2)];
    world.empty_blocks(1);
    world.absent.extend([address(1), address(3)]);
    world
}

#[test]
fn one_a_block_is_jailed_the_longest_absent_first_and_ties_by_address() {
    let mut world = seven_without_three();
    let mut jailed: Vec<Address> = vec![];
    while jailed.len() < 3 {
        let applied = world.block(vec![]);
        let new = applied.accounts().iter().filter(|(_, account)| account.standing == Standing::Jailed);
        let new: Vec<_> = new.map(|(address, _)| *address).filter(|address| !jailed.contains(address)).collect();
        assert!(new.len() <= 1);
        jailed.extend(new);
    }
    let mut tied = [address(1), address(3)];
    tied.sort_unstable();
    assert_eq!(jailed, [address(2), tied[0], tied[1]]);
    world.empty_blocks(3);
    assert_eq!(members(&world).len(), 4);
}

#[test]
fn jail_never_goes_below_the_minimum() {
    let mut world = World::new(&[(1, 1, 10), (2, 1, 50), (3, 1, 50), (4, 1, 50)]);
    world.absent = vec![address(1)];
    world.empty_blocks(200);
    assert_eq!(world.account(1).standing, Standing::Active);
    assert_eq!(members(&world).len(), 4);
}

/// Person 1 is jailed.
fn with_a_jailed() -> World {
    let mut world = five();
    world.absent = vec![address(1)];
    world.empty_blocks(130);
    assert_eq!(world.account(1).standing, Standing::Jailed);
    world
}

#[test]
fn activate_brings_back_from_jail_with_a_clean_slate() {
    let mut world = with_a_jailed();
    world.absent.clear();
    let nonce = world.account(1).next_nonce;
    world.block(vec![world.activate(1)]);
    let account = world.account(1);
    assert_eq!((account.standing, account.window.missing.count(), account.next_nonce), (Standing::Active, 0, nonce));
    assert!(is_member(&world, 1));
    assert_eq!(world.refuses(&world.activate(1)), TxRejected::AlreadyActive);
}

/// SPEC ACT-4.
#[test]
fn who_was_jailed_waits_longer_each_time() {
    let mut world = five();
    let waited = |world: &mut World| {
        world.absent = vec![address(1)];
        while world.account(1).standing == Standing::Active {
            world.empty_blocks(1);
        }
        world.absent.clear();
        let (jailed, mut refusals) = (world.account(1).last_jailed, 0);
        while !world.ledger.build_block(world.draft(vec![world.activate(1)])).refused.is_empty() {
            let until = world.account(1).may_activate_at();
            let reason = world.ledger.build_block(world.draft(vec![world.activate(1)])).refused.remove(0).1;
            if reason != TxRejected::NotRecent {
                assert_eq!(world.refuses(&world.activate(1)), TxRejected::JailWait { until });
                refusals += 1;
            }
            world.empty_blocks(1);
        }
        world.block(vec![world.activate(1)]);
        assert!(refusals > 0, "it had to wait");
        world.ledger.tip().time.since(jailed)
    };
    assert!((30_000..31_000 + 64_000).contains(&waited(&mut world)));
    assert!((60_000..61_000 + 64_000).contains(&waited(&mut world)));
    world.block(vec![world.stake(1, 0)]);
    world.block(vec![world.stake(1, 10)]);
    assert_eq!(
        world.account(1).may_activate_at(),
        world.account(1).last_jailed.plus(60_000),
        "leaving shortens nothing"
    );
}

#[test]
fn an_old_activate_of_a_dead_validator_cannot_be_replayed() {
    let mut world = with_a_jailed();
    let back = world.activate(1);
    world.block(vec![back.clone()]);
    world.empty_blocks(130);
    assert_eq!(world.account(1).standing, Standing::Jailed, "it died again");
    assert_eq!(world.refuses(&back), TxRejected::NotRecent);
    world.empty_blocks(30);
    world.block(vec![world.activate(1)]);
}

#[test]
fn a_jailed_validator_may_leave_and_lies_inactive_then() {
    let mut world = with_a_jailed();
    world.block(vec![world.stake(1, 0)]);
    assert_eq!((world.account(1).standing, world.account(1).stake), (Standing::Inactive, Coins::ZERO));
    assert_eq!(members(&world).len(), 4);
}

#[test]
fn who_left_is_not_counted_absent() {
    let mut world = five();
    world.empty_blocks(1);
    world.absent = vec![address(1)];
    world.block(vec![world.stake(1, 0)]);
    let (at, missing) = (world.account(1).window.newest, world.account(1).window.missing);
    world.empty_blocks(3);
    let window = world.account(1).window;
    assert!(window.newest == at && window.missing == missing, "nothing was entered");
}
