//! The engine on the real files, crashed at every sync point and with its journal cut at every byte: it never contradicts
//! what it said before, keeps the lock that its guard names, and neither crash nor cut keeps it from going on.
//!
//! The world: four validators. Two others answer our votes: they prevote our block in every second round, and always
//! precommit nil; the fourth is silent. So no height is ever decided, rounds pass, we lock, and the journal holds
//! proposals, bodies, votes for and against, and timeouts.

use crate::store::guard::Guard;
use crate::store::{self, Opened};
use blockchat_engine::config::EngineConfig;
use blockchat_engine::effect::Effect;
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, PeerTag, Timer};
use blockchat_engine::journal::{GuardState, Lock};
use blockchat_engine::recovered::{Recovered, RecoveredValidator};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Signer;
use blockchat_proto::leader::leader_for;
use blockchat_proto::sync::{STATUS_VERSION, Status};
use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
use blockchat_proto::vote::{VerifySignatures, Vote, VoteKind};
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Signed messages: height, round, `None` for a proposal -> the value.
type Said = BTreeMap<(Height, Round, Option<VoteKind>), Option<Hash32>>;

/// A moment at which the machine may die.
#[derive(Clone)]
struct Moment {
    journal: Vec<u8>,
    guard: Vec<u8>,
    /// Everything that had left by then.
    said: Said,
    now: UnixMillis,
}

struct World {
    folder: TempDir,
    genesis: VerifiedGenesis,
    signer: Signer,
}

impl World {
    fn new() -> Self {
        let signer = Signer::from_seed(&[1; 32]);
        let staked = |signer: &Signer| GenesisAccount {
            address: signer.address(),
            balance: Coins::ZERO,
            stake: Coins::from_bcc(1),
            name: None,
        };
        let mut accounts: Vec<_> = (1..=4).map(|seed| staked(&Signer::from_seed(&[seed; 32]))).collect();
        accounts.sort_by_key(|account| account.address);
        // No other member proposes here: we lead the first round, or there is nothing to lock on.
        let genesis = |number: u32| {
            let parameters = Parameters { idle_block_interval_ms: 250, ..Parameters::default() };
            let (time, treasury, version) = (UnixMillis(0), Coins::ZERO, RulesVersion::FIRST);
            let (name, accounts) = (format!("test-{number}"), accounts.clone());
            Genesis { name, time, parameters, treasury, accounts, version }.verify().unwrap()
        };
        let first_leader = |genesis: &VerifiedGenesis| {
            leader_for(genesis.validators(), genesis.hash(), Height(1), Round(0)) == signer.address()
        };
        let genesis = (0..).map(genesis).find(first_leader).expect("one in four has us lead");
        let world = Self { folder: TempDir::new().unwrap(), genesis, signer };
        Guard::create(&world.guard()).unwrap();
        world
    }

