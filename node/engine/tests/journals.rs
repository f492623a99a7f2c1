//! Effects of lies and losses on the journal of an honest node: nothing that lasts, and nothing that breaks a lock.

use blockchat_engine::config::EngineConfig;
use blockchat_engine::effect::Effect;
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, PeerTag, RoundTimer, Timer};
use blockchat_engine::journal::{GuardMark, GuardState, JournalEntry, JournalRecord, Lock, SignStep};
use blockchat_engine::recovered::{Recovered, RecoveredValidator};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::leader::leader_for;
use blockchat_proto::ledger::{Draft, Ledger};
use blockchat_proto::sync::Status;
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{Proposal, SignedProposal, VerifySignatures, Vote, VoteKind};

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const HEIGHT: Height = Height(1);
/// After a start, in ms.
const LISTENS_MS: u64 = 800;
/// Later than that.
const LATER: UnixMillis = UnixMillis(START.0 + 1_000);

struct World {
    genesis: VerifiedGenesis,
    signers: Vec<Signer>,
    ledger: Ledger,
}

impl World {
    /// Four members of equal stake.
    fn new() -> Self {
        let signers: Vec<_> = (1..=4).map(|seed| Signer::from_seed(&[seed; 32])).collect();
        let staked = |signer: &Signer| GenesisAccount {
            address: signer.address(),
            balance: Coins::ZERO,
            stake: Coins::from_bcc(10),
            name: None,
        };
        let mut accounts: Vec<_> = signers.iter().map(staked).collect();
        accounts.sort_by_key(|account| account.address);
        let (name, treasury) = ("four".into(), Coins::ZERO);
        let (version, parameters) = (RulesVersion::FIRST, Parameters::default());
        let genesis = Genesis { name, time: START, version, parameters, treasury, accounts };
        let genesis = genesis.verify().expect("a sound genesis");
        Self { ledger: Ledger::at_genesis(&genesis), genesis, signers }
    }

    fn leader(&self, round: Round) -> &Signer {
        let leader = leader_for(self.ledger.validators(), self.ledger.tip().hash, HEIGHT, round);
        self.signers.iter().find(|signer| signer.address() == leader).expect("a member")
    }

    /// A block that the leader of the round could make, another one for each number.
    fn block(&self, round: Round, number: u64) -> VerifiedBlock {
        let (leader, time) = (self.leader(round).address(), START.plus(1 + number));
        let draft = Draft { round, leader, time, offered: vec![], evidence: vec![], commit: None, late: None };
        self.ledger.build_block(draft).block
    }

    fn proposal(&self, round: Round, block: &VerifiedBlock, lock_round: Option<Round>) -> SignedProposal {
        let leader = self.leader(round);
        let (block, address) = (block.hash(), leader.address());
        Proposal { height: HEIGHT, round, block, lock_round, leader: address }.sign(self.genesis.hash(), leader)
    }

    /// A member that leads neither of the first two rounds.
    fn member(&self) -> &Signer {
        let leads = [Round(0), Round(1)].map(|round| self.leader(round).address());
        self.signers.iter().find(|signer| !leads.contains(&signer.address())).expect("four members")
    }

    /// That member, with this journal.
    fn start(&self, guard: GuardState, journal: Vec<JournalRecord>) -> (Engine, Vec<Effect>) {
        let signer = self.member();
        let recovered = Recovered {
            ledger: self.ledger.clone(),
            tip_certificate: None,
            journal: journal.into_iter().map(|record| JournalEntry { height: HEIGHT, record }).collect(),
            own: vec![],
            evidence: vec![],
            validator: Some(RecoveredValidator { signer: signer.clone(), guard: Some(guard) }),
        };
        let begun = START.plus(10);
        let (mut engine, mut effects) =
            Engine::new(EngineConfig::default(), recovered, begun).expect("the journal is sound");
        // A peer connects, and our key is not heard: listening ends. SPEC VOTE-9.
        let (chain, tip) = (self.genesis.hash(), self.ledger.tip());
        let status = Status { version: 1, chain, height: tip.height, hash: tip.hash, earliest: Height(1), time: START };
        effects.extend(engine.handle(Event::PeerStatus { peer: PeerTag(1), status }, begun));
        for at in [begun, begun.plus(LISTENS_MS)] {
            effects.extend(engine.handle(Event::TimerElapsed(Timer::Presence), at));
        }
        (engine, effects)
    }
}

