//! One validator that decides alone, and a program that knows more or fewer versions of the rules than its chain.

use blockchat_engine::chain_view::{PhaseView, RulesView};
use blockchat_engine::config::EngineConfig;
use blockchat_engine::effect::{Answer, Effect};
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, PeerTag, Query, RequestId, Timer};
use blockchat_engine::journal::{GuardState, JournalEntry};
use blockchat_engine::recovered::{Recovered, RecoveredValidator};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters, VerifiedGenesis};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::sync::{STATUS_VERSION, Status};
use blockchat_proto::units::{Height, RulesVersion, UnixMillis};
use blockchat_proto::vote::VerifySignatures;
use std::collections::BTreeMap;

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const FIRST: RulesVersion = RulesVersion::FIRST;
const SECOND: RulesVersion = RulesVersion(2);

fn signer() -> Signer {
    Signer::from_seed(&[1; 32])
}

fn genesis(version: RulesVersion) -> VerifiedGenesis {
    let (balance, stake) = (Coins::from_bcc(1_000), Coins::from_bcc(10));
    let accounts = vec![GenesisAccount { address: signer().address(), balance, stake, name: None }];
    let (name, parameters, treasury) = ("alone".into(), Parameters::default(), Coins::ZERO);
    Genesis { name, time: START, parameters, treasury, accounts, version }.verify().expect("a sound genesis")
}

/// One engine with its timers and what it wrote down.
struct Node {
    engine: Engine,
    now: UnixMillis,
    timers: BTreeMap<Timer, UnixMillis>,
    journal: Vec<JournalEntry>,
    /// The state that a crash before the last write would have left.
    before_final: Vec<JournalEntry>,
    guard: GuardState,
    said: Vec<ConsensusMessage>,
    asked: usize,
    answers: Vec<Answer>,
}

impl Node {
    /// Starts at this ledger, with what an earlier life wrote down.
    fn start(ledger: Ledger, journal: Vec<JournalEntry>, guard: GuardState) -> Self {
        let validator = Some(RecoveredValidator { signer: signer(), guard: Some(guard) });
        let recovered = Recovered {
            ledger,
            tip_certificate: None,
            journal: journal.clone(),
            own: vec![],
            evidence: vec![],
            validator,
        };
        let (engine, effects) = Engine::new(EngineConfig::default(), recovered, START).expect("it starts");
        let (timers, before_final, said, answers) = (BTreeMap::new(), vec![], vec![], vec![]);
        let mut node = Self { engine, now: START, timers, journal, before_final, guard, said, asked: 0, answers };
        node.perform(effects);
        node
    }

