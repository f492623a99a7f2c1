//! The price of a contradiction. SPEC EVID-1 to EVID-3.

use super::*;
use crate::block::VerifiedBlock;
use crate::ledger::{BlockRejected, LedgerAct, Standing};
use crate::vote::{Evidence, EvidenceRejected, Vote, VoteKind};

/// Five validators with 50 BCC each.
fn world() -> World {
    World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 50), (4, 100, 50), (5, 100, 50), (9, 1_000, 0)])
}

/// Two prevotes of a person for one height.
fn lie(world: &World, person: u8, height: u64) -> Evidence {
    let vote = |value| {
        let (kind, height, round) = (VoteKind::Prevote, Height(height), Round(0));
        Vote { kind, height, round, value, validator: address(person) }.sign(world.ledger.chain(), &signer(person))
    };
    Evidence::Votes { first: vote(None), second: vote(Some(nobody())) }
}

fn with(world: &World, evidence: Vec<Evidence>) -> BuiltBlock {
    let mut draft = world.draft(vec![]);
    draft.evidence = evidence;
    world.ledger.build_block(draft)
}

/// The same answer before, from a block being built, and from a block being checked.
#[track_caller]
fn refuses(world: &World, evidence: &Evidence) -> EvidenceRejected {
    let reason = world.ledger.check_evidence(evidence).expect_err("should be refused");
    let built = with(world, vec![evidence.clone()]).block;
    assert_eq!(built.evidence(), []);
    let (header, commit) = (built.header().clone(), built.commit().cloned());
    let forced = VerifiedBlock::assemble(header, vec![], vec![evidence.clone()], commit, None);
    let refused = world.ledger.apply_block(&forced).unwrap_err();
    assert_eq!(refused, BlockRejected::Evidence { index: 0, reason });
    reason
}

#[test]
fn a_liar_burns_a_twentieth_of_its_stake_and_is_out_for_ever() {
    let mut world = world();
    world.empty_blocks(3);
    let supply = world.ledger.supply();
    let evidence = lie(&world, 1, 2);
    assert_eq!(world.ledger.check_evidence(&evidence), Ok(()));
    let built = with(&world, vec![evidence.clone(), evidence.clone()]);
    assert_eq!(built.block.evidence(), std::slice::from_ref(&evidence), "once is enough");
    let applied = world.finalise_built(&built);
    let account = world.account(1);
    assert_eq!(
        (account.standing, account.stake, account.power),
        (Standing::Barred, micros(47_500_000), micros(47_500_000))
    );
    assert_eq!(applied.acts()[0], LedgerAct::Barred { account: address(1), amount: micros(2_500_000) });
    assert_eq!(world.ledger.system().burned, micros(2_500_000));
    assert_eq!(world.ledger.supply().checked_add(micros(2_500_000)), Some(supply));
    assert!(world.ledger.validators().get(&address(1)).is_none(), "it decides nothing from the next height on");
    assert_eq!(refuses(&world, &evidence), EvidenceRejected::Punished { accused: address(1) });
    assert_eq!(refuses(&world, &lie(&world, 1, 3)), EvidenceRejected::Punished { accused: address(1) });
    assert_eq!(world.refuses(&world.activate(1)), TxRejected::Barred);
    world.empty_blocks(2);
    world.block(vec![world.stake(1, 0)]);
    assert_eq!(world.account(1).standing, Standing::Barred);
}

#[test]
fn what_was_unbonded_since_the_offence_burns_too_and_what_was_before_does_not() {
    let mut world = world();
    let window = world.ledger.parameters().evidence_window_ms;
    world.block(vec![world.stake(1, 40)]);
    world.block_ms = window / 32;
    world.empty_blocks(2);
    let offence = world.ledger.tip().height.next().0;
    world.block(vec![world.stake(1, 20)]);
    world.finalise_built(&with(&world, vec![lie(&world, 1, offence)]));
    let account = world.account(1);
    let left: Vec<_> = account.unbonding.iter().map(|entry| entry.amount.micros()).collect();
    assert_eq!((account.stake.micros(), left), (19_000_000, vec![10_000_000, 19_000_000]));
    assert_eq!(world.ledger.system().burned, bcc(2));
}

