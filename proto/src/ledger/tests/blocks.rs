//! Every reason to refuse a block, produced once, and what building guarantees.

use super::*;
use crate::block::{Block, Header, VerifiedBlock, commit_root, evidence_root, transactions_root};
use crate::keys::Signature;
use crate::ledger::BlockRejected;
use crate::limits;
use crate::vote::{
    CertificateRejected, Evidence, EvidenceRejected, Proposal, SignedProposal, SignedVote, Vote, VoteKind,
};

/// Four validators and their chain at height 2.
fn world() -> World {
    let mut world = World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 50), (4, 100, 50), (9, 1_000, 0)]);
    world.empty_blocks(2);
    world
}

/// Takes a good block apart, lets a test damage it, and asks the ledger.
#[track_caller]
fn refused(world: &World, damage: impl FnOnce(&mut Header, &mut Option<Certificate>)) -> BlockRejected {
    let built = world.ledger.build_block(world.draft(vec![world.send(9, 8, bcc(1))])).block;
    let (mut header, mut commit) = (built.header().clone(), built.commit().cloned());
    damage(&mut header, &mut commit);
    let damaged = VerifiedBlock::assemble(header, built.transactions().to_vec(), vec![], commit, None);
    world.ledger.apply_block(&damaged).expect_err("should be refused")
}

#[test]
fn an_undamaged_block_is_accepted() {
    let world = world();
    let built = world.ledger.build_block(world.draft(vec![world.send(9, 8, bcc(1))])).block;
    let again = VerifiedBlock::assemble(
        built.header().clone(),
        built.transactions().to_vec(),
        vec![],
        built.commit().cloned(),
        None,
    );
    assert_eq!(built, again);
    assert!(world.ledger.apply_block(&again).is_ok());
}

#[test]
fn a_block_belongs_in_one_place_after_its_parent() {
    let world = world();
    let tip = *world.ledger.tip();
    assert_eq!(refused(&world, |header, _| header.chain = nobody()), BlockRejected::OtherChain);
    for found in [Height(2), Height(4)] {
        let reason = BlockRejected::Height { expected: Height(3), found };
        assert_eq!(refused(&world, |header, _| header.height = found), reason);
    }
    let reason = BlockRejected::Parent { expected: tip.hash, found: nobody() };
    assert_eq!(refused(&world, |header, _| header.parent = nobody()), reason);
}

#[test]
fn block_time_rises_strictly() {
    let world = world();
    let parent = world.ledger.tip().time;
    let reason = BlockRejected::Time { parent, found: parent };
    assert_eq!(refused(&world, |header, _| header.time = parent), reason);
    let mut draft = world.draft(vec![]);
    draft.time = UnixMillis(1);
    let built = world.ledger.build_block(draft);
    assert_eq!(built.block.header().time, parent.plus(1), "a slow clock does not stop a leader");
    assert!(world.ledger.apply_block(&built.block).is_ok());
}

#[test]
fn only_the_leader_of_the_round_builds() {
    let world = world();
    let expected = world.draft(vec![]).leader;
    let found = world.ledger.validators().members().iter().find(|member| member.address != expected).unwrap().address;
    let reason = BlockRejected::Leader { expected, found };
    assert_eq!(refused(&world, |header, _| header.leader = found), reason);
    let tip = world.ledger.tip();
    let later = leader_for(world.ledger.validators(), tip.hash, Height(3), Round(1));
    assert_ne!(later, expected, "nobody is drawn twice in a row");
    let reason = BlockRejected::Leader { expected: later, found: expected };
    assert_eq!(refused(&world, |header, _| header.round = Round(1)), reason);
}

#[test]
fn every_block_but_the_first_carries_its_parents_commit() {
    let world = world();
    assert_eq!(refused(&world, |_, commit| *commit = None), BlockRejected::CommitMissing);
    let first = World::new(&[(1, 100, 50), (9, 1_000, 0)]);
    assert!(first.ledger.apply_block(&first.ledger.build_block(first.draft(vec![])).block).is_ok());
    let foreign = world.commit();
    assert_eq!(refused(&first, |_, commit| *commit = foreign), BlockRejected::CommitMissing);
}

