//! What signatures cost: making one, checking one, checking batches of many senders and of few, whole transactions.
//!
//! Prints microseconds a signature on one thread, the best of several runs. On a quiet machine:
//! `cargo bench -p blockchat-proto --bench verify_signatures`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the rules never do")]

use blockchat_proto::coins::Coins;
use blockchat_proto::hash::{Hash32, hash};
use blockchat_proto::keys::{Address, SignatureCheck, Signer, verify_batch};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction, verify_all};
use std::hint::black_box;
use std::time::Instant;

const RUNS: u32 = 5;
const SIGNATURES: u32 = 4_096;
const CHAIN: Hash32 = Hash32([1; 32]);

fn main() {
    let signers: Vec<_> = (0..SIGNATURES).map(signer).collect();
    let per = |us: f64| us / f64::from(SIGNATURES);
    let hash = hash("bench", b"message");
    println!("sign:                       {:6.2} us", per(best(|| signers.iter().for_each(|s| drop_it(s.sign(hash))))));
    let checks: Vec<_> = signers.iter().map(|signer| check(signer, hash)).collect();
    println!("check one:                  {:6.2} us", per(best(|| checks.iter().all(SignatureCheck::verify))));
    let few: Vec<_> = (0..SIGNATURES).map(|index| few_senders(&signers, index)).collect();
    println!("\nbatch of   each its sender   16 senders in all   us a signature");
    for size in [16, 64, 256, 1_024] {
        let run = |checks: &[SignatureCheck]| per(best(|| checks.chunks(size).all(all)));
        println!("{size:>8} {:>17.2} {:>19.2}", run(&checks), run(&few));
    }
    let mut spoilt = checks[..256].to_vec();
    spoilt[100].signature.0[40] ^= 1;
    let us = best(|| verify_batch(&spoilt)) / 256.0;
    println!("\nbatch of 256 with a wrong one: {us:.2} us a signature");
    let transactions: Vec<_> = signers.iter().map(transaction).collect();
    for size in [256, 4_096] {
        let work = || transactions.chunks(size).all(|part| verify_all(part.to_vec(), CHAIN).iter().all(Result::is_ok));
        println!("transactions, {size:>5} at a time: {:6.2} us each, id and stateless rules included", per(best(work)));
    }
}

fn drop_it<T>(value: T) {
    black_box(value);
}

/// Microseconds of the fastest run.
fn best<T>(work: impl Fn() -> T) -> f64 {
    let run = |_| {
        let started = Instant::now();
        drop_it(work());
        started.elapsed().as_secs_f64() * 1e6
    };
    (0..RUNS).map(run).fold(f64::MAX, f64::min)
}

fn all(batch: &[SignatureCheck]) -> bool {
    let verdicts = verify_batch(batch);
    assert!(verdicts.iter().all(|good| *good), "all of them are good");
    true
}

fn signer(index: u32) -> Signer {
    let mut seed = [5; 32];
    seed[..4].copy_from_slice(&index.to_be_bytes());
    Signer::from_seed(&seed)
}

fn check(signer: &Signer, hash: Hash32) -> SignatureCheck {
    SignatureCheck { signer: signer.address(), hash, signature: signer.sign(hash) }
}

fn few_senders(signers: &[Signer], index: u32) -> SignatureCheck {
    let sender = &signers[usize::try_from(index % 16).expect("small")];
    check(sender, hash("bench", &index.to_be_bytes()))
}

fn transaction(signer: &Signer) -> SignedTransaction {
    let body = Body::Send { to: Address([2; 32]), amount: Coins::from_bcc(1), payload: Payload::Plain("hello".into()) };
    Transaction { chain: CHAIN, sender: signer.address(), nonce: 0, expiry: None, body }.sign(signer)
}