    fn guard(&self) -> PathBuf {
        self.folder.path().join("guard")
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn moment(&self, said: &Said, now: UnixMillis) -> Moment {
        let (journal, guard) = (fs::read(self.journal()).unwrap(), fs::read(self.guard()).unwrap());
        Moment { journal, guard, said: said.clone(), now }
    }

    /// Runs a node on what is on disk until `until`, adding to `said`; returns every moment worth a crash.
    fn run(&self, said: &mut Said, from: UnixMillis, until: UnixMillis) -> Vec<Moment> {
        let Opened { mut journal, ledger, journal_entries, .. } =
            store::open(self.folder.path(), &self.genesis).unwrap();
        let (mut guard, mark) = Guard::open(&self.guard()).unwrap();
        let validator = Some(RecoveredValidator { signer: self.signer.clone(), guard: mark });
        let recovered = Recovered {
            ledger,
            tip_certificate: None,
            journal: journal_entries,
            own: vec![],
            evidence: vec![],
            validator,
        };
        let (mut engine, mut effects) = Engine::new(EngineConfig::default(), recovered, from).unwrap();
        let mut timers: BTreeMap<Timer, UnixMillis> = BTreeMap::new();
        let (mut now, mut moments, mut heard) = (from, vec![], VecDeque::from([self.connected()]));
        loop {
            for effect in effects {
                match effect {
                    Effect::Journal(entry) => journal.append(&entry).unwrap(),
                    Effect::Sync(state) => {
                        journal.sync().unwrap();
                        moments.push(self.moment(said, now));
                        guard.raise(&state).unwrap();
                        moments.push(self.moment(said, now));
                    }
                    Effect::Broadcast(message) => {
                        say(said, &message);
                        heard.extend(self.answers(&message));
                    }
                    Effect::StartTimer { timer, after_ms } => drop(timers.insert(timer, now.plus(after_ms))),
                    Effect::CancelTimer(timer) => drop(timers.remove(&timer)),
                    Effect::Halt(fault) => panic!("{fault}"),
                    _ => {}
                }
            }
            if let Some(event) = heard.pop_front() {
                effects = engine.handle(event, now);
                continue;
            }
            let (timer, at) = timers.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at)).unwrap();
            if at > until {
                return moments;
            }
            timers.remove(&timer);
            now = now.max(at);
            effects = engine.handle(Event::TimerElapsed(timer), now);
        }
    }

    /// One of the others connects: until then a node that may have signed before does not end its listening. SPEC VOTE-9.
    fn connected(&self) -> Event {
        let (chain, time) = (self.genesis.hash(), UnixMillis(0));
        let status =
            Status { version: STATUS_VERSION, chain, height: Height(0), hash: chain, earliest: Height(1), time };
        Event::PeerStatus { peer: PeerTag(2), status }
    }

    /// The answers of the two others to our vote.
    fn answers(&self, message: &ConsensusMessage) -> Vec<Event> {
        let ConsensusMessage::Vote(ours) = message else { return vec![] };
        let agree = ours.vote.kind == VoteKind::Prevote && ours.vote.round.0.is_multiple_of(2);
        let value = ours.vote.value.filter(|_| agree);
        let answer = |seed| {
            let signer = Signer::from_seed(&[seed; 32]);
            let vote = Vote { value, validator: signer.address(), ..ours.vote }.sign(self.genesis.hash(), &signer);
            Event::Vote { from: PeerTag(seed.into()), vote: vote.verify(self.genesis.hash()).unwrap() }
        };
        vec![answer(2), answer(3)]
    }

    /// Brings the files to a moment and goes on from there; what was said since.
    fn go_on(&self, moment: &Moment) -> Said {
        fs::write(self.journal(), &moment.journal).unwrap();
        fs::write(self.guard(), &moment.guard).unwrap();
        let mut said = moment.said.clone();
        self.run(&mut said, moment.now, moment.now.plus(8_000));
        said
    }
}

fn say(said: &mut Said, message: &ConsensusMessage) {
    let (what, value) = match message {
        ConsensusMessage::Vote(signed) => {
            let vote = signed.vote;
            ((vote.height, vote.round, Some(vote.kind)), vote.value)
        }
        ConsensusMessage::Proposal { proposal, .. } => {
            let proposal = proposal.proposal;
            ((proposal.height, proposal.round, None), Some(proposal.block))
        }
        ConsensusMessage::RoundCertificate(_) => return,
    };
    let before = said.insert(what, value);
    assert!(before.is_none_or(|before| before == value), "said {before:?} and {value:?} for {what:?}");
}

#[test]
fn a_crash_at_any_sync_point_leads_to_no_contradiction_and_no_silence() {
    let world = World::new();
    let moments = world.run(&mut Said::new(), UnixMillis(0), UnixMillis(6_000));
    assert!(moments.len() > 10, "{} moments", moments.len());
    for moment in &moments {
        let said = world.go_on(moment);
        assert!(said.len() > moment.said.len(), "it fell silent after {:?}", moment.said.last_key_value());
    }
}

#[test]
fn a_journal_cut_at_any_byte_leads_to_no_contradiction_breaks_no_lock_and_does_not_silence() {
    let world = World::new();
    let mut said = Said::new();
    let now = UnixMillis(3_000);
    world.run(&mut said, UnixMillis(0), now);
    let whole = world.moment(&said, now);
    assert!(whole.said.len() > 4, "{:?}", whole.said);
    fs::write(world.guard(), &whole.guard).unwrap();
    let Some(GuardState { lock: Lock::On { block, .. }, .. }) = Guard::peek(&world.guard()).unwrap() else {
        panic!("it precommitted a block");
    };
    for cut in (0..whole.journal.len()).step_by(31) {
        let journal = whole.journal[..cut].to_vec();
        let said = world.go_on(&Moment { journal, ..whole.clone() });
        let new: Vec<_> = said.iter().filter(|(what, _)| !whole.said.contains_key(what)).collect();
        assert!(!new.is_empty(), "cut at {cut}: it fell silent");
        // No other member proposes or prevotes first, so no later polka can free it.
        let breach = new
            .iter()
            .find(|((.., kind), value)| *kind == Some(VoteKind::Prevote) && value.is_some_and(|value| value != block));
        assert_eq!(breach, None, "cut at {cut}: it forgot its lock on {block}");
    }
    assert!(world.go_on(&whole).len() > whole.said.len(), "uncut, it goes on");
}
