//! The wire format, pinned: a change of one byte changes a file here, and shows in the diff.
//!
//! `golden/bytes.txt` holds the canonical bytes of one value of every type and variant, `golden/hashes.txt` what is hashed
//! and signed, `golden/pins.txt` one hash over [`RANDOM_VALUES`] seeded values of every type: a codec that reproduces all
//! three is the same codec. Whatever decodes, in any other form, is refused. SPEC CODEC-1 to CODEC-4.

mod golden;

use blockchat_proto::block::{Block, commit_root, evidence_root, transactions_root};
use blockchat_proto::codec::{DecodeRejected, decode, encode};
use blockchat_proto::hash::{Hash32, Hasher, hash, label, list_root};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::limits::BLOCK_BYTES_MAX;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::{Height, Round};
use golden::cbor::{Damage, damaged};
use golden::pinned::Pinned;
use golden::random::{self, Dice, Random};
use golden::{Wire, samples};
use sha2::{Digest, Sha256};

/// Number of values of every type that `pins.txt` covers. Changing it changes the pins.
const RANDOM_VALUES: u32 = 4_096;

fn read<T: Wire>(bytes: &[u8]) -> Result<T, DecodeRejected> {
    decode(bytes, BLOCK_BYTES_MAX)
}

// ---- Pinned bytes ----

struct GoldenBytes(Pinned);

impl samples::Visitor for GoldenBytes {
    fn sample<T: Wire>(&mut self, name: &str, value: T) {
        let bytes = encode(&value);
        self.0.check(name, &bytes);
        assert_eq!(read(&bytes), Ok(value), "{name} survives its own bytes");
    }
}

#[test]
fn every_type_and_variant_has_the_bytes_it_always_had() {
    let mut golden = GoldenBytes(Pinned::new("bytes.txt", include_str!("golden/bytes.txt")));
    samples::visit_all(&mut golden);
    golden.0.finish();
}

struct Pins(Pinned);

impl random::Visitor for Pins {
    fn kind<T: Wire + Random>(&mut self, name: &'static str) {
        let mut dice = Dice::new(name);
        let mut all = Sha256::new();
        for _ in 0..RANDOM_VALUES {
            let value: T = dice.roll();
            let bytes = encode(&value);
            let length = u32::try_from(bytes.len()).expect("short");
            all.update(length.to_be_bytes());
            all.update(&bytes);
            let flipped = flip_one_bit(&bytes, &mut dice);
            assert_ne!(read(&flipped).as_ref(), Ok(&value), "another encoding of one {name}");
            assert_eq!(read(&bytes), Ok(value), "a {name} survives its own bytes");
        }
        self.0.check(name, &all.finalize());
    }
}

fn flip_one_bit(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    let at = usize::try_from(dice.below(u64::try_from(bytes.len()).expect("short"))).expect("short");
    flipped[at] ^= 1 << dice.below(8);
    flipped
}

#[test]
fn seeded_values_of_every_type_have_the_bytes_they_always_had() {
    let mut pins = Pins(Pinned::new("pins.txt", include_str!("golden/pins.txt")));
    random::visit_all(&mut pins);
    pins.0.finish();
}

// ---- Pinned hashes ----

#[test]
fn everything_hashed_and_signed_is_what_it_always_was() {
    let mut pinned = Pinned::new("hashes.txt", include_str!("golden/hashes.txt"));
    let mut check = |name: &str, hash: Hash32| pinned.check(name, &hash.0);
    let (genesis, chain, block) = (samples::genesis(), samples::chain(), samples::block_1());
    let ledger = Ledger::at_genesis(&genesis);
    check("genesis", genesis.hash());
    check("genesis/validators", genesis.validators().hash());
    check("genesis/state", ledger.state_root());
    for (name, signed) in samples::transactions() {
        check(&format!("{name}/signed"), signed.transaction.sign_hash());
        check(&format!("{name}/id"), signed.id());
    }
    for (name, signed) in samples::votes() {
        check(&format!("{name}/signed"), signed.vote.sign_hash(chain));
    }
    for (name, signed) in samples::proposals() {
        check(&format!("{name}/signed"), signed.proposal.sign_hash(chain));
    }
    check("block-1", block.hash());
    check("block-1/transactions", block.header().transactions_root);
    check("block-1/state", block.header().state_root);
    check("evidence/none", evidence_root(&[]));
    check("evidence/both", evidence_root(&samples::block_of_everything().evidence));
    check("commit/none", commit_root(None, None));
    check("commit/three", commit_root(Some(&samples::certificate()), None));
    check("commit/three-and-late", commit_root(Some(&samples::certificate()), Some(&samples::late())));
    let items: Vec<TransactionId> = (0..8).map(|index: u8| hash("golden", &[index])).collect();
    for count in 0..=items.len() {
        check(&format!("list/{count}"), transactions_root(&items[..count]));
    }
    for round in 0..6 {
        let leader = leader_for(genesis.validators(), chain, Height(1), Round(round));
        check(&format!("leader/1/{round}"), Hash32(leader.0));
    }
    pinned.finish();
}

