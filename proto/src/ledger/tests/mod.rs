//! A small world for the tests: people with keys, a chain of theirs, and blocks on demand.

mod blocks;
mod churn;
mod grants;
mod grinding;
mod late;
mod lifecycle;
mod punishment;
mod refusals;
mod tree;
mod validators;
mod versions;

use super::{Account, AppliedBlock, BuiltBlock, Draft, Ledger, TxRejected};
use crate::coins::Coins;
use crate::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use crate::hash::Hash32;
use crate::keys::{Address, Signature, Signer};
use crate::leader::leader_for;
use crate::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use crate::units::{Height, Round, RulesVersion, UnixMillis};
use crate::vote::{Certificate, CommitSignature, LatePrecommits};

/// The genesis time of all worlds.
const START: UnixMillis = UnixMillis(1_000_000);

fn signer(person: u8) -> Signer {
    Signer::from_seed(&[person; 32])
}

fn address(person: u8) -> Address {
    signer(person).address()
}

fn bcc(coins: u64) -> Coins {
    Coins::from_bcc(coins)
}

fn micros(micros: u64) -> Coins {
    Coins::from_micros(micros).unwrap()
}

/// A chain of people, each with a balance and a stake in BCC.
struct World {
    genesis: VerifiedGenesis,
    ledger: Ledger,
    /// Members whose precommits no commit carries from now on.
    absent: Vec<Address>,
    /// Between two blocks.
    block_ms: u64,
}

impl World {
    fn new(people: &[(u8, u64, u64)]) -> Self {
        Self::with(people, Parameters::default())
    }

    fn with(people: &[(u8, u64, u64)], parameters: Parameters) -> Self {
        Self::granting(people, parameters, bcc(7))
    }

    fn granting(people: &[(u8, u64, u64)], parameters: Parameters, treasury: Coins) -> Self {
        let funded = |(person, balance, stake): &(u8, u64, u64)| GenesisAccount {
            address: address(*person),
            balance: bcc(*balance),
            stake: bcc(*stake),
            name: None,
        };
        let mut accounts: Vec<_> = people.iter().map(funded).collect();
        accounts.sort_by_key(|account| account.address);
        let genesis =
            Genesis { name: "test".into(), time: START, parameters, treasury, accounts, version: RulesVersion::FIRST };
        let genesis = genesis.verify().unwrap();
        let ledger = Ledger::at_genesis(&genesis);
        Self { genesis, ledger, absent: vec![], block_ms: 1_000 }
    }

    fn account(&self, person: u8) -> Account {
        self.ledger.account(&address(person))
    }

    fn signed(&self, person: u8, nonce: u64, expiry: Option<Height>, body: Body) -> VerifiedTransaction {
        let signer = signer(person);
        let chain = self.ledger.chain();
        let transaction = Transaction { chain, sender: signer.address(), nonce, expiry, body };
        transaction.sign(&signer).verify(chain).unwrap()
    }

    /// With the sender's next nonce.
    fn ask(&self, person: u8, body: Body) -> VerifiedTransaction {
        let nonce = if body.needs_nonce() { self.account(person).next_nonce } else { 0 };
        self.signed(person, nonce, None, body)
    }

    fn send(&self, person: u8, to: u8, amount: Coins) -> VerifiedTransaction {
        self.ask(person, Body::Send { to: address(to), amount, payload: Payload::None })
    }

    fn stake(&self, person: u8, amount: u64) -> VerifiedTransaction {
        self.ask(person, Body::Stake { amount: bcc(amount) })
    }

    /// Naming the newest recent block.
    fn activate(&self, person: u8) -> VerifiedTransaction {
        let recent = self.ledger.system().recent.last().unwrap().hash;
        self.ask(person, Body::Activate { recent })
    }

    /// The needs of the next block: leader of round 0, the precommits of all members but the absent.
    fn draft(&self, offered: Vec<VerifiedTransaction>) -> Draft {
        let tip = *self.ledger.tip();
        let leader = leader_for(self.ledger.validators(), tip.hash, tip.height.next(), Round(0));
        let time = tip.time.plus(self.block_ms);
        Draft { round: Round(0), leader, time, offered, evidence: vec![], commit: self.commit(), late: None }
    }

    fn commit(&self) -> Option<Certificate> {
        let tip = self.ledger.tip();
        let members = self.ledger.tip_validators().members().iter().map(|member| member.address);
        let present = members.filter(|address| !self.absent.contains(address));
        let part = |validator| CommitSignature { validator, signature: Signature([0; 64]) };
        let signatures = present.map(part).collect();
        let certificate = Certificate { height: tip.height, round: Round(0), block: tip.hash, signatures };
        (tip.height > Height(0)).then_some(certificate)
    }

    /// Precommits of these people for the block before the tip.
    fn late(&self, people: &[u8]) -> LatePrecommits {
        let mut validators: Vec<_> = people.iter().map(|person| address(*person)).collect();
        validators.sort_unstable();
        let part = |validator| CommitSignature { validator, signature: Signature([0; 64]) };
        let signatures = validators.into_iter().map(part).collect();
        LatePrecommits { round: Round(0), block: self.ledger.tip().parent, signatures }
    }

    /// Builds and checks the next block of these transactions and advances to it; panics if one of them is refused.
    #[track_caller]
    fn block(&mut self, transactions: Vec<VerifiedTransaction>) -> AppliedBlock {
        let built = self.ledger.build_block(self.draft(transactions));
        assert_eq!(built.refused, []);
        self.finalise_built(&built)
    }

    /// The block as others see it is accepted, and does what its builder thought.
    #[track_caller]
    fn finalise_built(&mut self, built: &BuiltBlock) -> AppliedBlock {
        let applied = self.ledger.apply_block(&built.block).expect("what we build, others accept");
        assert_eq!(applied.tip(), built.applied.tip());
        assert_eq!(applied.accounts(), built.applied.accounts());
        self.ledger.advance(applied.clone());
        assert!(self.ledger.supply_is_conserved());
        applied
    }

    fn empty_blocks(&mut self, count: usize) {
        for _ in 0..count {
            self.block(vec![]);
        }
    }

    /// The same answer from a pool's projection, a block being built, and a block being checked.
    #[track_caller]
    fn refuses(&self, transaction: &VerifiedTransaction) -> TxRejected {
        let before = self.ledger.account(&transaction.sender());
        let mut projected = before.clone();
        let reason = self.ledger.project(&mut projected, transaction).expect_err("should be refused");
        assert_eq!(projected, before, "a refused transaction changes nothing");
        let built = self.ledger.build_block(self.draft(vec![transaction.clone()]));
        assert_eq!(built.refused, [(transaction.id(), reason.clone())]);
        assert_eq!(built.block.transactions(), []);
        reason
    }
}

/// A hash that is nothing's.
fn nobody() -> Hash32 {
    Hash32([9; 32])
}