#[test]
fn the_commit_proves_the_parent() {
    let world = world();
    let damaged = |damage: fn(&mut Certificate)| match refused(&world, |_, commit| damage(commit.as_mut().unwrap())) {
        BlockRejected::Commit(reason) => reason,
        other => panic!("{other}"),
    };
    assert_eq!(damaged(|commit| commit.height = Height(1)), CertificateRejected::OtherBlock);
    assert_eq!(damaged(|commit| commit.block = nobody()), CertificateRejected::OtherBlock);
    assert_eq!(damaged(|commit| commit.signatures.swap(0, 1)), CertificateRejected::NotSorted);
    assert_eq!(damaged(|commit| commit.signatures[1] = commit.signatures[0]), CertificateRejected::NotSorted);
    let two_of_four = CertificateRejected::NotEnoughStake { voted: 100_000_000, total: 200_000_000 };
    assert_eq!(damaged(|commit| commit.signatures.truncate(2)), two_of_four);
    let stranger = |commit: &mut Certificate| {
        commit.signatures.truncate(3);
        commit.signatures.push(CommitSignature { validator: Address([255; 32]), signature: Signature([0; 64]) });
    };
    assert_eq!(damaged(stranger), CertificateRejected::Stranger { validator: Address([255; 32]) });
}

#[test]
fn promised_roots_are_computed_again() {
    let world = world();
    let which = |damage: fn(&mut Header)| match refused(&world, |header, _| damage(header)) {
        BlockRejected::Root { which, promised, .. } => (which, promised),
        other => panic!("{other}"),
    };
    assert_eq!(which(|header| header.validators_hash = nobody()), ("validators", nobody()));
    assert_eq!(which(|header| header.next_validators_hash = nobody()), ("next validators", nobody()));
    assert_eq!(which(|header| header.state_root = nobody()), ("state", nobody()));
}

#[test]
fn one_bad_transaction_refuses_the_block_and_is_named() {
    let world = world();
    let good = world.send(9, 8, bcc(1));
    let built = world.ledger.build_block(world.draft(vec![good.clone()])).block;
    let commit = built.commit().cloned();
    let twice = VerifiedBlock::assemble(built.header().clone(), vec![good.clone(), good], vec![], commit, None);
    let reason = TxRejected::WrongNonce { expected: 1, found: 0 };
    assert_eq!(world.ledger.apply_block(&twice).unwrap_err(), BlockRejected::Transaction { index: 1, reason });
}

fn evidence(chain: Hash32) -> Evidence {
    let vote = |value| {
        let (kind, height, round) = (VoteKind::Prevote, Height(1), Round(0));
        Vote { kind, height, round, value, validator: address(1) }.sign(chain, &signer(1))
    };
    Evidence::Votes { first: vote(None), second: vote(Some(nobody())) }
}

/// Blocks as they come from the network, refused without any state.
#[track_caller]
fn unverified(world: &World, damage: impl FnOnce(&mut Block)) -> BlockRejected {
    let built = world.ledger.build_block(world.draft(vec![world.send(9, 8, bcc(1))])).block;
    let mut block = Block::decode(built.bytes()).unwrap();
    block.commit = None;
    block.header.commit_root = commit_root(None, None);
    assert!(block.clone().verify(world.ledger.chain(), |_| None).is_ok());
    damage(&mut block);
    block.verify(world.ledger.chain(), |_| None).expect_err("should be refused")
}

#[test]
fn the_frame_of_a_block_is_checked_without_state() {
    let world = world();
    assert_eq!(unverified(&world, |block| block.header.chain = nobody()), BlockRejected::OtherChain);
    let crowd = unverified(&world, |block| block.evidence = vec![evidence(nobody()); 17]);
    assert_eq!(crowd, BlockRejected::TooMuchEvidence { found: 17 });
    let part = CommitSignature { validator: address(1), signature: Signature([0; 64]) };
    let certificate = Certificate { height: Height(2), round: Round(0), block: nobody(), signatures: vec![part; 129] };
    let voices = unverified(&world, |block| block.commit = Some(certificate));
    assert_eq!(voices, BlockRejected::TooManyPrecommits { found: 129, limit: limits::VALIDATORS_MAX });
    let large = unverified(&world, |block| block.transactions = vec![block.transactions[0].clone(); 20_000]);
    assert!(matches!(large, BlockRejected::TooLarge { limit_bytes: limits::BLOCK_BYTES_MAX, .. }));
    for root in ["transactions", "evidence", "commit"] {
        let spoil = |block: &mut Block| match root {
            "transactions" => block.header.transactions_root = transactions_root(&[nobody()]),
            "evidence" => block.header.evidence_root = evidence_root(&[evidence(nobody())]),
            _ => block.header.commit_root = nobody(),
        };
        assert!(matches!(unverified(&world, spoil), BlockRejected::Root { which, .. } if which == root));
    }
    let forged = unverified(&world, |block| {
        block.transactions[0].signature = Signature([1; 64]);
        block.header.transactions_root = transactions_root(&[block.transactions[0].id()]);
    });
    assert_eq!(forged, BlockRejected::Transaction { index: 0, reason: TxRejected::BadSignature });
}

