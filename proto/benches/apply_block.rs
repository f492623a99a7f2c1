//! What a block costs beyond its signatures: building, applying, advancing, as accounts grow.
//!
//! Prints microseconds a transaction; the figure to watch is that they grow no faster than the logarithm of the accounts.
//! Run it on a quiet machine: `cargo bench -p blockchat-proto --bench apply_block`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the rules never do")]

use blockchat_proto::coins::{Coins, MICROS_PER_BCC};
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{Account, BuiltBlock, Draft, Ledger, Snapshot, SnapshotDamaged};
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction, verify_all};
use blockchat_proto::units::{Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature};
use std::time::{Duration, Instant};

const SENDERS: u32 = 2_000;
const BLOCKS: u64 = 5;

fn main() {
    println!("accounts   transactions   build   apply  advance   us/transaction; changed accounts; restore us/account");
    let signers: Vec<_> = (0..SENDERS).map(|index| Signer::from_seed(&seed(index))).collect();
    let genesis = genesis(&signers);
    for accounts in [1_000_u32, 10_000, 100_000, 1_000_000] {
        let start = Instant::now();
        let ledger = with_strangers(&genesis, accounts);
        let restore_us = us(start.elapsed()) / f64::from(accounts);
        for transactions in [100_u32, 2_000] {
            let [build, apply, advance, changed] = measure(ledger.clone(), &signers, accounts, transactions);
            println!(
                "{accounts:>9} {transactions:>12} {build:>9.2} {apply:>7.2} {advance:>7.2} {changed:>22.0} {restore_us:>20.2}"
            );
        }
    }
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn seed(index: u32) -> [u8; 32] {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&index.to_be_bytes());
    seed
}

/// Nobody knows the key of a stranger; that does not keep it from receiving.
fn stranger(index: u32) -> Address {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&index.wrapping_mul(2_654_435_761).to_be_bytes());
    bytes[4..8].copy_from_slice(&index.to_be_bytes());
    Address(bytes)
}

fn genesis(signers: &[Signer]) -> VerifiedGenesis {
    let bcc = |amount| Coins::from_micros(amount * MICROS_PER_BCC).expect("below the cap");
    let funded = |(index, signer): (usize, &Signer)| {
        let stake = if index < 4 { bcc(100) } else { Coins::ZERO };
        GenesisAccount { address: signer.address(), balance: bcc(1_000_000), stake, name: None }
    };
    let mut accounts: Vec<_> = signers.iter().enumerate().map(funded).collect();
    accounts.sort_by_key(|account| account.address);
    let (name, time, parameters) = ("bench".into(), UnixMillis(1), Parameters::default());
    Genesis { name, time, parameters, treasury: Coins::ZERO, accounts, version: RulesVersion::FIRST }
        .verify()
        .expect("a good genesis")
}

/// A ledger with this many accounts beside the senders, made the way a store makes it.
fn with_strangers(genesis: &VerifiedGenesis, accounts: u32) -> Ledger {
    let mut snapshot = Ledger::at_genesis(genesis).snapshot();
    let balance = Coins::from_bcc(1);
    let others = (0..accounts).map(|index| (stranger(index), Account { balance, ..Account::default() }));
    snapshot.accounts.extend(others);
    let SnapshotDamaged { found, .. } = Ledger::restore(genesis, snapshot.clone()).expect_err("another root");
    let snapshot = Snapshot { state_root: found, ..snapshot };
    Ledger::restore(genesis, snapshot).expect("its own root")
}

fn transfers(ledger: &Ledger, signers: &[Signer], accounts: u32, count: u32, block: u64) -> Vec<VerifiedTransaction> {
    let one = |index: u32| {
        let signer = &signers[usize::try_from(index % SENDERS).expect("small")];
        let pick = u64::from(index).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(block * 7_919) >> 16;
        let to = stranger(u32::try_from(pick % u64::from(accounts)).expect("below a u32"));
        let body = Body::Send { to, amount: Coins::from_bcc(1), payload: Payload::None };
        let nonce = ledger.account(&signer.address()).next_nonce;
        Transaction { chain: ledger.chain(), sender: signer.address(), nonce, expiry: None, body }.sign(signer)
    };
    let verified = verify_all((0..count).map(one).collect(), ledger.chain());
    verified.into_iter().map(|answer| answer.expect("a good signature")).collect()
}

fn build(ledger: &Ledger, offered: Vec<VerifiedTransaction>) -> BuiltBlock {
    let tip = *ledger.tip();
    let members = ledger.tip_validators().members().iter();
    let signatures = members.map(|m| CommitSignature { validator: m.address, signature: Signature([0; 64]) }).collect();
    let certificate = Certificate { height: tip.height, round: Round(0), block: tip.hash, signatures };
    let commit = (tip.height.0 > 0).then_some(certificate);
    let leader = leader_for(ledger.validators(), tip.hash, tip.height.next(), Round(0));
    ledger.build_block(Draft {
        round: Round(0),
        leader,
        time: tip.time.plus(250),
        offered,
        evidence: vec![],
        commit,
        late: None,
    })
}

/// Microseconds a transaction for building, applying and advancing, best of a few blocks; accounts changed by the last.
fn measure(mut ledger: Ledger, signers: &[Signer], accounts: u32, transactions: u32) -> [f64; 4] {
    let mut best = [f64::MAX; 3];
    let mut changed = 0;
    for block in 0..BLOCKS {
        let offered = transfers(&ledger, signers, accounts, transactions, block);
        let started = Instant::now();
        let built = build(&ledger, offered);
        let built_at = Instant::now();
        let applied = ledger.apply_block(&built.block).expect("what we build, we accept");
        let applied_at = Instant::now();
        changed = applied.accounts().len();
        drop(built);
        let advancing = Instant::now();
        ledger.advance(applied);
        let times = [built_at - started, applied_at - built_at, advancing.elapsed()];
        for (best, time) in best.iter_mut().zip(times) {
            *best = best.min(us(time) / f64::from(transactions));
        }
    }
    let [build, apply, advance] = best;
    [build, apply, advance, f64::from(u32::try_from(changed).expect("small"))]
}