#[test]
fn labels_and_lists_are_hashed_as_the_spec_says() {
    let text = "blockchat/item/v1";
    assert_eq!(text, label::ITEM);
    let mut input = vec![17];
    input.extend(text.bytes());
    input.extend(b"content");
    assert_eq!(hash(label::ITEM, b"content").0[..], Sha256::digest(&input)[..]);
    let head = Hash32(Sha256::digest(b"").into());
    let empty = Hasher::new(label::EVIDENCE).part(&[0; 8]).part(&head.0).finish();
    assert_eq!(list_root(label::EVIDENCE, &[]), empty);
}

#[test]
fn the_pinned_block_is_one_that_its_ledger_accepts() {
    let bytes = encode(&samples::plain(&samples::block_1()));
    let block = Block::decode(&bytes).expect("canonical").verify(samples::chain(), |_| None).expect("signed well");
    let applied = Ledger::at_genesis(&samples::genesis()).apply_block(&block).expect("follows its rules");
    assert_eq!(applied.state_root(), block.header().state_root);
}

// ---- Everything else is refused ----

struct Damaged {
    refused: usize,
}

impl samples::Visitor for Damaged {
    fn sample<T: Wire>(&mut self, name: &str, value: T) {
        let bytes = encode(&value);
        for how in Damage::ALL {
            for other in damaged(&bytes, how) {
                // A field that may be left out at the end, left out, is another value.
                let is_other = matches!(how, Damage::Drop) && read::<T>(&other).is_ok_and(|read| read != value);
                let is_refused = is_other || read::<T>(&other).is_err();
                assert!(is_refused, "{name}, {how:?}: {} is accepted", hex::encode(&other));
                self.refused += 1;
            }
        }
        for extra in [0x00, 0xf6, 0xff] {
            let longer = [&bytes[..], &[extra]].concat();
            assert!(read::<T>(&longer).is_err(), "{name} with a byte {extra:#x} behind it is accepted");
        }
        for end in 0..bytes.len() {
            assert!(read::<T>(&bytes[..end]).is_err(), "{name} cut at {end} is accepted");
        }
        for other in with_names(&value).into_iter().filter(|other| *other != bytes) {
            assert!(read::<T>(&other).is_err(), "{name} with names instead of numbers is accepted");
            self.refused += 1;
        }
    }
}

/// The other forms that the library behind `codec` can write, and reads as gladly.
fn with_names<T: Wire>(value: &T) -> Vec<Vec<u8>> {
    let mut legacy = vec![];
    let writer = serde_cbor::ser::IoWrite::new(&mut legacy);
    value.serialize(&mut serde_cbor::Serializer::new(writer).packed_format().legacy_enums()).expect("encodes");
    vec![serde_cbor::to_vec(value).expect("encodes"), legacy]
}

#[test]
fn no_value_has_a_second_encoding() {
    let mut damaged = Damaged { refused: 0 };
    samples::visit_all(&mut damaged);
    assert!(damaged.refused > 10_000, "only {} other encodings were tried", damaged.refused);
}

struct BitFlips;

impl samples::Visitor for BitFlips {
    fn sample<T: Wire>(&mut self, name: &str, value: T) {
        let bytes = encode(&value);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert_ne!(read(&flipped).as_ref(), Ok(&value), "{name} with bit {bit} of byte {at} flipped");
            }
        }
    }
}

#[test]
fn no_flipped_bit_goes_unseen() {
    samples::visit_all(&mut BitFlips);
}

// ---- The example in the SPEC ----

#[test]
fn the_example_in_the_spec_is_true() {
    let spec = include_str!("../SPEC.md");
    let signed = samples::hello_bob();
    let bytes = encode(&signed.transaction);
    let preimage =
        [&[29][..], label::SIGN_TRANSACTION.as_bytes(), &signed.transaction.chain.0[..], &bytes[..]].concat();
    assert_eq!(Sha256::digest(&preimage)[..], signed.transaction.sign_hash().0[..]);
    let fee = blockchat_proto::ledger::fee_for(&signed.transaction.body, &Default::default());
    let lines = [
        ("genesis", hex::encode(encode(samples::genesis().genesis()))),
        ("chain", signed.transaction.chain.to_string()),
        ("sender", hex::encode(signed.transaction.sender.0)),
        ("sender-text", signed.transaction.sender.to_string()),
        ("receiver", hex::encode(samples::signer(2).address().0)),
        ("bytes", hex::encode(&bytes)),
        ("hash", signed.transaction.sign_hash().to_string()),
        ("signature", signed.signature.to_string()),
        ("signed", hex::encode(encode(&signed))),
        ("id", signed.id().to_string()),
        ("fee", fee.expect("small").to_string()),
    ];
    let squeezed: String = spec.split_whitespace().collect();
    let missing: Vec<_> = lines.iter().filter(|(_, value)| !squeezed.contains(value)).collect();
    missing.iter().for_each(|(name, value)| println!("{name}: {value}"));
    assert!(missing.is_empty(), "SPEC.md does not show the {} values above", missing.len());
}
