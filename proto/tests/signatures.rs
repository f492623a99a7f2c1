//! The content that a signature covers; and that alone and in a batch it gets the same answer, however odd its points.
//! SPEC SIG-1, SIG-2.
//!
//! The odd ones are made here from the curve's own arithmetic: keys and nonces with a part of small order, points of small
//! order in every encoding that decodes, scalars that are too large, bytes that are no point.

use blockchat_proto::block::{Block, Header, commit_root, evidence_root, transactions_root};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::{Hash32, Hasher, label};
use blockchat_proto::keys::{Address, Signature, SignatureCheck, Signer, sign_hash, verify_batch};
use blockchat_proto::ledger::{BlockRejected, TxRejected};
use blockchat_proto::transaction::{
    Body, Payload, SealSalt, Sealed, SignedTransaction, Transaction, VerifiedTransaction, verify_all,
};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CertificateRejected, CommitSignature, Proposal, SignedVote, Vote, VoteKind};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};
use std::collections::BTreeSet;

const CHAIN: Hash32 = Hash32([0xc4; 32]);

fn signer(person: u8) -> Signer {
    Signer::from_seed(&[person; 32])
}

// ---- Odd keys and signatures ----

/// A scalar that depends on nothing but its name.
fn scalar(name: &str, number: u64) -> Scalar {
    let mut wide = Sha512::new();
    wide.update(name);
    wide.update(number.to_be_bytes());
    Scalar::from_bytes_mod_order_wide(&wide.finalize().into())
}

fn message(number: u64) -> Hash32 {
    Hasher::new("odd").part(&number.to_be_bytes()).finish()
}

/// The number that ties R, A and the message together.
fn challenge(r: &[u8; 32], a: &[u8; 32], message: Hash32) -> Scalar {
    let wide = Sha512::new().chain_update(r).chain_update(a).chain_update(message.0);
    Scalar::from_bytes_mod_order_wide(&wide.finalize().into())
}

fn assemble(key: [u8; 32], r: [u8; 32], s: [u8; 32], hash: Hash32) -> SignatureCheck {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(&s);
    SignatureCheck { signer: Address(key), hash, signature: Signature(signature) }
}

/// A signature by a key with the small-order part `EIGHT_TORSION[key_part]`, R with `EIGHT_TORSION[r_part]`. Right but for
/// these parts, which the factor 8 of the rule takes away.
fn mixed_order(key_part: usize, r_part: usize, number: u64) -> SignatureCheck {
    let (secret, nonce) = (scalar("secret", number), scalar("nonce", number));
    let key = (ED25519_BASEPOINT_POINT * secret + EIGHT_TORSION[key_part]).compress().0;
    let r = (ED25519_BASEPOINT_POINT * nonce + EIGHT_TORSION[r_part]).compress().0;
    let s = nonce + challenge(&r, &key, message(number)) * secret;
    assemble(key, r, s.to_bytes(), message(number))
}

/// Every 32 bytes that decode to a point of small order: the eight points, some in more than one way. ZIP 215 knows 14.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let plain = EIGHT_TORSION.iter().map(|point| point.compress().0);
    // y = p and y = p + 1 stand for 0 and 1.
    let beyond = [0xed, 0xee].map(|low| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, 0x7f);
        bytes
    });
    let both_signs = plain.chain(beyond).flat_map(|bytes| {
        let mut other = bytes;
        other[31] ^= 0x80;
        [bytes, other]
    });
    let small = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress().is_some_and(|point| point.is_small_order());
    let distinct: BTreeSet<_> = both_signs.filter(small).collect();
    distinct.into_iter().collect()
}

/// The order of the group, added to a scalar: the same signature to a program that forgets to look. Little endian.
fn plus_group_order(s: &[u8; 32]) -> [u8; 32] {
    let order_minus_one = (-Scalar::ONE).to_bytes();
    let mut carry = 1_u16;
    let mut sum = [0; 32];
    for ((place, a), b) in sum.iter_mut().zip(s).zip(order_minus_one) {
        let digit = u16::from(*a) + u16::from(b) + carry;
        *place = u8::try_from(digit & 0xff).expect("masked");
        carry = digit >> 8;
    }
    assert_eq!(carry, 0, "below 2^256");
    sum
}

/// Everything here verifies: ordinary ones, mixed orders, small orders in all encodings.
fn accepted() -> Vec<SignatureCheck> {
    let mut checks: Vec<_> = (0..32).map(ordinary).collect();
    for (number, parts) in (0_u64..).zip(0..256_usize) {
        checks.push(mixed_order(parts % 8, parts / 8 % 8, number));
    }
    let small = small_order_encodings();
    for key in &small {
        for r in &small {
            checks.push(assemble(*key, *r, [0; 32], message(7)));
        }
    }
    checks
}