fn journaled(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Journal(_))).count()
}

#[test]
fn a_repeated_proposal_is_journaled_once() {
    let world = World::new();
    let (mut engine, _) = world.start(GuardState::START, vec![]);
    // An empty block starts no height before its time.
    engine.handle(Event::TimerElapsed(Timer::Pace(HEIGHT)), START.plus(15));
    let block = world.block(Round(0), 0);
    let proposal = world.proposal(Round(0), &block, None).verify(world.genesis.hash()).expect("signed");
    let mut hear = || {
        let (proposal, block) = (proposal.clone(), Some(block.clone()));
        journaled(&engine.handle(Event::Proposal { from: PeerTag(1), proposal, block }, START.plus(20)))
    };
    assert!(hear() > 3, "its body, our verdict, itself, our prevote");
    for _ in 0..100 {
        assert_eq!(hear(), 0, "what is repeated says nothing new");
    }
}

/// Two of them came with proposals of round 0, the third with one of round 1 that proposes it again: it was let in, voted for
/// and decided.
#[test]
fn three_blocks_of_one_round_in_the_journal_are_all_there_after_a_restart() {
    let world = World::new();
    let blocks = [0, 1, 2].map(|number| world.block(Round(0), number));
    let [.., decided] = &blocks;
    let (block, round, lock_round) = (decided.hash(), Round(1), Some(Round(0)));
    let leader = world.leader(round).address();
    let mut journal: Vec<_> = blocks.iter().map(|block| JournalRecord::Body(block.bytes().to_vec())).collect();
    journal.push(JournalRecord::Verdict { block, round, lock_round, leader, valid: true });
    journal.push(JournalRecord::Proposal(world.proposal(round, decided, lock_round)));
    journal.extend(world.signers.iter().take(3).map(|signer| {
        let (kind, value, validator) = (VoteKind::Precommit, Some(block), signer.address());
        JournalRecord::Vote(Vote { kind, height: HEIGHT, round, value, validator }.sign(world.genesis.hash(), signer))
    }));
    let (engine, effects) = world.start(GuardState::START, journal);
    let halts: Vec<_> = effects.iter().filter(|effect| matches!(effect, Effect::Halt(_))).collect();
    assert!(halts.is_empty(), "{halts:?}");
    assert_eq!((engine.ledger().tip().height, engine.ledger().tip().hash), (HEIGHT, block));
}

/// SPEC VOTE-9: what the node voted for before its start holds after it has listened.
#[test]
fn a_lock_in_the_journal_survives_listening() {
    let world = World::new();
    let (locked, other) = (world.block(Round(0), 0), world.block(Round(1), 1));
    let (block, round, leader) = (locked.hash(), Round(0), world.leader(Round(0)).address());
    let us = world.member();
    let vote = |kind, signer: &Signer| {
        let vote = Vote { kind, height: HEIGHT, round, value: Some(block), validator: signer.address() };
        JournalRecord::Vote(vote.sign(world.genesis.hash(), signer))
    };
    let prevoters = world.signers.iter().filter(|signer| signer.address() != us.address()).take(2).chain([us]);
    let mut journal = vec![
        JournalRecord::Body(locked.bytes().to_vec()),
        JournalRecord::Verdict { block, round, lock_round: None, leader, valid: true },
        JournalRecord::Proposal(world.proposal(round, &locked, None)),
    ];
    journal.extend(prevoters.map(|signer| vote(VoteKind::Prevote, signer)));
    journal.push(vote(VoteKind::Precommit, us));
    let JournalRecord::Vote(last) = journal.last().expect("not empty") else { panic!("a vote") };
    let mark = GuardMark {
        step: SignStep::Precommit,
        hash: last.vote.sign_hash(world.genesis.hash()),
        ..locked_on(block).mark
    };
    let (mut engine, effects) = world.start(GuardState { mark, ..locked_on(block) }, journal);
    assert_eq!(prevotes(&effects), [(Round(0), Some(block))], "published again, once");
    let others = world.signers.iter().filter(|signer| signer.address() != us.address());
    let mut votes = vec![];
    for signer in others {
        let nil = Vote { kind: VoteKind::Precommit, height: HEIGHT, round, value: None, validator: signer.address() };
        let vote = nil.sign(world.genesis.hash(), signer).verify(world.genesis.hash()).expect("signed");
        votes.extend(engine.handle(Event::Vote { from: PeerTag(1), vote }, LATER));
    }
    votes.extend(
        engine.handle(Event::TimerElapsed(Timer::Round { height: HEIGHT, round, step: RoundTimer::Precommit }), LATER),
    );
    let proposal = world.proposal(Round(1), &other, None).verify(world.genesis.hash()).expect("signed");
    let event = Event::Proposal { from: PeerTag(1), proposal, block: Some(other.clone()) };
    votes.extend(engine.handle(event, LATER));
    assert_eq!(prevotes(&votes), [(Round(1), None)]);
}

