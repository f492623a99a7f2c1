//! An engine that fell behind, fed by hand: what one answer brings is made durable together, and shows only then.

use blockchat_engine::config::EngineConfig;
use blockchat_engine::effect::{Effect, Fault, FinalBlock, Offence};
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, PeerTag, RequestId, SyncId, Timer};
use blockchat_engine::recovered::Recovered;
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::{Draft, Ledger};
use blockchat_proto::sync::Status;
use blockchat_proto::transaction::{Body, Payload, Transaction, VerifiedTransaction};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Certificate, CommitSignature, Verified, VerifySignatures, Vote, VoteKind};

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const PEER: PeerTag = PeerTag(7);

type Certified = (VerifiedBlock, Verified<Certificate>);

fn validator() -> Signer {
    Signer::from_seed(&[1; 32])
}

fn genesis() -> VerifiedGenesis {
    let (balance, stake) = (Coins::from_bcc(1_000_000), Coins::from_bcc(10));
    let accounts = vec![GenesisAccount { address: validator().address(), balance, stake, name: None }];
    let (name, parameters, treasury) = ("behind".into(), Parameters::default(), Coins::ZERO);
    let version = RulesVersion::FIRST;
    Genesis { name, time: START, version, parameters, treasury, accounts }.verify().expect("a sound genesis")
}

fn transfers(ledger: &Ledger, count: u64) -> Vec<VerifiedTransaction> {
    let (chain, sender) = (ledger.chain(), validator().address());
    let first = ledger.account(&sender).next_nonce;
    let sign = |nonce| {
        let body = Body::Send { to: sender, amount: Coins::from_bcc(1), payload: Payload::None };
        let transaction = Transaction { chain, sender, nonce, expiry: None, body };
        transaction.sign(&validator()).verify(chain).expect("well made")
    };
    (first..first + count).map(sign).collect()
}

/// A chain of so many blocks with so many transfers each, decided by one validator.
fn chain_of(blocks: u64, transactions: u64) -> Vec<Certified> {
    let mut ledger = Ledger::at_genesis(&genesis());
    let mut commit = None;
    let mut chain = vec![];
    for _ in 0..blocks {
        let (time, offered) = (ledger.tip().time.plus(250), transfers(&ledger, transactions));
        let leader = validator().address();
        let draft = Draft { round: Round(0), leader, time, offered, evidence: vec![], commit, late: None };
        let built = ledger.build_block(draft);
        let certificate = certify(&ledger, &built.block);
        ledger.advance(built.applied);
        commit = Some(certificate.clone());
        chain.push((built.block, certificate.verify(ledger.chain()).expect("signed")));
    }
    chain
}

fn certify(ledger: &Ledger, block: &VerifiedBlock) -> Certificate {
    let (height, round, hash, signer) = (block.height(), Round(0), block.hash(), validator());
    let kind = VoteKind::Precommit;
    let vote = Vote { kind, height, round, value: Some(hash), validator: signer.address() };
    let signature = vote.sign(ledger.chain(), &signer).signature;
    let signatures = vec![CommitSignature { validator: signer.address(), signature }];
    Certificate { height, round, block: hash, signatures }
}

/// An observer at genesis that has asked a peer for blocks, and its question.
fn behind(config: EngineConfig, height: u64) -> (Engine, SyncId) {
    let ledger = Ledger::at_genesis(&genesis());
    let recovered =
        Recovered { ledger, tip_certificate: None, journal: vec![], own: vec![], evidence: vec![], validator: None };
    let (mut engine, _) = Engine::new(config, recovered, START).expect("a fresh start");
    let chain = genesis().hash();
    let (height, hash, earliest) = (Height(height), Hash32::ZERO, Height(1));
    let status = Status { version: 1, chain, height, hash, earliest, time: START };
    let effects = engine.handle(Event::PeerStatus { peer: PEER, status }, START);
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::RequestBlocks { request, .. } => Some(*request),
        _ => None,
    });
    (engine, asked.expect("it asks who is ahead"))
}

fn answer(engine: &mut Engine, request: SyncId, blocks: &[Certified]) -> Vec<Effect> {
    engine.handle(Event::BlocksReceived { request, peer: PEER, blocks: blocks.to_vec() }, START)
}

fn writes(effects: &[Effect]) -> Vec<&[FinalBlock]> {
    let of = |effect: &Effect| matches!(effect, Effect::Finalise(_));
    let writes = effects.iter().filter(|effect| of(effect));
    writes.map(|effect| if let Effect::Finalise(blocks) = effect { blocks.as_slice() } else { &[] }).collect()
}

fn heights(write: &[FinalBlock]) -> Vec<u64> {
    write.iter().map(|one| one.block.height().0).collect()
}

/// SPEC VOTE-6.
#[test]
fn what_one_answer_brings_is_one_durable_write_and_shows_only_after_it() {
    let chain = chain_of(200, 3);
    let (mut engine, request) = behind(EngineConfig::default(), 500);
    let effects = answer(&mut engine, request, &chain);
    let writes = writes(&effects);
    assert_eq!(writes.len(), 1);
    assert_eq!(heights(writes[0]), (1..=200).collect::<Vec<_>>());
    assert!(matches!(effects[0], Effect::Finalise(_)), "nothing comes before the write: {:?}", effects[0]);
    let shown = effects.iter().filter_map(|effect| match effect {
        Effect::PublishView(view) => Some(view.tip.height.0),
        _ => None,
    });
    assert_eq!(shown.collect::<Vec<_>>(), [200], "the tips in between are shown to nobody");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::RequestBlocks { from: Height(201), .. })));
}