fn ordinary(number: u64) -> SignatureCheck {
    let signer = signer(u8::try_from(number % 5).expect("small") + 1);
    let hash = message(number);
    SignatureCheck { signer: signer.address(), hash, signature: signer.sign(hash) }
}

/// One of [`accepted`], spoilt in some way.
fn refused() -> Vec<SignatureCheck> {
    let spoilt = |(number, check): (usize, SignatureCheck)| {
        let (mut signature, mut signer) = (check.signature.0, check.signer.0);
        let (r, s) = signature.split_at_mut(32);
        let (r, s): (&mut [u8; 32], &mut [u8; 32]) = (r.try_into().expect("32 of 64"), s.try_into().expect("32 of 64"));
        let no_point = first_non_point();
        match number % 6 {
            0 => *s = plus_group_order(s),
            1 => *s = (Scalar::from_bytes_mod_order(*s) + Scalar::ONE).to_bytes(),
            2 => *r = no_point,
            3 => signer = no_point,
            4 => *s = [0xff; 32],
            _ => *r = (point(r) + ED25519_BASEPOINT_POINT).compress().0,
        }
        SignatureCheck { signer: Address(signer), signature: Signature(signature), ..check }
    };
    accepted().into_iter().enumerate().map(spoilt).collect()
}

fn point(bytes: &[u8; 32]) -> EdwardsPoint {
    CompressedEdwardsY(*bytes).decompress().expect("a point")
}

fn first_non_point() -> [u8; 32] {
    let candidates = (2..=255_u8).map(|low| {
        let mut bytes = [0; 32];
        bytes[0] = low;
        bytes
    });
    let mut none = candidates.filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_none());
    none.next().expect("half of all bytes are no points")
}

#[test]
fn there_are_fourteen_encodings_of_small_order() {
    let small = small_order_encodings();
    assert_eq!(small.len(), 14);
    let canonical = small.iter().filter(|bytes| point(bytes).compress().0 == **bytes);
    assert_eq!(canonical.count(), 8);
    assert!(small.iter().all(|bytes| point(bytes).mul_by_cofactor().is_identity()));
}

#[test]
fn what_zip_215_accepts_verifies_alone_and_together() {
    let checks = accepted();
    assert_eq!(checks.len(), 32 + 256 + 14 * 14);
    for (index, check) in checks.iter().enumerate() {
        assert!(check.verify(), "number {index}");
    }
    for size in [2, 3, 16, 100, checks.len()] {
        for batch in checks.chunks(size) {
            assert_eq!(verify_batch(batch), vec![true; batch.len()]);
        }
    }
}

#[test]
fn what_zip_215_refuses_fails_alone_and_together() {
    let checks = refused();
    for (index, check) in checks.iter().enumerate() {
        assert!(!check.verify(), "number {index}, spoilt in way {}", index % 6);
    }
    for batch in checks.chunks(17) {
        assert_eq!(verify_batch(batch), vec![false; batch.len()]);
    }
}

/// The content of `golden/zip215.txt`: some ordinary signatures, every mixture of small-order parts, every pair of
/// small-order encodings; then some of them spoilt, each way of spoiling many times.
fn shown() -> Vec<(SignatureCheck, bool)> {
    let (good, bad) = (accepted(), refused());
    let some = good.iter().skip(28).take(4 + 64).chain(&good[32 + 256..]).map(|check| (*check, true));
    some.chain(bad.iter().step_by(7).map(|check| (*check, false))).collect()
}

/// `key message signature verdict`, in hex but for the verdict.
fn line((check, good): &(SignatureCheck, bool)) -> String {
    let [key, message, signature] = [&check.signer.0[..], &check.hash.0, &check.signature.0].map(hex::encode);
    format!("{key} {message} {signature} {}", if *good { "accepted" } else { "refused" })
}

/// The file is for other implementations: one that answers all its lines as they say follows the rule.
#[test]
fn the_vectors_beside_the_golden_bytes_are_answered_as_they_say() {
    let file = include_str!("golden/zip215.txt");
    let lines: Vec<_> = file.lines().filter(|line| !line.starts_with('#')).collect();
    let shown = shown();
    let now: Vec<_> = shown.iter().map(line).collect();
    if lines != now {
        println!("---- lines of proto/tests/golden/zip215.txt as they would be now ----");
        now.iter().for_each(|line| println!("{line}"));
        println!("---- end ----");
        panic!("zip215.txt: {} lines, {} are made now (printed above)", lines.len(), now.len());
    }
    for (check, good) in &shown {
        assert_eq!(check.verify(), *good, "{}", line(&(*check, *good)));
    }
    let (checks, verdicts): (Vec<_>, Vec<_>) = shown.into_iter().unzip();
    assert_eq!(verify_batch(&checks), verdicts);
    assert!(verdicts.iter().filter(|good| **good).count() > 200 && verdicts.contains(&false));
}

