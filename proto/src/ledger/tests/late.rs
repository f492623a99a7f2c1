//! Late precommits: what a block may carry of its grandparent, and what it does. SPEC BLOCK-7, ABS-1, ABS-2.

use super::*;
use crate::block::{Block, VerifiedBlock, commit_root};
use crate::ledger::{BlockRejected, Standing};
use crate::limits;
use crate::vote::{LateRejected, Vote, VoteKind};

/// Five validators at height 3; the first two were missing from the commit of block 2 that block 3 carries.
fn world() -> World {
    let mut world = World::new(&[(1, 100, 20), (2, 100, 20), (3, 100, 90), (4, 100, 90), (5, 100, 90), (9, 1_000, 0)]);
    world.empty_blocks(2);
    world.absent = vec![address(1), address(2)];
    world.empty_blocks(1);
    world
}

/// A good block but for its late precommits.
fn with(world: &World, late: LatePrecommits) -> Result<AppliedBlock, BlockRejected> {
    let built = world.ledger.build_block(world.draft(vec![])).block;
    let header = built.header().clone();
    world.ledger.apply_block(&VerifiedBlock::assemble(header, vec![], vec![], built.commit().cloned(), Some(late)))
}

#[track_caller]
fn refused(world: &World, late: LatePrecommits) -> LateRejected {
    match with(world, late).expect_err("should be refused") {
        BlockRejected::Late(reason) => reason,
        other => panic!("{other}"),
    }
}

fn missing(world: &World, person: u8) -> (u32, UnixMillis) {
    let account = world.account(person);
    (account.window.missing.count(), account.last_present)
}

#[test]
fn who_comes_late_was_not_missing() {
    let mut world = world();
    let before = missing(&world, 2);
    assert_eq!((missing(&world, 1).0, before.0), (1, 1));
    world.absent.clear();
    let draft = Draft { late: Some(world.late(&[1])), ..world.draft(vec![]) };
    let built = world.ledger.build_block(draft);
    world.finalise_built(&built);
    let now = world.ledger.tip().time;
    assert_eq!((missing(&world, 1), missing(&world, 2)), ((0, now), (1, now)), "both were at the parent, too");
}

#[test]
fn a_late_precommit_says_nothing_about_the_parent() {
    let mut world = world();
    let draft = Draft { late: Some(world.late(&[1, 2])), ..world.draft(vec![]) };
    let built = world.ledger.build_block(draft);
    world.finalise_built(&built);
    let now = world.ledger.tip().time;
    assert_eq!((missing(&world, 1), missing(&world, 2)), ((1, now), (1, now)), "absent now, present before");
    assert!(world.account(1).window.is_missing_at(world.ledger.tip().height));
}

/// Without its late precommits this one is jailed after half a minute.
#[test]
fn a_distant_validator_is_never_jailed() {
    let mut world = world();
    for _ in 0..200 {
        let draft = Draft { late: Some(world.late(&[1])), ..world.draft(vec![]) };
        let built = world.ledger.build_block(draft);
        world.finalise_built(&built);
    }
    assert_eq!((missing(&world, 1).0, world.account(1).standing), (1, Standing::Active), "the newest may still come");
    assert_eq!(world.account(2).standing, Standing::Jailed);
    assert_eq!((world.account(2).jailings, world.account(1).jailings), (1, 0));
}

#[test]
fn the_builder_leaves_out_who_does_not_count() {
    let world = world();
    let late = |late| {
        let draft = Draft { late: Some(late), ..world.draft(vec![]) };
        let built = world.ledger.build_block(draft).block;
        assert!(world.ledger.apply_block(&built).is_ok());
        built.late().map(|late| late.signatures.len())
    };
    assert_eq!(late(world.late(&[1, 2, 3, 4, 9])), Some(2));
    assert_eq!(late(world.late(&[3, 9])), None);
    assert_eq!(late(world.late(&[])), None);
    assert_eq!(late(LatePrecommits { block: nobody(), ..world.late(&[1]) }), None);
}

