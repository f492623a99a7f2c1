//! A script of payments, messages, stakes and absences, played on a chain of its own. SPEC MONEY-3, ORDER-1.
//!
//! What one ledger builds, another accepts from its bytes; a damaged copy is refused; no coin appears or vanishes.

#![no_main]

use arbitrary::Arbitrary;
use blockchat_proto::block::Block;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{Draft, Ledger};
use blockchat_proto::transaction::{Body, Payload, SealSalt, Sealed, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature, LatePrecommits, Vote, VoteKind};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const PEOPLE: u8 = 6;
const BLOCKS_MAX: usize = 12;
const ASKS_MAX: usize = 24;

#[derive(Arbitrary, Debug)]
struct Moment {
    round: u8,
    passes_ms: u32,
    /// One bit a member: was its precommit seen? A quorum always is.
    seen: u8,
    /// One bit a person: did its precommit for the grandparent come late?
    late: u8,
    asks: Vec<(u8, Ask)>,
    /// Which byte of the block is damaged for the copy that must be refused.
    damage: u16,
}

#[derive(Arbitrary, Debug)]
enum Ask {
    Send { to: u8, micros: u64, text: Option<String> },
    Seal { to: u8, bytes: u8 },
    Stake { micros: u64 },
    StakeBcc { bcc: u8 },
    Activate { back: u8 },
    Claim { work: u64 },
    Announce { version: u16 },
    WrongNonce { nonce: u64 },
    Expired { by: u8 },
}

static SIGNERS: LazyLock<Vec<Signer>> =
    LazyLock::new(|| (1..=PEOPLE).map(|person| Signer::from_seed(&[person; 32])).collect());

static GENESIS: LazyLock<VerifiedGenesis> = LazyLock::new(|| {
    let funded = |(index, signer): (usize, &Signer)| GenesisAccount {
        address: signer.address(),
        balance: Coins::from_bcc(500),
        stake: if index < 4 { Coins::from_bcc(20) } else { Coins::ZERO }, name: None,
};
    let mut accounts: Vec<_> = SIGNERS.iter().enumerate().map(funded).collect();
    accounts.sort_by_key(|account| account.address);
    let parameters = Parameters {
        validators_min: 2,
        unbonding_ms: 60_000,
        evidence_window_ms: 1_000,
        stake_max: Coins::from_bcc(200),
        ..Parameters::default()
    };
    let (name, time, treasury) = ("fuzz".into(), UnixMillis(1_000), Coins::from_bcc(1_000));
    Genesis { name, time, parameters, treasury, accounts, version: RulesVersion::FIRST }
        .verify()
        .expect("a good genesis")
});

fuzz_target!(|script: Vec<Moment>| {
    let mut ledger = Ledger::at_genesis(&GENESIS);
    for moment in script.iter().take(BLOCKS_MAX) {
        play(&mut ledger, moment);
        assert!(ledger.supply_is_conserved(), "coins appeared or vanished");
    }
    let restored = Ledger::restore(&GENESIS, ledger.snapshot()).expect("the root fits");
    assert_eq!(restored.validators(), ledger.validators());
});

fn play(ledger: &mut Ledger, moment: &Moment) {
    let tip = *ledger.tip();
    let round = Round(u32::from(moment.round));
    let leader = leader_for(ledger.validators(), tip.hash, tip.height.next(), round);
    let offered = moment.asks.iter().take(ASKS_MAX).filter_map(|(person, ask)| transaction(ledger, *person, ask));
    let draft = Draft {
        round,
        leader,
        time: tip.time.plus(u64::from(moment.passes_ms)),
        offered: offered.collect(),
        evidence: vec![],
        commit: (tip.height.0 > 0).then(|| commit(ledger, moment.seen)),
        late: Some(late(ledger, moment.late)),
    };
    let built = ledger.build_block(draft);
    let bytes = built.block.bytes().to_vec();
    let block = Block::decode(&bytes).expect("canonical").verify(ledger.chain(), |_| None).expect("verifies");
    let applied = ledger.apply_block(&block).expect("what one builds, another accepts");
    assert_eq!(applied.state_root(), built.applied.state_root());
    refuse_damaged(ledger, bytes, moment.damage, block.hash());
    ledger.advance(applied);
}