/// SPEC EVID-1: the second item is wrong each time.
#[test]
fn evidence_that_proves_nothing_spoils_a_block_whatever_the_state_is() {
    let world = world();
    let good = evidence(world.ledger.chain());
    let refused = |item: Evidence| {
        unverified(&world, |block| {
            block.evidence = vec![good.clone(), item];
            block.header.evidence_root = evidence_root(&block.evidence);
        })
    };
    let Evidence::Votes { first, second } = good.clone() else { unreachable!("made above") };
    let at = |reason| BlockRejected::Evidence { index: 1, reason };
    let swapped = Evidence::Votes { first: second, second: first };
    assert_eq!(refused(swapped), at(EvidenceRejected::NotSorted));
    let other =
        Evidence::Votes { first, second: SignedVote { vote: Vote { round: Round(1), ..second.vote }, ..second } };
    assert_eq!(refused(other), at(EvidenceRejected::NotTheSame));
    let accused = address(1);
    assert_eq!(refused(evidence(nobody())), at(EvidenceRejected::BadSignature { accused }), "of another chain");
}

#[test]
fn more_transactions_than_the_genesis_allows_are_refused() {
    let mut world = World::with(&[(1, 100, 50)], Parameters { capacity: 2, ..Parameters::default() });
    world.empty_blocks(1);
    let sends: Vec<_> = (0..3).map(|nonce| world.signed(1, nonce, None, body(nonce))).collect();
    let built = world.ledger.build_block(world.draft(sends.clone()));
    assert_eq!(
        (built.block.transactions(), &built.refused[..]),
        (&sends[..2], &[][..]),
        "what does not fit is not refused"
    );
    let block = &built.block;
    let crowded = VerifiedBlock::assemble(block.header().clone(), sends, vec![], block.commit().cloned(), None);
    let reason = BlockRejected::TooManyTransactions { found: 3, limit: 2 };
    assert_eq!(world.ledger.apply_block(&crowded).unwrap_err(), reason);
    world.finalise_built(&built);
}

fn body(nonce: u64) -> Body {
    Body::Send { to: address(8), amount: micros(nonce + 1), payload: Payload::None }
}

#[test]
fn a_block_stops_growing_at_its_size_limit() {
    let capacity = 20_000;
    let parameters = Parameters { capacity, fee_per_character: Coins::ZERO, ..Parameters::default() };
    let world = World::with(&[(1, 1_000, 50)], parameters);
    let text = "x".repeat(limits::TEXT_BYTES_MAX);
    let long = |nonce| {
        world.signed(
            1,
            nonce,
            None,
            Body::Send { to: address(8), amount: micros(1), payload: Payload::Plain(text.clone()) },
        )
    };
    let sends: Vec<_> = (0..1_800).map(long).collect();
    let built = world.ledger.build_block(world.draft(sends));
    let bytes = built.block.bytes().len();
    assert_eq!(built.refused, []);
    assert!((limits::BLOCK_BYTES_MAX - 2_048..=limits::BLOCK_BYTES_MAX).contains(&bytes), "{bytes}");
    let travelled = Block::decode(built.block.bytes())
        .unwrap()
        .verify(world.ledger.chain(), |id| built.block.transactions().iter().find(|known| known.id() == *id).cloned());
    assert!(world.ledger.apply_block(&travelled.unwrap()).is_ok());
}

#[test]
fn a_builder_skips_what_cannot_be_applied() {
    let mut world = world();
    let (poor, good) = (world.send(77, 8, bcc(1)), world.send(9, 8, bcc(1)));
    let built = world.ledger.build_block(world.draft(vec![poor.clone(), good.clone()]));
    assert_eq!(built.block.transactions(), std::slice::from_ref(&good));
    let needed = micros(1_030_000);
    let reason = TxRejected::InsufficientFunds { needed, spendable: Coins::ZERO };
    assert_eq!(built.refused, [(poor.id(), reason)]);
    world.finalise_built(&built);
    assert_eq!(world.account(8).balance, bcc(1));
}

#[test]
fn a_refused_block_changes_nothing() {
    let world = world();
    let before = world.ledger.snapshot();
    refused(&world, |header, _| header.state_root = nobody());
    assert_eq!(world.ledger.snapshot(), before);
}

#[test]
#[should_panic(expected = "from the tip it was applied to")]
fn advancing_from_another_tip_is_our_bug() {
    let mut world = world();
    let applied = world.block(vec![]);
    world.ledger.advance(applied);
}

#[test]
fn a_proposal_is_no_vote() {
    // Two kinds of messages with the same content never share a sign hash.
    let (height, round, chain) = (Height(1), Round(0), nobody());
    let proposal = Proposal { height, round, block: chain, lock_round: None, leader: address(1) };
    let signed: SignedProposal = proposal.sign(chain, &signer(1));
    let vote = Vote { kind: VoteKind::Prevote, height, round, value: Some(chain), validator: address(1) };
    assert_ne!(signed.proposal.sign_hash(chain), vote.sign_hash(chain));
}