/// Every mixture: a batch says of each exactly what it is worth alone, and says so again.
#[test]
fn a_batch_answers_for_each_what_it_is_worth_alone() {
    let (good, bad) = (accepted(), refused());
    for start in 0..good.len() {
        let neighbours = (0..8).map(|step| (start + step * 61) % good.len());
        let mixture: Vec<_> =
            neighbours.enumerate().map(|(place, at)| if place == start % 9 { bad[at] } else { good[at] }).collect();
        let alone: Vec<_> = mixture.iter().map(SignatureCheck::verify).collect();
        assert_eq!(verify_batch(&mixture), alone, "mixture {start}");
        assert_eq!(verify_batch(&mixture), alone, "mixture {start}, a second time");
        let reversed: Vec<_> = mixture.iter().rev().copied().collect();
        assert!(verify_batch(&reversed).iter().eq(alone.iter().rev()), "mixture {start}, backwards");
    }
}

/// One spoilt by the same amount up as another down: their sum is right, each of them is wrong.
#[test]
fn errors_that_cancel_out_do_not_pass() {
    for number in 0..64 {
        let shift = |check: SignatureCheck, by: Scalar| {
            let mut signature = check.signature.0;
            let s = Scalar::from_bytes_mod_order(*signature.last_chunk().expect("64 bytes"));
            signature[32..].copy_from_slice(&(s + by).to_bytes());
            SignatureCheck { signature: Signature(signature), ..check }
        };
        let by = scalar("shift", number);
        let pair = [shift(ordinary(number), by), shift(ordinary(number), -by)];
        assert_eq!(verify_batch(&pair), [false, false]);
    }
}

/// With its feature `legacy_compatibility` on, ed25519-dalek accepts s + L beside s. Nothing in our tree may turn it on.
#[test]
fn legacy_compatibility_is_off_in_the_library_that_signs() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
    let hash = message(1);
    let good = signer(1).sign(hash).0;
    let check = |bytes: &[u8; 64]| key.verify_strict(&hash.0, &ed25519_dalek::Signature::from_bytes(bytes)).is_ok();
    assert!(check(&good));
    let mut twin = good;
    twin[32..].copy_from_slice(&plus_group_order(good.last_chunk().expect("64 bytes")));
    assert_eq!(twin[63] & 0xe0, 0, "the feature lets scalars below 2^253 pass");
    assert!(!check(&twin));
}

// ---- What a sender signs ----

fn transaction(body: Body) -> Transaction {
    Transaction { chain: CHAIN, sender: signer(1).address(), nonce: 0, expiry: Some(Height(9)), body }
}

fn hello() -> Transaction {
    let payload = Payload::Plain("hello".into());
    transaction(Body::Send { to: signer(2).address(), amount: Coins::from_bcc(1), payload })
}

fn sealed() -> Sealed {
    Sealed { version: 1, ephemeral: Hash32([3; 32]), salt: SealSalt([6; 16]), ciphertext: vec![5; 40] }
}

/// Another signature of the same transaction by the same key: only RFC 8032 says which one to make.
fn signed_otherwise(transaction: Transaction, person: u8) -> SignedTransaction {
    let key = ed25519_dalek::SigningKey::from_bytes(&[person; 32]);
    let (address, hash) = (signer(person).address(), transaction.sign_hash());
    let nonce = scalar("another nonce", u64::from(person));
    let r = (ED25519_BASEPOINT_POINT * nonce).compress().0;
    let s = nonce + challenge(&r, &address.0, hash) * key.to_scalar();
    let signature = assemble(address.0, r, s.to_bytes(), hash).signature;
    SignedTransaction { transaction, signature }
}

#[test]
fn two_good_signatures_of_one_transaction_have_two_ids() {
    let (first, second) = (hello().sign(&signer(1)), signed_otherwise(hello(), 1));
    assert_eq!(first.transaction, second.transaction);
    assert_ne!(first.id(), second.id());
    let verified = [first, second].map(|signed| signed.verify(CHAIN).expect("both verify"));
    assert_ne!(verified[0].id(), verified[1].id());
}

