//! Receipts: a fact follows from one trusted hash, and from nothing that was changed on the way. SPEC RCPT-1 to RCPT-4.

use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::{Hash32, list_path};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::ledger::{Draft, Ledger};
use blockchat_proto::receipt::{Fact, Origin, Part, Receipt, ReceiptRejected, SetChange, Trust};
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CertificateRejected, CommitSignature, Vote, VoteKind};
use serde_json::Value;

const FRIEND: Address = Address([9; 32]);

fn signer(number: u8) -> Signer {
    Signer::from_seed(&[number; 32])
}

fn user() -> Signer {
    signer(50)
}

fn genesis() -> VerifiedGenesis {
    let funded = |number: u8| {
        let stake = if number < 50 { Coins::from_bcc(20) } else { Coins::ZERO };
        GenesisAccount { address: signer(number).address(), balance: Coins::from_bcc(1_000), stake, name: None }
    };
    let mut accounts: Vec<_> = [1, 2, 3, 4, 50].map(funded).into();
    accounts.sort_by_key(|account| account.address);
    let parameters = Parameters::default();
    let (name, time, version) = ("receipts".into(), UnixMillis(1_000), RulesVersion::FIRST);
    Genesis { name, time, parameters, treasury: Coins::ZERO, accounts, version }.verify().unwrap()
}

/// A final block, with the set that it hands over to and what the state is after it.
struct Final {
    block: blockchat_proto::block::VerifiedBlock,
    certificate: Certificate,
    change: SetChange,
    after: Ledger,
}

struct Chain {
    genesis: VerifiedGenesis,
    ledger: Ledger,
    blocks: Vec<Final>,
}

impl Chain {
    fn new() -> Self {
        let genesis = genesis();
        Self { ledger: Ledger::at_genesis(&genesis), genesis, blocks: vec![] }
    }

    /// Six blocks; the second and the fourth lower a stake, so that the third and the fifth have other sets.
    fn grown() -> Self {
        let mut chain = Self::new();
        for height in 1..=6u64 {
            let sends = (0..height).map(|n| {
                let body = Body::Send { to: FRIEND, amount: Coins::from_bcc(n + 1), payload: Payload::None };
                (user(), body)
            });
            let mut asked: Vec<_> = sends.collect();
            if height.is_multiple_of(2) && height < 6 {
                let validator = signer(u8::try_from(height / 2).unwrap());
                asked.push((validator, Body::Stake { amount: Coins::from_bcc(10) }));
            }
            chain.grow(asked);
        }
        let sets: Vec<_> = chain.blocks.iter().map(|one| one.block.header().validators_hash).collect();
        assert!(sets[1] != sets[2] && sets[3] != sets[4] && sets[4] == sets[5], "the test needs two changes");
        chain
    }

    fn grow(&mut self, asked: Vec<(Signer, Body)>) {
        let mut nonces = std::collections::BTreeMap::new();
        let mut offered: Vec<VerifiedTransaction> = vec![];
        for (signer, body) in asked {
            let (chain, sender) = (self.ledger.chain(), signer.address());
            let nonce = nonces.entry(sender).or_insert_with(|| self.ledger.account(&sender).next_nonce);
            let transaction = Transaction { chain, sender, nonce: *nonce, expiry: None, body };
            offered.push(transaction.sign(&signer).verify(chain).unwrap());
            *nonce += 1;
        }
        let (count, tip) = (offered.len(), *self.ledger.tip());
        let commit = self.blocks.last().map(|last| last.certificate.clone());
        let leader =
            blockchat_proto::leader::leader_for(self.ledger.validators(), tip.hash, tip.height.next(), Round(0));
        let time = tip.time.plus(250);
        let draft = Draft { round: Round(0), leader, time, offered, evidence: vec![], commit, late: None };
        let built = self.ledger.build_block(draft);
        assert_eq!(built.block.transactions().len(), count, "{:?}", built.refused);
        let certificate = self.certify(built.block.height(), built.block.hash(), &[1, 2, 3, 4]);
        self.ledger.advance(built.applied.clone());
        let next = built.applied.next_validators().as_members();
        let change = SetChange { header: built.block.header().clone(), certificate: certificate.clone(), next };
        self.blocks.push(Final { block: built.block, certificate, change, after: self.ledger.clone() });
    }

    fn certify(&self, height: Height, block: Hash32, signers: &[u8]) -> Certificate {
        let round = Round(0);
        let sign = |number: &u8| {
            let signer = signer(*number);
            let validator = signer.address();
            let vote = Vote { kind: VoteKind::Precommit, height, round, value: Some(block), validator };
            CommitSignature { validator, signature: vote.sign(self.ledger.chain(), &signer).signature }
        };
        let mut signatures: Vec<_> = signers.iter().map(sign).collect();
        signatures.sort();
        Certificate { height, round, block, signatures }
    }