    fn new(genesis: &VerifiedGenesis, known: RulesVersion) -> Self {
        Self::start(Ledger::at_genesis(genesis).knowing(known), vec![], GuardState::START)
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Journal(entry) => self.journal.push(entry),
                Effect::Sync(guard) => self.guard = guard,
                Effect::Broadcast(message) => self.said.push(message),
                Effect::Finalise(_) => self.before_final = std::mem::take(&mut self.journal),
                Effect::StartTimer { timer, after_ms } => {
                    self.timers.insert(timer, self.now.plus(after_ms));
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::RequestBlocks { .. } | Effect::RequestBody { .. } => self.asked += 1,
                Effect::Answer { answer, .. } => self.answers.push(answer),
                Effect::Blame { .. } | Effect::Halt(_) => panic!("nothing is wrong: {effect:?}"),
                _ => {}
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let effects = self.engine.handle(event, self.now);
        self.perform(effects);
    }

    /// Lets timers run out for so long.
    fn wait(&mut self, ms: u64) {
        let end = self.now.plus(ms);
        while let Some((timer, at)) = self.timers.iter().map(|(timer, at)| (*timer, *at)).min_by_key(|(_, at)| *at)
            && at <= end
        {
            self.now = at;
            self.timers.remove(&timer);
            self.handle(Event::TimerElapsed(timer));
        }
        self.now = end;
    }

    fn tip(&self) -> Height {
        self.engine.ledger().tip().height
    }
}

/// SPEC VER-5.
#[test]
fn where_the_rules_are_unknown_a_node_says_so_asks_nothing_signs_nothing_and_answers() {
    let genesis = genesis(SECOND);
    let mut node = Node::new(&genesis, FIRST);
    let (chain, hash) = (genesis.hash(), genesis.hash());
    let (height, earliest, time) = (Height(500), Height(1), START);
    let status = Status { version: STATUS_VERSION, chain, height, hash, earliest, time };
    node.handle(Event::PeerStatus { peer: PeerTag(1), status });
    node.wait(60_000);
    let view = node.engine.view(node.now);
    assert_eq!((view.phase, view.voting, view.reached_tip), (PhaseView::UpdateNeeded, false, false));
    assert_eq!(view.rules, RulesView { version: SECOND, known: FIRST, next_begins: None });
    assert_eq!((node.tip(), node.asked, node.said.len(), node.journal.len()), (Height(0), 0, 0, 0));
    node.handle(Event::Query { request: RequestId(1), query: Query::Account(signer().address()) });
    assert!(matches!(&node.answers[..], [Answer::Account(answer)] if answer.account.balance == Coins::from_bcc(1_000)));
}

#[test]
fn blocks_and_votes_that_cannot_be_checked_change_nothing_and_blame_nobody() {
    let genesis = genesis(SECOND);
    let mut ahead = Node::new(&genesis, SECOND);
    ahead.wait(60_000);
    assert!(ahead.tip() > Height(2) && !ahead.said.is_empty());
    let mut node = Node::new(&genesis, FIRST);
    let chain = genesis.hash();
    for message in ahead.said {
        let from = PeerTag(1);
        node.handle(match message {
            ConsensusMessage::Vote(vote) => Event::Vote { from, vote: vote.verify(chain).expect("signed") },
            ConsensusMessage::Proposal { proposal, block } => {
                let block = block.map(|block| block.verify(chain, |_| None).expect("well made"));
                Event::Proposal { from, proposal: proposal.verify(chain).expect("signed"), block }
            }
            ConsensusMessage::RoundCertificate(certificate) => {
                Event::RoundCertificate { from, certificate: certificate.verify(chain).expect("signed") }
            }
        });
    }
    node.wait(60_000);
    assert_eq!((node.tip(), node.asked, node.said.len(), node.journal.len()), (Height(0), 0, 0, 0));
}

/// An operator puts an old program in the place of a new one, sees what it says, and takes the new one again.
#[test]
fn what_was_signed_by_a_newer_program_is_left_alone_and_carried_on_by_it() {
    let ledger = Ledger::at_genesis(&genesis(SECOND));
    let mut newer = Node::new(&genesis(SECOND), SECOND);
    while newer.tip() == Height(0) {
        newer.wait(1);
    }
    let written = newer.before_final;
    assert!(!written.is_empty());
    let mut older = Node::start(ledger.clone().knowing(FIRST), written.clone(), newer.guard);
    older.wait(60_000);
    assert_eq!((older.tip(), older.said.len(), &older.journal), (Height(0), 0, &written));
    let mut newer = Node::start(ledger.knowing(SECOND), older.journal, older.guard);
    newer.wait(60_000);
    assert!(newer.tip() > Height(0));
}

/// SPEC VER-1, VER-2.
#[test]
fn a_validators_node_announces_what_it_knows_by_itself_and_once() {
    let mut node = Node::new(&genesis(FIRST), RulesVersion(3));
    let announced = |node: &Node| node.engine.ledger().account(&signer().address()).announced;
    node.wait(15_000);
    assert_eq!(announced(&node), RulesVersion(3));
    node.wait(60_000);
    assert_eq!(node.engine.view(node.now).pool_transactions, 0, "there is nothing to add");
    let mut node = Node::new(&genesis(FIRST), FIRST);
    node.wait(60_000);
    assert_eq!(announced(&node), RulesVersion(0), "everybody knows the version in force");
}