#[test]
fn any_changed_bit_of_a_signature_changes_the_id() {
    let good = hello().sign(&signer(1));
    for bit in 0..512 {
        let mut other = good.clone();
        other.signature.0[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(other.id(), good.id(), "bit {bit}");
    }
}

#[test]
fn whatever_is_changed_after_signing_is_refused() {
    #[track_caller]
    fn check(original: &Transaction, change: impl Fn(&mut Transaction)) {
        let mut signed = original.clone().sign(&signer(1));
        assert!(signed.clone().verify(CHAIN).is_ok());
        change(&mut signed.transaction);
        assert_ne!(signed.transaction, *original, "the change is one");
        assert_eq!(signed.clone().verify(CHAIN), Err(TxRejected::BadSignature));
        // Beside good ones too: the batch falls back to looking at each.
        let answers = verify_all(vec![hello().sign(&signer(1)), signed], CHAIN);
        assert!(answers[0].is_ok());
        assert_eq!(answers[1], Err(TxRejected::BadSignature));
    }
    let with = |body: Body| move |tx: &mut Transaction| tx.body = body.clone();
    let send = |to, bcc, payload| Body::Send { to: signer(to).address(), amount: Coins::from_bcc(bcc), payload };
    let plain = |text: &str| Payload::Plain(text.into());
    check(&hello(), |tx| tx.sender = signer(2).address());
    check(&hello(), |tx| tx.nonce = 1);
    check(&hello(), |tx| tx.expiry = Some(Height(10)));
    check(&hello(), |tx| tx.expiry = None);
    check(&hello(), with(send(3, 1, plain("hello"))));
    check(&hello(), with(send(2, 2, plain("hello"))));
    check(&hello(), with(send(2, 1, plain("hello!"))));
    check(&hello(), with(send(2, 1, Payload::None)));
    check(&hello(), with(send(2, 1, Payload::Sealed(sealed()))));
    check(&hello(), with(Body::Stake { amount: Coins::from_bcc(1) }));

    let secret = transaction(send(2, 1, Payload::Sealed(sealed())));
    let other = Sealed { ephemeral: Hash32([4; 32]), ..sealed() };
    check(&secret, with(send(2, 1, Payload::Sealed(other))));
    let other = Sealed { salt: SealSalt([7; 16]), ..sealed() };
    check(&secret, with(send(2, 1, Payload::Sealed(other))));
    let other = Sealed { ciphertext: vec![6; 40], ..sealed() };
    check(&secret, with(send(2, 1, Payload::Sealed(other))));

    let stake = transaction(Body::Stake { amount: Coins::from_bcc(1) });
    check(&stake, with(Body::Stake { amount: Coins::ZERO }));
    let activate = transaction(Body::Activate { recent: Hash32([1; 32]) });
    check(&activate, with(Body::Activate { recent: Hash32([2; 32]) }));
    let claim = |recent, work| Body::Claim { recent: Hash32([recent; 32]), work };
    check(&transaction(claim(1, 1)), with(claim(2, 1)));
    check(&transaction(claim(1, 1)), with(claim(1, 2)));
    check(&transaction(claim(1, 1)), with(Body::Activate { recent: Hash32([1; 32]) }));
    let announce = |version| Body::Announce { version: RulesVersion(version) };
    check(&transaction(announce(2)), with(announce(3)));
}

#[test]
fn a_transaction_counts_on_its_own_chain_only() {
    let signed = hello().sign(&signer(1));
    let other = Hash32([0xff; 32]);
    let refused = TxRejected::OtherChain { expected: other, found: CHAIN };
    assert_eq!(signed.clone().verify(other), Err(refused));
    let mut moved = signed;
    moved.transaction.chain = other;
    assert_eq!(moved.clone().verify(other), Err(TxRejected::BadSignature));
    assert_eq!(moved.verify(CHAIN), Err(TxRejected::OtherChain { expected: CHAIN, found: other }));
}

#[test]
fn a_signature_of_one_kind_of_message_is_none_of_another() {
    let bytes = b"the same bytes";
    let kinds = [label::SIGN_TRANSACTION, label::SIGN_PROPOSAL, label::SIGN_VOTE];
    let hashes: BTreeSet<_> = kinds.iter().map(|kind| sign_hash(kind, CHAIN, bytes)).collect();
    assert_eq!(hashes.len(), kinds.len());
}

// ---- What nodes remember ----

/// A block with these transactions whose roots fit; nothing else of it does.
fn block(transactions: Vec<SignedTransaction>) -> Block {
    let ids: Vec<_> = transactions.iter().map(SignedTransaction::id).collect();
    let header = Header {
        version: RulesVersion::FIRST,
        chain: CHAIN,
        height: Height(1),
        round: Round(0),
        parent: CHAIN,
        leader: signer(1).address(),
        time: UnixMillis(1),
        transactions_root: transactions_root(&ids),
        evidence_root: evidence_root(&[]),
        commit_root: commit_root(None, None),
        state_root: Hash32::ZERO,
        validators_hash: Hash32::ZERO,
        next_validators_hash: Hash32::ZERO,
    };
    Block { header, transactions, evidence: vec![], commit: None, late: None }
}

/// Why the id covers the signature: a node that remembers the transaction must answer like one that does not.
#[test]
fn a_pooled_transaction_under_a_garbage_signature_is_refused_by_everybody() {
    let good = hello().sign(&signer(1));
    let pooled = good.clone().verify(CHAIN).expect("good");
    let known = |id: &Hash32| (*id == pooled.id()).then(|| pooled.clone());
    let nobody = |_: &Hash32| -> Option<VerifiedTransaction> { None };
    assert!(block(vec![good.clone()]).verify(CHAIN, known).is_ok());
    let garbage = SignedTransaction { signature: Signature([7; 64]), ..good };
    let refused = BlockRejected::Transaction { index: 0, reason: TxRejected::BadSignature };
    assert_eq!(block(vec![garbage.clone()]).verify(CHAIN, known), Err(refused.clone()));
    assert_eq!(block(vec![garbage]).verify(CHAIN, nobody), Err(refused));
}

// ---- What validators sign ----

fn vote() -> Vote {
    let validator = signer(1).address();
    Vote { kind: VoteKind::Precommit, height: Height(5), round: Round(2), value: Some(Hash32([1; 32])), validator }
}

#[test]
fn every_field_of_a_vote_is_signed() {
    let good = vote().sign(CHAIN, &signer(1));
    assert!(good.signature_check(CHAIN).verify());
    assert!(!good.signature_check(Hash32::ZERO).verify(), "another chain");
    let changes: [fn(&mut Vote); 6] = [
        |vote| vote.kind = VoteKind::Prevote,
        |vote| vote.height = Height(6),
        |vote| vote.round = Round(3),
        |vote| vote.value = Some(Hash32([2; 32])),
        |vote| vote.value = None,
        |vote| vote.validator = signer(2).address(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = good;
        change(&mut changed.vote);
        assert!(!changed.signature_check(CHAIN).verify(), "change {index}");
    }
}

#[test]
fn every_field_of_a_proposal_is_signed() {
    let proposal = Proposal {
        height: Height(5),
        round: Round(2),
        block: Hash32([1; 32]),
        lock_round: Some(Round(0)),
        leader: signer(1).address(),
    };
    let good = proposal.sign(CHAIN, &signer(1));
    assert!(good.signature_check(CHAIN).verify());
    assert!(!good.signature_check(Hash32::ZERO).verify(), "another chain");
    let changes: [fn(&mut Proposal); 6] = [
        |proposal| proposal.height = Height(6),
        |proposal| proposal.round = Round(3),
        |proposal| proposal.block = Hash32([2; 32]),
        |proposal| proposal.lock_round = Some(Round(1)),
        |proposal| proposal.lock_round = None,
        |proposal| proposal.leader = signer(2).address(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = good;
        change(&mut changed.proposal);
        assert!(!changed.signature_check(CHAIN).verify(), "change {index}");
    }
}

#[test]
fn a_certificate_names_the_signer_whose_precommit_is_wrong() {
    let part = |signed: SignedVote| CommitSignature { validator: signed.vote.validator, signature: signed.signature };
    let by = |person: u8| Vote { validator: signer(person).address(), ..vote() }.sign(CHAIN, &signer(person));
    let mut signatures: Vec<_> = (1..=7).map(|person| part(by(person))).collect();
    signatures.sort_by_key(|part| part.validator);
    let (height, round, block) = (Height(5), Round(2), Hash32([1; 32]));
    let good = Certificate { height, round, block, signatures };
    assert_eq!(good.check_signatures(CHAIN), Ok(()));
    for index in 0..good.signatures.len() {
        let mut other = good.clone();
        let wrong = &mut other.signatures[index];
        wrong.signature.0[40] ^= 1;
        let validator = wrong.validator;
        assert_eq!(other.check_signatures(CHAIN), Err(CertificateRejected::BadSignature { validator }));
    }
    let moved = Certificate { round: Round(3), ..good };
    assert!(moved.check_signatures(CHAIN).is_err(), "precommits of one round are none of another");
}
