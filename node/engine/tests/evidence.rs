//! A member that contradicts itself: seen once, durable before it is told, told again after a restart. SPEC EVID-4.

use blockchat_engine::config::EngineConfig;
use blockchat_engine::effect::Effect;
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, PeerTag};
use blockchat_engine::recovered::Recovered;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Evidence, SignedVote, VerifySignatures, Vote, VoteKind};

const START: UnixMillis = UnixMillis(1_000_000);

fn signer(person: u8) -> Signer {
    Signer::from_seed(&[person; 32])
}

/// Four validators; person 9 is no member.
fn genesis() -> VerifiedGenesis {
    let funded = |person| {
        let (balance, stake) = (Coins::ZERO, Coins::from_bcc(10));
        GenesisAccount { address: signer(person).address(), balance, stake, name: None }
    };
    let mut accounts: Vec<_> = (1..=4).map(funded).collect();
    accounts.sort_by_key(|account| account.address);
    let (name, parameters, version) = ("test".into(), Parameters::default(), RulesVersion::FIRST);
    let genesis = Genesis { name, time: START, parameters, treasury: Coins::ZERO, accounts, version };
    genesis.verify().expect("a sound genesis")
}

fn engine(evidence: Vec<Evidence>) -> (Engine, Vec<Effect>) {
    let ledger = Ledger::at_genesis(&genesis());
    let recovered =
        Recovered { ledger, tip_certificate: None, journal: vec![], own: vec![], evidence, validator: None };
    Engine::new(EngineConfig::default(), recovered, START).expect("a fresh start")
}

fn vote(person: u8, height: u64, value: Option<Hash32>) -> SignedVote {
    let (kind, height, round) = (VoteKind::Prevote, Height(height), Round(0));
    Vote { kind, height, round, value, validator: signer(person).address() }.sign(genesis().hash(), &signer(person))
}

fn hear(engine: &mut Engine, vote: SignedVote) -> Vec<Effect> {
    let vote = vote.verify(genesis().hash()).expect("signed");
    engine.handle(Event::Vote { from: PeerTag(1), vote }, START)
}

/// Kept and published evidence, in order.
fn accusations(effects: &[Effect]) -> Vec<(&'static str, Vec<Evidence>)> {
    let about = |effect: &Effect| match effect {
        Effect::KeepEvidence(all) => Some(("keep", all.clone())),
        Effect::GossipEvidence(one) => Some(("tell", vec![one.clone()])),
        _ => None,
    };
    effects.iter().filter_map(about).collect()
}

fn lie(person: u8) -> [SignedVote; 2] {
    [vote(person, 1, None), vote(person, 1, Some(Hash32::ZERO))]
}

#[test]
fn a_contradiction_is_durable_before_it_is_told_and_told_once() {
    let (mut engine, _) = engine(vec![]);
    let [one, other] = lie(2);
    assert_eq!(accusations(&hear(&mut engine, one)), []);
    let evidence = vec![Evidence::of_votes(one, other).expect("it contradicts itself")];
    assert_eq!(accusations(&hear(&mut engine, other)), [("keep", evidence.clone()), ("tell", evidence)]);
    for again in [one, other, vote(2, 1, Some(Hash32([1; 32])))] {
        assert_eq!(accusations(&hear(&mut engine, again)), [], "once is enough");
    }
}

#[test]
fn what_was_kept_is_told_after_a_restart_unless_nobody_can_pay() {
    let [one, other] = lie(2);
    let [stranger, again] = lie(9);
    let kept = [Evidence::of_votes(one, other), Evidence::of_votes(stranger, again)].into_iter().flatten();
    let (_, effects) = engine(kept.clone().collect());
    assert_eq!(accusations(&effects), [("tell", kept.take(1).collect())]);
}

#[test]
fn only_members_and_heights_near_ours_are_looked_at() {
    let (mut engine, _) = engine(vec![]);
    for person in [2, 9] {
        let height = if person == 2 { 50 } else { 1 };
        for value in [None, Some(Hash32::ZERO)] {
            assert_eq!(accusations(&hear(&mut engine, vote(person, height, value))), []);
        }
    }
}

#[test]
fn evidence_of_others_is_kept_and_not_told_again() {
    let (mut engine, _) = engine(vec![]);
    let [one, other] = lie(3);
    let evidence = Evidence::of_votes(one, other).expect("it contradicts itself");
    let verified = evidence.clone().verify(genesis().hash()).expect("signed");
    let effects = engine.handle(Event::Evidence(verified.clone()), START);
    assert_eq!(accusations(&effects), [("keep", vec![evidence])]);
    assert_eq!(accusations(&engine.handle(Event::Evidence(verified), START)), []);
}