#[test]
fn late_precommits_are_for_the_grandparent_by_whom_the_parent_found_missing() {
    let mut world = world();
    let (expected, found) = (world.ledger.tip().parent, world.ledger.tip().hash);
    let other = LatePrecommits { block: found, ..world.late(&[1]) };
    assert_eq!(refused(&world, other), LateRejected::OtherBlock { expected, found });
    for (person, what) in [(3, "counted already"), (9, "no member"), (77, "never heard of")] {
        let reason = LateRejected::NotMissing { validator: address(person) };
        assert_eq!(refused(&world, world.late(&[person])), reason, "{what}");
    }
    world.block(vec![world.stake(1, 0)]);
    let reason = LateRejected::NotMissing { validator: address(1) };
    assert_eq!(refused(&world, world.late(&[1, 2])), reason, "it left, and is not counted at all");
    world.absent.clear();
    world.empty_blocks(1);
    let reason = LateRejected::NotMissing { validator: address(2) };
    assert_eq!(refused(&world, world.late(&[2])), reason, "missing from an older block than the grandparent");
}

/// As it comes from the network, with good signatures; refused without any state.
#[track_caller]
fn unverified(height: u64, damage: impl FnOnce(&mut LatePrecommits)) -> BlockRejected {
    let world = world();
    let chain = world.ledger.chain();
    let built = world.ledger.build_block(world.draft(vec![])).block;
    let mut block = Block::decode(built.bytes()).unwrap();
    block.commit = None;
    block.header.height = Height(height);
    let mut late = world.late(&[1, 2]);
    for part in &mut late.signatures {
        let signer = [1, 2].map(signer).into_iter().find(|signer| signer.address() == part.validator).unwrap();
        let (kind, height, value) = (VoteKind::Precommit, Height(2), Some(late.block));
        let vote = Vote { kind, height, round: late.round, value, validator: part.validator };
        part.signature = vote.sign(chain, &signer).signature;
    }
    let verify = |late: LatePrecommits| {
        let mut block = block.clone();
        block.header.commit_root = commit_root(None, Some(&late));
        block.late = Some(late);
        block.verify(chain, |_| None)
    };
    assert!(height != 4 || verify(late.clone()).is_ok());
    damage(&mut late);
    verify(late).expect_err("should be refused")
}

#[test]
fn the_shape_of_late_precommits_is_checked_without_state() {
    let late = |reason| BlockRejected::Late(reason);
    for height in [0, 1, 2] {
        let height = Height(height);
        assert_eq!(unverified(height.0, |_| {}), late(LateRejected::NoGrandparent { height }));
    }
    assert_eq!(unverified(4, |late| late.signatures.clear()), late(LateRejected::Nobody));
    assert_eq!(unverified(4, |late| late.signatures.swap(0, 1)), late(LateRejected::NotSorted));
    assert_eq!(unverified(4, |late| late.signatures[1] = late.signatures[0]), late(LateRejected::NotSorted));
    let crowd = |late: &mut LatePrecommits| late.signatures = vec![late.signatures[0]; 129];
    let limit = limits::VALIDATORS_MAX;
    assert_eq!(unverified(4, crowd), BlockRejected::TooManyPrecommits { found: 129, limit });
}

/// Every one of them: round, block, height and signer are in what was signed.
#[test]
fn every_late_precommit_is_signed() {
    let mut people = [1, 2].map(address);
    people.sort_unstable();
    let by = |validator| BlockRejected::Late(LateRejected::BadSignature { validator });
    assert_eq!(unverified(4, |late| late.round = Round(1)), by(people[0]));
    assert_eq!(unverified(4, |late| late.block = nobody()), by(people[0]));
    assert_eq!(unverified(5, |_| {}), by(people[0]), "precommits of height 2 in block 5");
    assert_eq!(unverified(4, |late| late.signatures[1].signature = Signature([1; 64])), by(people[1]));
}
