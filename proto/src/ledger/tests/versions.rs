//! Versions of the rules: the right to announce one, its beginning, and the behaviour of a program that does not know
//! it.

use super::*;
use crate::block::VerifiedBlock;
use crate::ledger::{BlockRejected, Standing};

const SECOND: RulesVersion = RulesVersion(2);

/// Six validators with 100 BCC each, in a program that knows version 3; person 9 has coins only.
fn six() -> World {
    let mut people: Vec<_> = (1..=6).map(|person| (person, 1_000, 100)).collect();
    people.push((9, 1_000, 0));
    let mut world = World::new(&people);
    world.ledger = world.ledger.knowing(RulesVersion(3));
    world
}

fn announce(world: &World, person: u8, version: u16) -> VerifiedTransaction {
    world.ask(person, Body::Announce { version: RulesVersion(version) })
}

/// The chain goes on to this height, with these announcements in the last block.
fn up_to(world: &mut World, height: u64, people: &[u8], version: u16) {
    let empty = height - 1 - world.ledger.tip().height.0;
    world.empty_blocks(usize::try_from(empty).unwrap());
    let announcements = people.iter().map(|person| announce(world, *person, version)).collect();
    world.block(announcements);
    assert_eq!(world.ledger.tip().height, Height(height));
}

fn schedule(world: &World) -> (u16, Option<u64>) {
    let system = world.ledger.system();
    (system.version.0, system.next_begins.map(|height| height.0))
}

#[test]
fn an_announcement_is_kept_in_the_account_and_costs_neither_nonce_nor_coins() {
    let mut world = six();
    let before = world.account(1);
    let applied = world.block(vec![announce(&world, 1, 3)]);
    assert_eq!(applied.fees(), Coins::ZERO);
    let after = world.account(1);
    assert_eq!((after.announced, after.next_nonce, after.balance), (RulesVersion(3), 0, before.balance));
    assert_ne!(world.ledger.prove(&address(1)).account, before, "it is part of the account's leaf");
}

/// SPEC VER-1.
#[test]
fn only_a_candidate_announces() {
    let mut world = six();
    assert_eq!(world.refuses(&announce(&world, 9, 2)), TxRejected::NotCandidate, "it has no stake");
    world.block(vec![world.stake(9, 10)]);
    assert_eq!(world.refuses(&announce(&world, 9, 2)), TxRejected::NotCandidate, "it is not active");
    world.block(vec![world.activate(9)]);
    world.block(vec![announce(&world, 9, 2)]);
    assert_eq!(world.account(9).announced, SECOND);
    let mut jailed = Account { standing: Standing::Jailed, ..world.account(1) };
    let refused = world.ledger.project(&mut jailed, &announce(&world, 1, 2));
    assert_eq!(refused, Err(TxRejected::NotCandidate));
}

/// SPEC VER-2. A repeated old announcement changes nothing: it never rises by the same again.
#[test]
fn an_announcement_that_changes_nothing_or_lowers_is_refused() {
    let mut world = six();
    for version in [0, 1] {
        let reason = TxRejected::NothingToAnnounce { least: SECOND, found: RulesVersion(version) };
        assert_eq!(world.refuses(&announce(&world, 1, version)), reason, "in force already");
    }
    let old = announce(&world, 1, 2);
    world.block(vec![old.clone()]);
    let least = RulesVersion(3);
    assert_eq!(world.refuses(&old), TxRejected::NothingToAnnounce { least, found: SECOND });
    world.block(vec![announce(&world, 1, 5)]);
    let least = RulesVersion(6);
    for version in [2, 4, 5] {
        let found = RulesVersion(version);
        assert_eq!(world.refuses(&announce(&world, 1, version)), TxRejected::NothingToAnnounce { least, found });
    }
    world.block(vec![world.stake(1, 0)]);
    assert_eq!(world.account(1).announced, RulesVersion(5), "who leaves takes nothing back either");
}

/// SPEC VER-3: strictly more than 5/6, of the stake of the set of the next height.
#[test]
fn exactly_five_sixths_of_the_stake_schedule_nothing_and_one_coin_more_does() {
    let mut world = six();
    up_to(&mut world, 64, &[1, 2, 3, 4, 5], 2);
    assert_eq!(schedule(&world), (1, None), "500 of 600");
    world.empty_blocks(63);
    world.block(vec![world.stake(5, 101)]);
    assert_eq!(world.ledger.tip().height, Height(128));
    assert_eq!(schedule(&world), (1, Some(192)), "501 of 601, by the stake that this very block changed");
}