/// Its guard, after it precommitted this block in round 0 and lost its journal.
fn locked_on(block: Hash32) -> GuardState {
    let mark = GuardMark { height: HEIGHT, round: Round(0), step: SignStep::Precommit, hash: Hash32([7; 32]) };
    GuardState { mark, lock: Lock::On { round: Round(0), block } }
}

/// Its prevotes: the round, and the block if it is not nil.
fn prevotes(effects: &[Effect]) -> Vec<(Round, Option<Hash32>)> {
    let vote = |effect: &Effect| match effect {
        Effect::Broadcast(ConsensusMessage::Vote(signed)) if signed.vote.kind == VoteKind::Prevote => {
            Some((signed.vote.round, signed.vote.value))
        }
        _ => None,
    };
    effects.iter().filter_map(vote).collect()
}

/// SPEC VOTE-8. The core does not know the lock that only the guard remembers.
#[test]
fn a_proposal_that_a_lost_lock_forbids_is_prevoted_against_whether_it_comes_or_stands_in_the_journal() {
    let world = World::new();
    let other = world.block(Round(1), 1);
    let locked = world.block(Round(0), 0).hash();
    let proposal = world.proposal(Round(1), &other, None);
    let (block, round, lock_round, leader) = (other.hash(), Round(1), None, proposal.proposal.leader);
    let what_is_left = vec![
        JournalRecord::Body(other.bytes().to_vec()),
        JournalRecord::Verdict { block, round, lock_round, leader, valid: true },
        JournalRecord::Proposal(proposal),
    ];
    for journal in [vec![], what_is_left] {
        let (mut engine, effects) = world.start(locked_on(locked), journal);
        assert!(prevotes(&effects).is_empty(), "it waits in round 1");
        let proposal = proposal.verify(world.genesis.hash()).expect("signed");
        let event = Event::Proposal { from: PeerTag(1), proposal, block: Some(other.clone()) };
        assert_eq!(prevotes(&engine.handle(event, LATER)), [(Round(1), None)]);
    }
}

/// SPEC VOTE-8.
#[test]
fn without_a_lock_a_node_that_lost_its_journal_votes_from_the_next_round_on() {
    let world = World::new();
    let block = world.block(Round(1), 0);
    let guard = GuardState { lock: Lock::None, ..locked_on(Hash32::ZERO) };
    let (mut engine, effects) = world.start(guard, vec![]);
    let first: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Journal(entry) => Some(entry.record.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(first, [JournalRecord::Lost(guard)]);
    let proposal = world.proposal(Round(1), &block, None).verify(world.genesis.hash()).expect("signed");
    let event = Event::Proposal { from: PeerTag(1), proposal, block: Some(block.clone()) };
    assert_eq!(prevotes(&engine.handle(event, LATER)), [(Round(1), Some(block.hash()))]);
}

/// SPEC VOTE-8: nil in what is left of the mark's round, again and again, and nothing below.
#[test]
fn what_is_left_of_the_round_in_which_data_was_lost_is_signed_for_nil() {
    let world = World::new();
    for (step, left) in [(SignStep::Proposal, 2), (SignStep::Prevote, 1), (SignStep::Precommit, 0)] {
        let guard = locked_on(Hash32([9; 32]));
        let guard = GuardState { mark: GuardMark { step, round: Round(2), ..guard.mark }, ..guard };
        let (_, effects) = world.start(guard, vec![]);
        let votes: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Broadcast(ConsensusMessage::Vote(signed)) => Some(signed.vote),
                _ => None,
            })
            .collect();
        assert_eq!(votes.len(), left, "after {step:?}: {votes:?}");
        assert!(votes.iter().all(|vote| vote.round == Round(2) && vote.value.is_none()));
    }
}