/// A block with one flipped bit is no block, another block that is refused, or differs in its commit's redundancy only.
fn refuse_damaged(ledger: &Ledger, mut bytes: Vec<u8>, damage: u16, original: Hash32) {
    let at = usize::from(damage) % bytes.len();
    bytes[at] ^= 1;
    let Ok(block) = Block::decode(&bytes) else {
        return;
    };
    if let Ok(verified) = block.verify(ledger.chain(), |_| None) {
        assert_ne!(verified.hash(), original, "other bytes under one hash");
        let _ = ledger.apply_block(&verified);
    }
}

fn transaction(ledger: &Ledger, person: u8, ask: &Ask) -> Option<VerifiedTransaction> {
    let signer = &SIGNERS[usize::from(person % PEOPLE)];
    let somebody = |person: u8| match person {
        250.. => Address([person; 32]),
        _ => SIGNERS[usize::from(person % PEOPLE)].address(),
    };
    let coins = |micros: u64| Coins::from_micros(micros).unwrap_or(Coins::MAX);
    let recent = |back: u8| {
        let known = &ledger.system().recent;
        let index = known.len().checked_sub(1 + usize::from(back));
        index.and_then(|index| known.get(index)).map_or(Hash32::ZERO, |block| block.hash)
    };
    let send = |to, micros, payload| Body::Send { to: somebody(to), amount: coins(micros), payload };
    let body = match ask {
        Ask::Send { to, micros, text } => send(*to, *micros, text.clone().map_or(Payload::None, Payload::Plain)),
        Ask::Seal { to, bytes } => {
            let (ephemeral, salt, ciphertext) = (Hash32::ZERO, SealSalt([0; 16]), vec![0; usize::from(*bytes)]);
            send(*to, 0, Payload::Sealed(Sealed { version: 1, ephemeral, salt, ciphertext }))
        }
        Ask::Stake { micros } => Body::Stake { amount: coins(*micros) },
        Ask::StakeBcc { bcc } => Body::Stake { amount: Coins::from_bcc(u64::from(*bcc)) },
        Ask::Activate { back } => Body::Activate { recent: recent(*back) },
        Ask::Claim { work } => Body::Claim { recent: recent(0), work: *work },
        Ask::Announce { version } => Body::Announce { version: RulesVersion(*version) },
        Ask::WrongNonce { .. } | Ask::Expired { .. } => send(0, 1, Payload::None),
    };
    let nonce = match (ask, &body) {
        (Ask::WrongNonce { nonce }, _) => *nonce,
        (_, body) if !body.needs_nonce() => 0,
        _ => ledger.account(&signer.address()).next_nonce,
    };
    let expiry = match ask {
        Ask::Expired { by } => Some(Height(ledger.tip().height.0.saturating_sub(u64::from(*by)))),
        _ => None,
    };
    let transaction = Transaction { chain: ledger.chain(), sender: signer.address(), nonce, expiry, body };
    transaction.sign(signer).verify(ledger.chain()).ok()
}

/// A commit of the tip by those whose bit is set, filled up to a quorum.
fn commit(ledger: &Ledger, seen: u8) -> Certificate {
    let (tip, set) = (*ledger.tip(), ledger.tip_validators());
    let parts = |all: bool| {
        let present = |index: usize| all || seen >> (index % 8) & 1 == 1;
        let members = set.members().iter().enumerate().filter(|(index, _)| present(*index));
        members.map(|(_, member)| precommit(ledger.chain(), tip.height, tip.hash, member.address)).collect()
    };
    let certificate = |signatures| Certificate { height: tip.height, round: Round(0), block: tip.hash, signatures };
    let some: Certificate = certificate(parts(false));
    match some.check_structure(tip.height, tip.hash, set) {
        Ok(()) => some,
        Err(_) => certificate(parts(true)),
    }
}

/// Precommits for the grandparent by those whose bit is set; the builder leaves out whom it may not carry.
fn late(ledger: &Ledger, bits: u8) -> LatePrecommits {
    let (height, block) = (Height(ledger.tip().height.0.saturating_sub(1)), ledger.tip().parent);
    let came = SIGNERS.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1);
    let mut signatures: Vec<_> =
        came.map(|(_, signer)| precommit(ledger.chain(), height, block, signer.address())).collect();
    signatures.sort_by_key(|part| part.validator);
    LatePrecommits { round: Round(0), block, signatures }
}

fn precommit(chain: Hash32, height: Height, block: Hash32, validator: Address) -> CommitSignature {
    let signer = SIGNERS.iter().find(|signer| signer.address() == validator).expect("only people stake");
    let vote = Vote { kind: VoteKind::Precommit, height, round: Round(0), value: Some(block), validator };
    CommitSignature { validator, signature: vote.sign(chain, signer).signature }
}
