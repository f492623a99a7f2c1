//! Claims in the pool: little room, given to those with the most work. SPEC CLAIM-8.

use super::*;
use crate::mempool::claims::CLAIMS_MAX;
use blockchat_proto::claim::Found;

/// Numbered strangers without coins.
fn stranger(number: u8) -> Signer {
    Signer::from_seed(&[number, 77].repeat(16).try_into().unwrap())
}

fn world() -> World {
    World { ledger: granting_ledger(60, bcc(1)), pool: Mempool::new(&EngineConfig::default()), now: START }
}

/// A claim whose work is worth from `least` to below `below` tries.
fn claim(world: &World, number: u8, least: u64, below: u64) -> VerifiedTransaction {
    let (signer, chain) = (stranger(number), world.ledger.chain());
    let recent = world.ledger.system().recent.last().unwrap().hash;
    let transaction = |work| {
        let body = Body::Claim { recent, work };
        Transaction { chain, sender: signer.address(), nonce: 0, expiry: None, body }
    };
    let worth = |claim: &Transaction| claim.work_found().map_or(0, Found::worth);
    let found = (0..).map(transaction).find(|claim| (least..below).contains(&worth(claim))).unwrap();
    found.sign(&signer).verify(chain).unwrap()
}

fn full(world: &mut World) -> Vec<VerifiedTransaction> {
    let claims: Vec<_> =
        (0..CLAIMS_MAX).map(|number| claim(world, u8::try_from(number).unwrap(), 200, 2_000)).collect();
    assert!(world.submit(claims.clone()).iter().all(|outcome| *outcome == SubmitOutcome::Pooled));
    claims
}

fn found(claim: &VerifiedTransaction) -> Found {
    claim.transaction().work_found().unwrap()
}

#[test]
fn only_work_that_is_enough_is_let_in() {
    let mut world = world();
    let weak = claim(&world, 1, 2, 100);
    let outcome = world.submit_one(&weak);
    assert!(matches!(outcome, SubmitOutcome::MaybeFinal(TxRejected::WeakWork { needed: 100, .. })), "{outcome:?}");
    assert_eq!(world.gossip(&[weak]), GossipVerdict::Ignore, "and not passed on");
    assert_eq!(world.gossip(&[claim(&world, 1, 101, 1_000)]), GossipVerdict::Accept);
}

#[test]
fn a_stranger_that_fills_the_room_keeps_out_only_who_worked_less() {
    let mut world = world();
    let claims = full(&mut world);
    let less = claim(&world, 100, 101, 200);
    assert_eq!(world.submit_one(&less), SubmitOutcome::MaybeFinal(TxRejected::PoolFull));
    let more = claim(&world, 100, 2_000, 1 << 20);
    assert_eq!(world.submit_one(&more), SubmitOutcome::Pooled);
    let weakest = claims.iter().max_by_key(|claim| found(claim)).unwrap();
    assert_eq!(world.place(weakest), Some(SubmitOutcome::Refused(TxRejected::PoolFull)), "though it is our own");
    assert_eq!(world.pool.len(), CLAIMS_MAX);
    assert_eq!(world.selected(), [more], "and it is the next");
}

#[test]
fn validators_and_who_pays_have_their_room_whatever_claims_come() {
    let mut world = world();
    full(&mut world);
    let inactive = world.stake(1, 0, 50);
    world.finalise(&[inactive]);
    let (activate, send) = (world.activate(1), world.send(2, 0, 1));
    assert_eq!(world.submit(vec![activate.clone(), send.clone()]), [SubmitOutcome::Pooled, SubmitOutcome::Pooled]);
    let selected = world.selected();
    assert_eq!((selected.len(), &selected[0], &selected[2]), (3, &activate, &send), "and one claim between");
}

#[test]
fn a_sender_has_one_claim_here_and_may_put_more_work_in_its_place() {
    let mut world = world();
    let (first, second) = (claim(&world, 1, 200, 400), claim(&world, 1, 1_000, 2_000));
    assert_eq!(world.submit_one(&first), SubmitOutcome::Pooled);
    assert_eq!(world.submit_one(&second), SubmitOutcome::Pooled);
    assert_eq!(world.selected(), std::slice::from_ref(&second));
    let taken = TxRejected::NonceTaken { nonce: 0 };
    assert_eq!(world.submit_one(&claim(&world, 1, 101, 900)), SubmitOutcome::MaybeFinal(taken));
    world.finalise(&[second]);
    assert!(world.pool.is_empty());
    let again = world.submit_one(&claim(&world, 1, 200, 400));
    assert_eq!(again, SubmitOutcome::MaybeFinal(TxRejected::AlreadyClaimed));
}

/// Each block pays the one with the most work; what is not enough any more leaves.
#[test]
fn claims_are_paid_one_a_block_in_the_order_of_their_work() {
    let mut world = world();
    let mut claims = full(&mut world);
    claims.sort_by_key(found);
    for expected in &claims[..5] {
        assert_eq!(world.selected(), std::slice::from_ref(expected));
        world.finalise(std::slice::from_ref(expected));
    }
    assert_eq!(world.pool.len(), CLAIMS_MAX - 5);
    let none = TxRejected::OneGrantPerBlock;
    let built = world.build(&claims[5..7]);
    assert_eq!(built.refused, [(claims[6].id(), none.clone())]);
    world.pool.refused(&built.refused);
    assert_eq!(
        world.place(&claims[6]),
        Some(SubmitOutcome::Refused(none)),
        "a build says so, and only of more than one"
    );
}

#[test]
fn what_became_stale_leaves_with_the_next_block() {
    let mut world = world();
    let old = claim(&world, 1, 200, 400);
    world.submit_one(&old);
    for _ in 0..1_024 {
        world.finalise(&[]);
    }
    let stale = TxRejected::StaleWork { blocks: 1_024 };
    assert_eq!(world.place(&old), Some(SubmitOutcome::Refused(stale)));
}
