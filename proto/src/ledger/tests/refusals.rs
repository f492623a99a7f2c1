//! Every reason to refuse a transaction, produced once. Reasons of a node's own pool are tested there.

use super::*;
use crate::ledger::{Standing, Unbonding};
use crate::limits;
use crate::refusal::TxCode;
use crate::transaction::{SealSalt, Sealed, SignedTransaction};

fn world() -> World {
    World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 50), (4, 100, 50), (5, 100, 50), (9, 1_000, 0)])
}

fn plain(text: &str) -> Payload {
    Payload::Plain(text.into())
}

fn message(payload: Payload) -> Body {
    Body::Send { to: address(8), amount: Coins::ZERO, payload }
}

/// Signs and verifies; for what is refused without any state.
fn verify(world: &World, nonce: u64, body: Body) -> Result<VerifiedTransaction, TxRejected> {
    let (chain, sender) = (world.ledger.chain(), address(9));
    Transaction { chain, sender, nonce, expiry: None, body }.sign(&signer(9)).verify(chain)
}

#[test]
fn nothing_empty_too_long_or_unknown_is_verified() {
    let world = world();
    let sealed = |version, length| {
        let (ephemeral, salt) = (nobody(), SealSalt([0; 16]));
        message(Payload::Sealed(Sealed { version, ephemeral, salt, ciphertext: vec![0; length] }))
    };
    let longest = limits::TEXT_BYTES_MAX;
    let too_long = TxRejected::MessageTooLong { found_bytes: longest + 1, limit_bytes: longest };
    let refused = [
        (message(Payload::None), TxRejected::NothingToSend),
        (message(plain("")), TxRejected::EmptyMessage),
        (message(plain(&"x".repeat(longest + 1))), too_long.clone()),
        (sealed(1, limits::SEAL_TAG_BYTES), TxRejected::EmptyMessage),
        (sealed(1, limits::SEAL_TAG_BYTES + longest + 1), too_long),
        (sealed(2, 100), TxRejected::UnknownSeal { found: 2 }),
    ];
    for (body, reason) in refused {
        assert_eq!(verify(&world, 0, body), Err(reason));
    }
    assert!(verify(&world, 0, message(plain(&"x".repeat(longest)))).is_ok());
    assert!(verify(&world, 0, sealed(1, limits::SEAL_TAG_BYTES + longest)).is_ok());
}

#[test]
fn a_transaction_beyond_the_size_limit_is_refused_before_anything_else() {
    let refused = verify(&world(), 0, message(plain(&"x".repeat(3_000))));
    assert!(matches!(refused, Err(TxRejected::TooLarge { found_bytes: 3_001.., limit_bytes: 2_048 })));
}

#[test]
fn what_needs_no_nonce_carries_nonce_zero() {
    let announce = Body::Announce { version: RulesVersion(2) };
    for body in [Body::Activate { recent: nobody() }, Body::Claim { recent: nobody(), work: 0 }, announce] {
        assert_eq!(verify(&world(), 3, body), Err(TxRejected::NonceNotZero { found: 3 }));
    }
}

#[test]
fn a_signature_of_other_bytes_is_refused() {
    let world = world();
    let mut forged: SignedTransaction = world.send(9, 8, bcc(1)).signed().clone();
    forged.transaction.body = Body::Send { to: address(7), amount: bcc(1), payload: Payload::None };
    assert_eq!(forged.verify(world.ledger.chain()), Err(TxRejected::BadSignature));
}

#[test]
fn a_transaction_of_another_chain_is_refused_even_if_verified_there() {
    let other = World::new(&[(1, 1, 1)]);
    let (world, foreign) = (world(), other.send(1, 2, micros(5)));
    let reason = TxRejected::OtherChain { expected: world.ledger.chain(), found: other.ledger.chain() };
    assert_eq!(foreign.signed().clone().verify(world.ledger.chain()), Err(reason.clone()));
    assert_eq!(world.refuses(&foreign), reason);
}

#[test]
fn nonces_are_strictly_consecutive() {
    let mut world = world();
    world.block(vec![world.send(9, 8, bcc(1))]);
    let send = |nonce| world.signed(9, nonce, None, message(plain("hi")));
    assert_eq!(world.refuses(&send(0)), TxRejected::WrongNonce { expected: 1, found: 0 });
    assert_eq!(world.refuses(&send(2)), TxRejected::WrongNonce { expected: 1, found: 2 });
    assert_eq!(
        (world.refuses(&send(0)).code(), world.refuses(&send(2)).code()),
        (TxCode::StaleNonce, TxCode::EarlyNonce)
    );
    world.block(vec![send(1)]);
    let stake = |nonce| world.signed(9, nonce, None, Body::Stake { amount: bcc(5) });
    assert_eq!(world.refuses(&stake(1)), TxRejected::WrongNonce { expected: 2, found: 1 });
    let same = |nonce| world.signed(9, nonce, None, Body::Stake { amount: Coins::ZERO });
    assert_eq!(world.refuses(&same(3)), TxRejected::WrongNonce { expected: 2, found: 3 });
}

#[test]
fn the_expiry_height_itself_is_still_in_time() {
    let mut world = world();
    world.empty_blocks(4);
    let send = |expiry| world.signed(9, 0, Some(Height(expiry)), message(plain("hi")));
    let late = TxRejected::Expired { expiry: Height(4), height: Height(5) };
    assert_eq!(world.refuses(&send(4)), late);
    world.block(vec![send(5)]);
}