/// SPEC VER-3: the first multiple of 64 that is at least 64 blocks after.
#[test]
fn a_version_begins_at_the_first_multiple_of_64_that_is_at_least_64_blocks_later() {
    #[track_caller]
    fn check(announced: u64, begins: u64) {
        let mut world = six();
        up_to(&mut world, announced, &[1, 2, 3, 4, 5, 6], 2);
        while schedule(&world) == (1, None) {
            world.empty_blocks(1);
        }
        assert_eq!(schedule(&world), (1, Some(begins)));
        assert_eq!(world.ledger.tip().height, Height(begins - 64), "64 blocks before");
        up_to(&mut world, begins - 2, &[], 0);
        assert_eq!(schedule(&world), (1, Some(begins)));
        world.empty_blocks(1);
        assert_eq!((schedule(&world), world.ledger.version()), ((2, None), SECOND), "in force for the next block");
        let built = world.ledger.build_block(world.draft(vec![]));
        assert_eq!((built.block.height(), built.block.header().version), (Height(begins), SECOND));
        world.finalise_built(&built);
    }
    check(1, 128);
    check(63, 128);
    check(64, 128);
    check(65, 192);
    check(127, 192);
    check(128, 192);
}

#[test]
fn what_is_scheduled_begins_even_if_the_stake_that_announced_it_goes() {
    let mut world = six();
    up_to(&mut world, 64, &[1, 2, 3, 4, 5, 6], 2);
    let leaving = [1, 2].map(|person| world.stake(person, 0));
    world.block(leaving.to_vec());
    up_to(&mut world, 127, &[], 0);
    assert_eq!(schedule(&world), (2, None));
}

#[test]
fn versions_begin_one_after_the_other_however_high_the_announcements_are() {
    let mut world = six();
    up_to(&mut world, 10, &[1, 2, 3, 4, 5, 6], 3);
    up_to(&mut world, 127, &[], 0);
    assert_eq!(schedule(&world), (2, None));
    up_to(&mut world, 128, &[], 0);
    assert_eq!(schedule(&world), (2, Some(192)), "the first block of version 2 counts for version 3");
    up_to(&mut world, 191, &[], 0);
    assert_eq!(schedule(&world), (3, None));
    up_to(&mut world, 256, &[], 0);
    assert_eq!(schedule(&world), (3, None), "nobody announced a fourth");
}

#[test]
fn announcements_of_those_outside_the_set_do_not_count() {
    let mut world = six();
    world.block([1, 2, 3, 4, 5].map(|person| announce(&world, person, 2)).to_vec());
    world.block(vec![world.stake(9, 200)]);
    world.block(vec![world.activate(9)]);
    world.block(vec![announce(&world, 9, 2)]);
    world.block(vec![world.stake(9, 0)]);
    up_to(&mut world, 64, &[], 0);
    assert_eq!(schedule(&world), (1, None), "the seventh left: 500 of 600");
}

fn with_version(world: &World, version: RulesVersion) -> VerifiedBlock {
    let block = world.ledger.build_block(world.draft(vec![])).block;
    let header = crate::block::Header { version, ..block.header().clone() };
    VerifiedBlock::assemble(header, vec![], vec![], block.commit().cloned(), block.late().cloned())
}

/// SPEC BLOCK-4, VER-4.
#[test]
fn a_block_names_exactly_the_version_in_force_at_its_height() {
    let mut world = six();
    let refused = |world: &World, found| world.ledger.apply_block(&with_version(world, found)).unwrap_err();
    for found in [RulesVersion(0), SECOND, RulesVersion(u16::MAX)] {
        let expected = RulesVersion::FIRST;
        assert_eq!(refused(&world, found), BlockRejected::Version { expected, found });
    }
    up_to(&mut world, 64, &[1, 2, 3, 4, 5, 6], 2);
    up_to(&mut world, 127, &[], 0);
    let found = RulesVersion::FIRST;
    assert_eq!(refused(&world, found), BlockRejected::Version { expected: SECOND, found });
    world.empty_blocks(3);
}

/// SPEC VER-5.
#[test]
fn a_program_that_does_not_know_the_version_in_force_checks_no_block_of_it() {
    let mut world = six();
    let ledger = world.ledger.clone().knowing(RulesVersion::FIRST);
    world.ledger = ledger;
    up_to(&mut world, 64, &[1, 2, 3, 4, 5, 6], 2);
    up_to(&mut world, 126, &[], 0);
    assert_eq!(world.ledger.unknown_version(), None, "block 127 is the last of version 1");
    world.empty_blocks(1);
    assert_eq!(world.ledger.unknown_version(), Some(SECOND));
    let updated = world.ledger.clone().knowing(SECOND);
    assert_eq!(updated.unknown_version(), None);
    let next = updated.build_block(world.draft(vec![])).block;
    let reason = BlockRejected::RulesUnknown { version: SECOND, known: RulesVersion::FIRST };
    assert_eq!(world.ledger.apply_block(&next).unwrap_err(), reason);
    assert!(updated.apply_block(&next).is_ok());
}

#[test]
fn a_chain_begins_with_the_version_of_its_genesis() {
    let world = six();
    let genesis = world.genesis.genesis().clone();
    let second = Genesis { version: SECOND, ..genesis.clone() }.verify().unwrap();
    let ledger = Ledger::at_genesis(&second);
    assert_eq!((ledger.version(), ledger.unknown_version()), (SECOND, Some(SECOND)));
    assert_eq!(ledger.knowing(SECOND).unknown_version(), None);
    let none = Genesis { version: RulesVersion(0), ..genesis };
    assert_eq!(none.verify(), Err(crate::genesis::GenesisRejected::NoRules));
}