#[test]
fn a_large_answer_is_applied_in_parts_and_others_have_their_turn_between_them() {
    let chain = chain_of(20, 3);
    let config = EngineConfig { together_transactions_max: 25, ..EngineConfig::default() };
    let (mut engine, request) = behind(config, 500);
    let mut effects = answer(&mut engine, request, &chain);
    let mut parts = vec![];
    while effects.iter().any(|effect| matches!(effect, Effect::StartTimer { timer: Timer::NextPart, .. })) {
        parts.extend(writes(&effects).into_iter().map(heights));
        let asks = effects.iter().any(|effect| matches!(effect, Effect::RequestBlocks { .. }));
        assert!(!asks, "no further answer is asked for before this one is applied");
        let tip = engine.ledger().tip().height;
        let query = blockchat_engine::event::Query::Account(validator().address());
        let answered = engine.handle(Event::Query { request: RequestId(1), query }, START);
        let of_the_tip = |effect: &Effect| match effect {
            Effect::Answer { answer: blockchat_engine::effect::Answer::Account(answer), .. } => answer.height == tip,
            _ => false,
        };
        assert!(answered.iter().any(of_the_tip), "{answered:?}");
        effects = engine.handle(Event::TimerElapsed(Timer::NextPart), START);
    }
    parts.extend(writes(&effects).into_iter().map(heights));
    let eight = |first: u64| (first..first + 8).collect::<Vec<_>>();
    assert_eq!(parts, [eight(1), eight(9), (17..=20).collect()], "eight blocks hold 24 transactions");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::RequestBlocks { from: Height(21), .. })));
}

#[test]
fn a_block_above_the_limits_is_written_alone() {
    let chain = chain_of(3, 5);
    for config in [
        EngineConfig { together_transactions_max: 1, ..EngineConfig::default() },
        EngineConfig { together_bytes_max: 1, ..EngineConfig::default() },
    ] {
        let (mut engine, request) = behind(config, 500);
        let mut done = writes(&answer(&mut engine, request, &chain)).into_iter().map(heights).collect::<Vec<_>>();
        for _ in 0..2 {
            let effects = engine.handle(Event::TimerElapsed(Timer::NextPart), START);
            done.extend(writes(&effects).into_iter().map(heights));
        }
        assert_eq!(done, [[1], [2], [3]]);
    }
}

/// A peer that goes away, or an old timer, changes nothing about what it proved.
#[test]
fn the_parts_of_an_answer_outlive_the_peer_that_gave_it() {
    let chain = chain_of(6, 1);
    let config = EngineConfig { together_transactions_max: 4, ..EngineConfig::default() };
    let (mut engine, request) = behind(config, 500);
    assert_eq!(writes(&answer(&mut engine, request, &chain)).len(), 1);
    let effects = engine.handle(Event::PeerGone { peer: PEER }, START);
    assert!(writes(&effects).is_empty());
    let effects = engine.handle(Event::TimerElapsed(Timer::NextPart), START);
    assert_eq!(writes(&effects).into_iter().map(heights).collect::<Vec<_>>(), [[5, 6]]);
    assert!(writes(&engine.handle(Event::TimerElapsed(Timer::NextPart), START)).is_empty());
}

#[test]
fn the_good_beginning_of_a_bad_answer_is_applied_before_the_blame() {
    let mut chain = chain_of(10, 1);
    chain.remove(6);
    let (mut engine, request) = behind(EngineConfig::default(), 500);
    let effects = answer(&mut engine, request, &chain);
    assert_eq!(writes(&effects).into_iter().map(heights).collect::<Vec<_>>(), [[1, 2, 3, 4, 5, 6]]);
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).expect("it is there");
    let blame = place(|effect| matches!(effect, Effect::Blame { peer: PEER, offence: Offence::BadBlocks }));
    assert!(place(|effect| matches!(effect, Effect::Finalise(_))) < blame);
}

/// A certified block that does not execute here stops the node, but what came before it is as final as ever.
#[test]
fn the_good_beginning_is_durable_before_a_halt() {
    let mut chain = chain_of(5, 1);
    let mut wrong = chain[4].0.to_block();
    wrong.header.state_root = Hash32([0xee; 32]);
    let wrong = wrong.verify(genesis().hash(), |_| None).expect("well made");
    let ledger = Ledger::at_genesis(&genesis());
    chain[4] = (wrong.clone(), certify(&ledger, &wrong).verify(ledger.chain()).expect("signed"));
    let (mut engine, request) = behind(EngineConfig::default(), 500);
    let effects = answer(&mut engine, request, &chain);
    assert_eq!(writes(&effects).into_iter().map(heights).collect::<Vec<_>>(), [[1, 2, 3, 4]]);
    let last = effects.last().expect("effects");
    assert!(matches!(last, Effect::Halt(Fault::CertifiedBlockInvalid { height: Height(5), .. })), "{last:?}");
}
