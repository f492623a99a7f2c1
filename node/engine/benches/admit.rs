//! What a full pool costs: letting in, dealing out for a block, following a block, memory.
//!
//! The figures to watch: select and advance stay in the low milliseconds whoever fills the pool, and 100,000 pooled
//! transactions take less than 60 MB beside their own bytes. Run it on a quiet machine:
//! `cargo bench -p blockchat-engine --bench admit`.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock; the engine never does")]

use blockchat_engine::config::EngineConfig;
use blockchat_engine::mempool::Mempool;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{Account, Draft, Ledger, Snapshot, SnapshotDamaged};
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction, verify_all};
use blockchat_proto::units::{Round, RulesVersion, UnixMillis};
use std::process::Command;
use std::time::{Duration, Instant};

const POOLED: u32 = 100_000;
const BLOCK: usize = 5_000;
const BATCH: usize = 256;
const NOW: UnixMillis = UnixMillis(1_000);
const RECEIVER: Address = Address([7; 32]);

fn main() {
    let arguments: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if let [senders, stakes, own] = arguments[..] {
        return one_case(senders, stakes == 1, own == 1);
    }
    println!("{POOLED} pooled, blocks of {BLOCK}");
    println!("senders  stake in front  from     us/admission  ms/select  ms/advance  bytes/transaction");
    for (senders, stakes) in [(16, 0), (16, 1), (1_000, 0), (POOLED, 0)] {
        for own in [0, 1] {
            in_a_process_of_its_own(&[senders, stakes, own]);
        }
    }
}

/// Memory that an earlier case has freed would hide what this one takes.
fn in_a_process_of_its_own(case: &[u32; 3]) {
    let program = std::env::current_exe().expect("the system knows what it runs");
    let status = Command::new(program).args(case.map(|number| number.to_string())).status();
    assert!(status.expect("it can be run again").success());
}

fn one_case(senders: u32, stakes: bool, own: bool) {
    let signers: Vec<_> = (0..senders).map(|index| Signer::from_seed(&seed(index))).collect();
    let ledger = funded(&signers);
    let transactions = transactions(&ledger, &signers, stakes);
    let [admit, select, advance, memory] = measure(ledger, &transactions, own);
    let (stakes, own) = (if stakes { "yes" } else { "no" }, if own { "callers" } else { "peers" });
    println!("{senders:>7}  {stakes:<14}  {own:<7} {admit:>13.2} {select:>10.2} {advance:>11.2} {memory:>18.0}");
}

fn seed(index: u32) -> [u8; 32] {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&index.to_be_bytes());
    seed
}

fn genesis() -> VerifiedGenesis {
    let account = |person: u8| GenesisAccount {
        address: Signer::from_seed(&[person; 32]).address(),
        balance: Coins::from_bcc(1_000),
        stake: Coins::from_bcc(100),
        name: None,
    };
    let mut accounts: Vec<_> = (201..=204).map(account).collect();
    accounts.sort_by_key(|account| account.address);
    let (name, time, parameters) = ("bench".into(), UnixMillis(1), Parameters::default());
    Genesis { name, time, parameters, treasury: Coins::ZERO, accounts, version: RulesVersion::FIRST }
        .verify()
        .expect("a good genesis")
}

/// A ledger in which everybody has coins, made the way a store makes it.
fn funded(signers: &[Signer]) -> Ledger {
    let genesis = genesis();
    let mut snapshot = Ledger::at_genesis(&genesis).snapshot();
    let account = Account { balance: Coins::from_bcc(1_000_000), ..Account::default() };
    snapshot.accounts.extend(signers.iter().map(|signer| (signer.address(), account.clone())));
    let SnapshotDamaged { found, .. } = Ledger::restore(&genesis, snapshot.clone()).expect_err("another root");
    Ledger::restore(&genesis, Snapshot { state_root: found, ..snapshot }).expect("its own root")
}

/// As many of each sender, everybody's first before anybody's second.
fn transactions(ledger: &Ledger, signers: &[Signer], stakes: bool) -> Vec<VerifiedTransaction> {
    let senders = u32::try_from(signers.len()).expect("small");
    let one = |index: u32| {
        let signer = &signers[usize::try_from(index % senders).expect("small")];
        let nonce = u64::from(index / senders);
        let body = match stakes && nonce == 0 {
            true => Body::Stake { amount: Coins::from_bcc(10) },
            false => Body::Send { to: RECEIVER, amount: Coins::from_bcc(1), payload: Payload::None },
        };
        Transaction { chain: ledger.chain(), sender: signer.address(), nonce, expiry: None, body }.sign(signer)
    };
    let verified = verify_all((0..POOLED).map(one).collect(), ledger.chain());
    verified.into_iter().map(|answer| answer.expect("a good signature")).collect()
}

/// Microseconds an admission, milliseconds a selection and an advance, bytes of memory a transaction beside its own.
fn measure(mut ledger: Ledger, transactions: &[VerifiedTransaction], own: bool) -> [f64; 4] {
    // The first pools take what others have freed before; only then does the process grow by what one takes.
    let spare = [fill(&ledger, transactions, own), fill(&ledger, transactions, own)];
    let memory = resident_bytes();
    let started = Instant::now();
    let mut pool = fill(&ledger, transactions, own);
    let admit = started.elapsed();
    let memory = resident_bytes() - memory;
    drop(spare);
    let started = Instant::now();
    let offered = pool.select(BLOCK, usize::MAX);
    let select = started.elapsed();
    let advance = advance(&mut ledger, &mut pool, offered);
    pool.check_invariants(&ledger);
    let count = f64::from(POOLED);
    [admit.as_secs_f64() * 1e6 / count, ms(select), ms(advance), memory / count]
}

fn fill(ledger: &Ledger, transactions: &[VerifiedTransaction], own: bool) -> Mempool {
    let mut pool = Mempool::new(&EngineConfig::default());
    for batch in transactions.chunks(BATCH) {
        if own {
            pool.submit(ledger, batch.to_vec(), None, NOW);
        } else {
            pool.gossiped(ledger, batch.to_vec(), NOW);
        }
    }
    assert_eq!(pool.len(), transactions.len(), "everything is let in");
    pool
}

fn advance(ledger: &mut Ledger, pool: &mut Mempool, offered: Vec<VerifiedTransaction>) -> Duration {
    let tip = *ledger.tip();
    let leader = leader_for(ledger.validators(), tip.hash, tip.height.next(), Round(0));
    let time = tip.time.plus(250);
    let built = ledger.build_block(Draft {
        round: Round(0),
        leader,
        time,
        offered,
        evidence: vec![],
        commit: None,
        late: None,
    });
    assert_eq!(built.block.transactions().len(), BLOCK, "a full block");
    ledger.advance(built.applied);
    let started = Instant::now();
    pool.after_block(ledger, &built.block, NOW);
    started.elapsed()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Of this process; not a number where the system does not tell.
fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok());
    pages.map_or(f64::NAN, |pages| pages * 4_096.0)
}