#[test]
fn fee_and_amount_are_needed_together() {
    let world = world();
    let reason = TxRejected::InsufficientFunds { needed: bcc(1_030), spendable: bcc(1_000) };
    assert_eq!(world.refuses(&world.send(9, 8, bcc(1_000))), reason);
    let reason = TxRejected::InsufficientFunds { needed: micros(1_000_001_000), spendable: bcc(1_000) };
    assert_eq!(world.refuses(&world.stake(9, 1_000)), reason);
    let reason = TxRejected::InsufficientFunds { needed: micros(1_001), spendable: Coins::ZERO };
    assert_eq!(world.refuses(&world.send(77, 8, micros(1))), reason);
}

#[test]
fn amounts_beyond_all_coins_are_refused_not_wrapped() {
    let world = world();
    let all = world.send(9, 8, Coins::MAX);
    assert_eq!(world.refuses(&all), TxRejected::AmountOverflow);
    let nearly = world.send(9, 8, micros(Coins::MAX.micros() / 100 * 99));
    assert_eq!(world.refuses(&nearly), TxRejected::AmountOverflow);
}

#[test]
fn a_stake_is_nothing_or_within_the_limits() {
    let parameters = Parameters { stake_min: bcc(10), stake_max: bcc(60), ..Parameters::default() };
    let world = World::with(&[(1, 100, 50), (9, 1_000, 0)], parameters);
    for found in [bcc(9), bcc(61)] {
        let reason = TxRejected::StakeOutOfRange { min: bcc(10), max: bcc(60), found };
        assert_eq!(world.refuses(&world.stake(9, found.micros() / 1_000_000)), reason);
    }
    let reason = TxRejected::StakeOutOfRange { min: bcc(10), max: bcc(60), found: bcc(9) };
    assert_eq!(world.refuses(&world.stake(1, 9)), reason, "a stake cannot be lowered below the minimum either");
}

#[test]
fn a_stake_that_changes_nothing_is_refused() {
    let world = world();
    assert_eq!(world.refuses(&world.stake(1, 50)), TxRejected::StakeUnchanged { stake: bcc(50) });
    assert_eq!(world.refuses(&world.stake(9, 0)), TxRejected::StakeUnchanged { stake: Coins::ZERO });
}

#[test]
fn a_ninth_withdrawal_waits_for_the_first() {
    let mut world = world();
    for lower in 0..8 {
        world.block(vec![world.stake(1, 49 - lower)]);
    }
    let earliest = world.account(1).unbonding[0].release;
    assert_eq!(world.refuses(&world.stake(1, 41)), TxRejected::TooManyUnbonding { earliest });
    world.block(vec![world.stake(1, 42 + 8)]);
}

#[test]
fn the_last_validators_cannot_leave() {
    let mut world = world();
    world.block(vec![world.stake(1, 0)]);
    assert_eq!(world.refuses(&world.stake(2, 0)), TxRejected::LastValidators { min: 4 });
    world.block(vec![world.stake(2, 1), world.stake(1, 10), world.activate(1)]);
    world.block(vec![world.stake(2, 0)]);
}

#[test]
fn a_small_genesis_lowers_the_number_that_must_stay() {
    let mut world = World::new(&[(1, 100, 50), (2, 100, 50), (3, 100, 0)]);
    assert_eq!(world.refuses(&world.stake(1, 0)), TxRejected::LastValidators { min: 2 });
    world.block(vec![world.stake(3, 10), world.activate(3)]);
    world.block(vec![world.stake(1, 0)]);
    assert_eq!(world.refuses(&world.stake(2, 0)), TxRejected::LastValidators { min: 2 });
}

#[test]
fn the_barred_may_take_their_stake_but_never_stand_again() {
    let world = world();
    let barred = Account { standing: Standing::Barred, ..world.account(1) };
    let ask = |transaction: &VerifiedTransaction| {
        let mut account = barred.clone();
        world.ledger.project(&mut account, transaction).map(|_| account)
    };
    assert_eq!(ask(&world.stake(1, 60)), Err(TxRejected::Barred));
    assert_eq!(ask(&world.activate(1)), Err(TxRejected::Barred));
    let left = ask(&world.stake(1, 0)).unwrap();
    assert_eq!((left.standing, left.stake), (Standing::Barred, Coins::ZERO));
    let unbonding = Unbonding { amount: bcc(50), release: left.unbonding[0].release };
    assert_eq!(left.unbonding, [unbonding]);
}

#[test]
fn activate_needs_stake_and_a_reason() {
    let world = world();
    assert_eq!(world.refuses(&world.activate(9)), TxRejected::NoStake);
    assert_eq!(world.refuses(&world.activate(1)), TxRejected::AlreadyActive);
}

#[test]
fn activate_names_a_recent_block() {
    let mut world = world();
    world.block(vec![world.stake(9, 10)]);
    let tip = world.ledger.tip().hash;
    for recent in [nobody(), tip] {
        assert_eq!(world.refuses(&world.ask(9, Body::Activate { recent })), TxRejected::NotRecent);
    }
    world.block(vec![world.activate(9)]);
}