#[test]
fn who_left_pays_from_what_is_unbonding() {
    let mut world = world();
    world.block(vec![world.stake(1, 0)]);
    world.finalise_built(&with(&world, vec![lie(&world, 1, 1)]));
    assert_eq!(world.account(1).unbonding[0].amount, micros(47_500_000));
    assert_eq!(world.account(1).standing, Standing::Barred);
    world.block_ms = world.ledger.parameters().unbonding_ms;
    world.empty_blocks(1);
    assert_eq!(world.account(1).unbonding, [], "the rest is released as ever");
}

#[test]
fn evidence_has_an_age_and_an_account_that_can_pay() {
    let mut world = world();
    assert_eq!(refuses(&world, &lie(&world, 9, 1)), EvidenceRejected::NothingToLose { accused: address(9) });
    assert_eq!(refuses(&world, &lie(&world, 77, 1)), EvidenceRejected::NothingToLose { accused: address(77) });
    let (offence, height) = (Height(2), Height(1));
    assert_eq!(refuses(&world, &lie(&world, 1, 2)), EvidenceRejected::NotYet { offence, height });
    assert_eq!(refuses(&world, &lie(&world, 1, 0)), EvidenceRejected::TooOld { offence: Height(0) });
    assert_eq!(world.ledger.check_evidence(&lie(&world, 1, 1)), Ok(()), "of the very height that carries it");
    let window = world.ledger.parameters().evidence_window_ms;
    world.block_ms = window / 32;
    world.empty_blocks(33);
    assert_eq!(world.ledger.check_evidence(&lie(&world, 1, 2)), Ok(()), "not quite a day old");
    assert_eq!(refuses(&world, &lie(&world, 1, 1)), EvidenceRejected::TooOld { offence: Height(1) });
    world.empty_blocks(200);
    let marks = &world.ledger.system().marks;
    assert_eq!((marks.len(), marks[0].height.0), (33, 201), "the dates that are kept do not grow");
}

/// Late precommits, presence and jail of the same block find the liar out already.
#[test]
fn who_is_barred_in_a_block_is_neither_excused_nor_jailed_in_it() {
    let mut world = world();
    world.absent = vec![address(1)];
    world.empty_blocks(4);
    let mut draft = world.draft(vec![]);
    (draft.evidence, draft.late) = (vec![lie(&world, 1, 3)], Some(world.late(&[1])));
    let built = world.ledger.build_block(draft);
    assert!(built.block.late().is_some());
    let before = world.account(1);
    world.finalise_built(&built);
    let account = world.account(1);
    assert_eq!((account.window, account.last_present), (before.window, before.last_present));
}

#[test]
fn sixteen_liars_fit_into_a_block_and_the_others_wait() {
    let people: Vec<_> = (1..=20).map(|person| (person, 10, 50)).collect();
    let mut world = World::new(&people);
    world.empty_blocks(1);
    let lies: Vec<_> = (1..=18).map(|person| lie(&world, person, 1)).collect();
    world.finalise_built(&with(&world, lies.clone()));
    assert_eq!(world.ledger.validators().members().len(), 4);
    world.finalise_built(&with(&world, lies));
    assert_eq!(world.ledger.validators().members().len(), 2);
}

#[test]
fn if_all_lied_the_last_set_goes_on() {
    let mut world = World::new(&[(1, 10, 50)]);
    world.empty_blocks(1);
    world.finalise_built(&with(&world, vec![lie(&world, 1, 1)]));
    assert_eq!(world.ledger.validators().members().len(), 1, "SPEC VAL-4");
    world.empty_blocks(1);
}