    fn at(&self, height: usize) -> &Final {
        &self.blocks[height - 1]
    }

    fn trust(&self) -> Trust {
        Trust::Genesis(self.genesis.hash())
    }

    fn receipt(&self, height: usize, fact: Fact) -> Receipt {
        let changes = self.blocks[..height - 1].iter().map(|one| one.change.clone());
        let changed = |change: &SetChange| change.header.validators_hash != change.header.next_validators_hash;
        let Final { block, certificate, .. } = self.at(height);
        Receipt {
            version: 1,
            origin: Origin::Genesis(self.genesis.genesis().clone()),
            changes: changes.filter(changed).collect(),
            header: block.header().clone(),
            certificate: certificate.clone(),
            fact,
        }
    }

    fn payment(&self, height: usize, index: usize) -> Receipt {
        let transactions = self.at(height).block.transactions();
        let ids: Vec<_> = transactions.iter().map(VerifiedTransaction::id).collect();
        let fact = Fact::Transaction {
            count: u32::try_from(ids.len()).unwrap(),
            index: u32::try_from(index).unwrap(),
            path: list_path(&ids, index).unwrap(),
            transaction: transactions[index].signed().clone(),
        };
        self.receipt(height, fact)
    }

    fn account(&self, height: usize, address: &Address) -> Receipt {
        self.receipt(height, Fact::Account(self.at(height).after.prove(address)))
    }

    /// The same receipt from a trusted block on.
    fn beginning_at(&self, height: usize, receipt: Receipt) -> (Receipt, Trust) {
        let SetChange { header, next, .. } = self.at(height).change.clone();
        let trust = Trust::Block(header.height, header.hash());
        let mut changes = receipt.changes;
        changes.retain(|change| change.header.height > header.height);
        (Receipt { origin: Origin::Block { header, next }, changes, ..receipt }, trust)
    }
}

/// SPEC RCPT-2.
#[test]
fn a_payment_follows_from_the_genesis_hash_alone() {
    let chain = Chain::grown();
    for height in 1..=6 {
        for index in 0..chain.at(height).block.transactions().len() {
            let receipt = chain.payment(height, index);
            let proved = receipt.verify(chain.trust()).unwrap();
            assert_eq!(proved.id, Some(chain.at(height).block.transactions()[index].id()));
            assert_eq!(proved.block, chain.at(height).block.hash());
            assert_eq!((proved.chain, proved.height), (chain.genesis.hash(), Height(height as u64)));
        }
    }
    assert_eq!(chain.payment(6, 0).changes.len(), 2);
}

/// SPEC RCPT-2.
#[test]
fn a_payment_follows_from_the_hash_of_any_block_before_it() {
    let chain = Chain::grown();
    for trusted in 1..6 {
        let (receipt, trust) = chain.beginning_at(trusted, chain.payment(6, 3));
        assert!(receipt.verify(trust).is_ok(), "from block {trusted}");
        let other = receipt.verify(chain.trust()).unwrap_err();
        assert!(matches!(other, ReceiptRejected::OtherOrigin { .. }), "{other}");
    }
    let (receipt, trust) = chain.beginning_at(6, chain.payment(6, 3));
    assert!(matches!(receipt.verify(trust), Err(ReceiptRejected::Order { part: Part::Block, .. })));
}

/// SPEC RCPT-2, STATE-3.
#[test]
fn an_account_follows_too_and_so_does_its_absence() {
    let chain = Chain::grown();
    let receipt = chain.account(6, &FRIEND);
    let proved = receipt.verify(chain.trust()).unwrap();
    let Fact::Account(proof) = proved.fact else { panic!("an account was asked for") };
    assert_eq!(proof.account.balance, Coins::from_bcc((1..=6u64).map(|n| n * (n + 1) / 2).sum()));
    assert_eq!(proved.id, None);
    assert!(chain.account(6, &Address([77; 32])).verify(chain.trust()).is_ok());
    let mut wrong = chain.account(6, &FRIEND);
    let Fact::Account(proof) = &mut wrong.fact else { panic!("an account was asked for") };
    proof.account.balance = Coins::from_bcc(1);
    assert_eq!(wrong.verify(chain.trust()), Err(ReceiptRejected::Account));
}

/// SPEC RCPT-1.
#[test]
fn a_receipt_comes_back_from_its_json_and_from_its_bytes() {
    let chain = Chain::grown();
    for receipt in [chain.payment(6, 2), chain.account(5, &FRIEND), chain.beginning_at(3, chain.payment(6, 2)).0] {
        let json = serde_json::to_string_pretty(&receipt).unwrap();
        assert_eq!(serde_json::from_str::<Receipt>(&json).unwrap(), receipt);
        assert_eq!(codec::decode::<Receipt>(&codec::encode(&receipt), 1 << 20), Ok(receipt));
    }
}

