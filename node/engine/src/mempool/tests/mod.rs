//! A small world for the tests: people with keys and coins, a chain of theirs, and one pool that follows it. The pool's
//! invariants are checked after every step.

mod admission;
mod against_model;
mod chain;
mod claims;
mod fairness;
mod model;
mod repeats;
mod replacing;

use super::{Mempool, Ticked};
use crate::config::EngineConfig;
use crate::effect::{GossipVerdict, SubmitOutcome};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{BuiltBlock, Draft, Ledger, TxRejected};
use blockchat_proto::transaction::{Body, Payload, Transaction, TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature};

const START: UnixMillis = UnixMillis(1_000_000);
/// Two people who validate and do nothing else.
const VALIDATORS: [u8; 2] = [101, 102];
/// Coins of all other people at the start, in BCC. Sending 100 costs 103.
const FUNDS: u64 = 1_000;

fn signer(person: u8) -> Signer {
    Signer::from_seed(&[person; 32])
}

fn address(person: u8) -> Address {
    signer(person).address()
}

fn bcc(amount: u64) -> Coins {
    Coins::from_bcc(amount)
}

fn ids(transactions: &[VerifiedTransaction]) -> Vec<TransactionId> {
    transactions.iter().map(VerifiedTransaction::id).collect()
}

fn genesis_ledger(people: u8) -> Ledger {
    granting_ledger(people, Coins::ZERO)
}

/// With a treasury for grants of 0.0001 BCC, which cost a hundred tries.
fn granting_ledger(people: u8, treasury: Coins) -> Ledger {
    let funded = |person: u8, stake: u64| GenesisAccount {
        address: address(person),
        balance: bcc(FUNDS),
        stake: bcc(stake),
        name: None,
    };
    let mut accounts: Vec<_> = (1..=people).map(|person| funded(person, 0)).collect();
    accounts.extend(VALIDATORS.map(|person| funded(person, 100)));
    accounts.sort_by_key(|account| account.address);
    let grant = Coins::from_micros(100).unwrap();
    let parameters = Parameters { validators_min: 1, grant, ..Parameters::default() };
    let genesis =
        Genesis { name: "pool".into(), time: START, parameters, treasury, accounts, version: RulesVersion::FIRST };
    Ledger::at_genesis(&genesis.verify().unwrap())
}

struct World {
    ledger: Ledger,
    pool: Mempool,
    now: UnixMillis,
}

impl World {
    fn new() -> Self {
        Self::with(EngineConfig::default())
    }

    fn with(config: EngineConfig) -> Self {
        Self { ledger: genesis_ledger(60), pool: Mempool::new(&config), now: START }
    }

    fn sign(&self, person: u8, nonce: u64, expiry: Option<u64>, body: Body) -> VerifiedTransaction {
        let signer = signer(person);
        let chain = self.ledger.chain();
        let expiry = expiry.map(Height);
        let transaction = Transaction { chain, sender: signer.address(), nonce, expiry, body };
        transaction.sign(&signer).verify(chain).unwrap()
    }

    /// Coins to person 60, who does nothing with them.
    fn send(&self, person: u8, nonce: u64, amount: u64) -> VerifiedTransaction {
        self.sign(person, nonce, None, Body::Send { to: address(60), amount: bcc(amount), payload: Payload::None })
    }

    /// Consecutive sends of 1 BCC each.
    fn sends(&self, person: u8, nonces: std::ops::Range<u64>) -> Vec<VerifiedTransaction> {
        nonces.map(|nonce| self.send(person, nonce, 1)).collect()
    }

    fn stake(&self, person: u8, nonce: u64, amount: u64) -> VerifiedTransaction {
        self.sign(person, nonce, None, Body::Stake { amount: bcc(amount) })
    }

    fn activate(&self, person: u8) -> VerifiedTransaction {
        let recent = self.ledger.system().recent.last().unwrap().hash;
        self.sign(person, 0, None, Body::Activate { recent })
    }

    #[track_caller]
    fn submit(&mut self, transactions: Vec<VerifiedTransaction>) -> Vec<SubmitOutcome> {
        let named = ids(&transactions);
        let submitted = self.pool.submit(&self.ledger, transactions, None, self.now);
        self.pool.check_invariants(&self.ledger);
        assert_eq!(
            submitted.outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            named,
            "one answer each, in order"
        );
        submitted.outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    #[track_caller]
    fn submit_one(&mut self, transaction: &VerifiedTransaction) -> SubmitOutcome {
        self.submit(vec![transaction.clone()]).pop().unwrap()
    }

    #[track_caller]
    fn gossip(&mut self, transactions: &[VerifiedTransaction]) -> GossipVerdict {
        let verdict = self.pool.gossiped(&self.ledger, transactions.to_vec(), self.now);
        self.pool.check_invariants(&self.ledger);
        verdict
    }

    fn place(&self, transaction: &VerifiedTransaction) -> Option<SubmitOutcome> {
        self.pool.lookup(&transaction.id()).map(|(outcome, _)| outcome)
    }

    /// The transactions of the next block, by sender and nonce.
    fn selected(&self) -> Vec<VerifiedTransaction> {
        self.pool.select(usize::MAX, usize::MAX)
    }

    /// Makes exactly these transactions final, and returns what of our own need not be remembered any more.
    #[track_caller]
    fn finalise(&mut self, transactions: &[VerifiedTransaction]) -> Vec<TransactionId> {
        let (block, forgotten) = self.build_and_finalise(transactions);
        assert_eq!(block, transactions, "all of them can be");
        forgotten
    }

    /// Makes those of these transactions final that can be. Returns the block, and what need not be remembered.
    #[track_caller]
    fn build_and_finalise(
        &mut self,
        offered: &[VerifiedTransaction],
    ) -> (Vec<VerifiedTransaction>, Vec<TransactionId>) {
        let built = self.build(offered);
        self.ledger.advance(built.applied);
        let forgotten = self.pool.after_block(&self.ledger, &built.block, self.now);
        self.pool.check_invariants(&self.ledger);
        (built.block.transactions().to_vec(), forgotten)
    }

    fn build(&self, offered: &[VerifiedTransaction]) -> BuiltBlock {
        let tip = *self.ledger.tip();
        self.ledger.build_block(Draft {
            round: Round(0),
            leader: leader_for(self.ledger.validators(), tip.hash, tip.height.next(), Round(0)),
            time: tip.time.plus(100),
            offered: offered.to_vec(),
            evidence: vec![],
            commit: commit(&self.ledger),
            late: None,
        })
    }

    #[track_caller]
    fn tick(&mut self, after_ms: u64) -> Ticked {
        self.now = self.now.plus(after_ms);
        let ticked = self.pool.tick(self.now);
        self.pool.check_invariants(&self.ledger);
        ticked
    }
}

/// The precommits of all members for the tip; signatures are not checked here.
fn commit(ledger: &Ledger) -> Option<Certificate> {
    let tip = ledger.tip();
    let part = |validator| CommitSignature { validator, signature: Signature([0; 64]) };
    let signatures = ledger.tip_validators().members().iter().map(|member| part(member.address)).collect();
    let certificate = Certificate { height: tip.height, round: Round(0), block: tip.hash, signatures };
    (tip.height > Height(0)).then_some(certificate)
}

fn wrong_nonce(expected: u64, found: u64) -> TxRejected {
    TxRejected::WrongNonce { expected, found }
}

fn nobody() -> Hash32 {
    Hash32([9; 32])
}