/// Every text and number in it, with a way to change it.
fn leaves(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| leaves(inner, &format!("{place}/{name}"), found))
        }
        Value::Array(items) => {
            (0..).zip(items).for_each(|(index, inner): (usize, _)| leaves(inner, &format!("{place}/{index}"), found));
        }
        _ => found.push(place.into()),
    }
}

fn change(leaf: &mut Value) {
    *leaf = match leaf {
        Value::Number(number) => Value::from(number.as_u64().unwrap().wrapping_add(1)),
        Value::String(text) => {
            let last = text.pop();
            text.push(if last == Some('0') { '1' } else { '0' });
            Value::String(text.clone())
        }
        Value::Bool(yes) => Value::Bool(!*yes),
        _ => Value::from(1),
    };
}

/// SPEC RCPT-2.
#[test]
fn whatever_is_changed_in_a_receipt_it_proves_nothing_any_more() {
    let chain = Chain::grown();
    let (later, trust) = chain.beginning_at(3, chain.payment(6, 2));
    for (receipt, trust) in
        [(chain.payment(6, 2), chain.trust()), (chain.account(6, &FRIEND), chain.trust()), (later, trust)]
    {
        let whole = serde_json::to_value(&receipt).unwrap();
        let mut places = vec![];
        leaves(&whole, "", &mut places);
        assert!(places.len() > 80, "{} leaves", places.len());
        for place in places {
            let mut changed = whole.clone();
            change(changed.pointer_mut(&place).unwrap());
            let Ok(read) = serde_json::from_value::<Receipt>(changed) else { continue };
            assert_ne!(read, receipt, "{place} was changed");
            assert!(read.verify(trust).is_err(), "{place} was changed, and nobody noticed");
        }
    }
}

/// SPEC RCPT-2, VOTE-4.
#[test]
fn the_refusal_names_the_part() {
    let chain = Chain::grown();
    let good = chain.payment(6, 2);
    let refused = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        receipt.verify(chain.trust()).unwrap_err()
    };
    let certificate = |part, reason| ReceiptRejected::Certificate { part, reason };
    assert_eq!(refused(&|r| r.version = 2), ReceiptRejected::Version { found: 2 });
    assert!(matches!(
        refused(&|r| {
            r.changes.remove(0);
        }),
        ReceiptRejected::OtherSet { part: Part::Change(0) }
    ));
    assert!(matches!(refused(&|r| r.changes.truncate(1)), ReceiptRejected::OtherSet { part: Part::Block }));
    assert!(matches!(refused(&|r| r.changes.swap(0, 1)), ReceiptRejected::OtherSet { part: Part::Change(0) }));
    let twice = refused(&|r| r.changes.insert(0, r.changes[0].clone()));
    assert!(matches!(twice, ReceiptRejected::Order { part: Part::Change(1), .. }), "{twice}");
    let members = refused(&|r| r.changes[1].next.truncate(3));
    assert_eq!(members, ReceiptRejected::Members { part: Part::Change(1) });
    let other = refused(&|r| r.header.state_root = Hash32::ZERO);
    assert_eq!(other, certificate(Part::Block, CertificateRejected::OtherBlock));
    let few = refused(&|r| r.certificate.signatures.truncate(2));
    assert!(matches!(few, ReceiptRejected::Certificate { reason: CertificateRejected::NotEnoughStake { .. }, .. }));
    let stranger = refused(&|r| {
        r.changes[1].certificate = chain.certify(r.changes[1].header.height, r.changes[1].header.hash(), &[1, 2, 3, 5]);
    });
    let who = signer(5).address();
    assert_eq!(stranger, certificate(Part::Change(1), CertificateRejected::Stranger { validator: who }));
    let path = |r: &mut Receipt| match &mut r.fact {
        Fact::Transaction { path, .. } => path[0] = Hash32::ZERO,
        Fact::Account(_) => panic!("it is a payment"),
    };
    assert_eq!(refused(&path), ReceiptRejected::Path { index: 2, count: 6 });
}

/// SPEC RCPT-1.
#[test]
fn a_receipt_that_is_too_long_is_refused() {
    let chain = Chain::grown();
    let mut receipt = chain.payment(6, 2);
    let change = receipt.changes[0].clone();
    receipt.changes = vec![change; 2_000];
    let refused = receipt.verify(chain.trust()).unwrap_err();
    assert!(matches!(refused, ReceiptRejected::TooLong { .. }), "{refused}");
}

/// The receipt that `node/docs/verify_receipt.py` is tried on. Printed, to be kept after a change of the form.
#[test]
fn the_golden_receipt_is_the_one_of_this_program() {
    let chain = Chain::grown();
    let json = serde_json::to_string_pretty(&chain.payment(6, 2)).unwrap();
    println!("receipt of {}\n{json}", chain.genesis.hash());
    assert_eq!(json.trim(), include_str!("golden/receipt.json").trim());
    assert_eq!(chain.genesis.hash().to_string(), include_str!("golden/receipt.genesis").trim());
}
