//! A simulated world: virtual time, one queue of happenings, nodes, and a checker that watches them.
//!
//! Owns: the order of events, and the two phases of a run: first anything may go wrong, then the faults stop and
//! progress is demanded. Does not own: starts (`power`), effects (`perform`), messages of peers (`peers`), faults
//! (`faults`), payments (`load`).
//!
//! Always true: the same scenario gives the same run, happening by happening; a run ends at its first violation.
//! Start reading at [`run`].

use super::byzantine::Crime;
use super::counts::{Counts, Met};
use super::dice::Dice;
use super::disk::Disk;
use super::faults::Mischief;
use super::invariants::{Checker, Violation};
use super::load::{Load, Purpose};
use super::network::{Network, Weather};
use super::node::Node;
use super::peers::Parcel;
use super::sabotage::Sabotage;
use super::scenario::{KillAll, Scenario};
use super::time::Micros;
use super::trace::{Note, Trace};
use blockchat_engine::chain_view::ChainView;
use blockchat_engine::event::{RequestId, Timer};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Account;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, RulesVersion};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// More events than any sound run has.
const EVENTS_MAX: u64 = 3_000_000;

/// Something on the queue.
#[derive(Debug)]
pub(super) enum Happening {
    /// A node gets power.
    Start(usize),
    /// A timer of a node runs out, if it is still the one that runs.
    Timer { node: usize, life: u64, timer: Timer },
    /// Something reaches a node.
    Arrive(Box<Parcel>),
    /// Two nodes find each other.
    Connect(usize, usize),
    /// A node tells its peers how far it is.
    TellAll { node: usize, life: u64, for_ever: bool },
    /// Something goes wrong.
    Mischief(Mischief),
    /// It is a user's turn.
    Turn(usize),
    /// It is time to hand in more.
    Feed,
    /// A stake is to be changed.
    Stake(usize),
    /// An account without coins claims a grant.
    Claim(usize),
    /// Transactions are handed in at a node.
    Submit { node: usize, life: u64, transactions: Vec<VerifiedTransaction> },
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The violation, if there is one.
    pub violation: Option<Violation>,
    /// The scenario in a line.
    pub about: String,
    /// Its counts.
    pub counts: Counts,
    /// Virtual time.
    pub lasted: Micros,
    /// The longest virtual time without a new height before the faults stopped.
    pub longest_pause: Micros,
    /// The view of each node when the faults stopped; none of those that were down.
    pub views: Vec<Option<ChainView>>,
    /// Virtual time from the end of the faults until all nodes had the demanded heights.
    pub recovered_in: Micros,
    /// Hash of the trace.
    pub trace_hash: Hash32,
    /// The trace in words, if it was kept.
    pub trace: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    pub(super) scenario: Scenario,
    pub(super) now: Micros,
    sequence: u64,
    queue: BTreeMap<(Micros, u64), Happening>,
    pub(super) nodes: Vec<Node>,
    pub(super) network: Network,
    pub(super) checker: Checker,
    pub(super) load: Load,
    pub(super) kill_alls: Vec<KillAll>,
    pub(super) trace: Trace,
    pub(super) counts: Counts,
    pub(super) violation: Option<Violation>,
    pub(super) questions: BTreeMap<RequestId, Purpose>,
    /// Transactions that were verified, as a node's pool remembers them.
    pub(super) known: BTreeMap<TransactionId, VerifiedTransaction>,
    /// Places where liars signed.
    pub(super) lies: BTreeMap<super::perform::LiePlace, Hash32>,
    pub(super) jailed: BTreeSet<Address>,
    pub(super) chance: Chance,
    /// Numbers for envelopes, requests and tickets.
    pub(super) numbers: u64,
    pub(super) healed: bool,
    /// The highest tip, and since when.
    highest: (Height, Micros),
    longest_pause: Micros,
    views: Vec<Option<ChainView>>,
    /// A tip moved, or something of our own became final, since the condition was last looked at.
    pub(super) moved: bool,
}

/// Dice by purpose.
#[derive(Debug)]
pub(super) struct Chance {
    pub(super) faults: Dice,
    pub(super) disks: Dice,
    pub(super) peers: Dice,
    pub(super) lies: Dice,
    pub(super) catching_up: Dice,
}

/// Runs a scenario to its end. A panic of an engine is a violation like others.
pub fn run(scenario: Scenario, keep_trace: bool) -> Outcome {
    let (seed, about) = (scenario.seed, scenario.describe());
    let mut world = World::new(scenario, keep_trace);
    let mut recovered_in = Micros::default();
    let ended = catch_unwind(AssertUnwindSafe(|| recovered_in = world.live()));
    if let Err(panic) = ended {
        world.violation = Some(Violation::Panic { message: words_of(panic.as_ref()) });
    }
    world.counts.add(Met::Lost, world.network.lost);
    world.counts.add(Met::Doubled, world.network.doubled);
    world.counts.add(Met::Overtook, world.network.overtook);
    Outcome {
        seed,
        violation: world.violation,
        about,
        counts: world.counts,
        lasted: world.now,
        longest_pause: world.longest_pause,
        views: world.views,
        recovered_in,
        trace_hash: world.trace.hash(),
        trace: world.trace.into_lines(),
    }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without words").to_string()
}

impl World {
    fn new(mut scenario: Scenario, keep_trace: bool) -> Self {
        let checker = Checker::new(&scenario.genesis, scenario.stakers());
        if scenario.sabotage == Sabotage::FreePower {
            scenario.free_power();
        }
        let checker = checker.of_chain(scenario.genesis.hash());
        let seed = scenario.seed;
        let node = |plan: &super::scenario::NodePlan| {
            let owner = plan.signer.as_ref().map(|signer| signer.address());
            Node::new(plan, Disk::new(&scenario.genesis, owner, scenario.sabotage))
        };
        Self {
            now: Micros(0),
            sequence: 0,
            queue: BTreeMap::new(),
            nodes: scenario.nodes.iter().map(node).collect(),
            network: Network::new(scenario.weather.clone(), Dice::of(seed, "network")),
            checker,
            load: Load::new(&scenario),
            kill_alls: scenario.faults.kill_alls.clone(),
            trace: Trace::new(keep_trace),
            counts: Counts::default(),
            violation: None,
            questions: BTreeMap::new(),
            known: BTreeMap::new(),
            lies: BTreeMap::new(),
            jailed: BTreeSet::new(),
            chance: Chance {
                faults: Dice::of(seed, "faults"),
                disks: Dice::of(seed, "disks"),
                peers: Dice::of(seed, "peers"),
                lies: Dice::of(seed, "lies"),
                catching_up: Dice::of(seed, "catching up"),
            },
            numbers: 0,
            healed: false,
            highest: (Height(0), Micros(0)),
            longest_pause: Micros(0),
            views: vec![],
            moved: true,
            scenario,
        }
    }

    /// Both phases. Returns how long the second one took.
    fn live(&mut self) -> Micros {
        for node in 0..self.nodes.len() {
            self.push(self.scenario.nodes[node].starts, Happening::Start(node));
            if self.nodes[node].signer.is_none() {
                self.counts.met(Met::Observers);
            }
        }
        self.begin_faults();
        self.begin_load();
        let heights = Height(self.scenario.heights);
        self.run_until(self.scenario.faults_max, |world| world.best_tip() >= heights);
        let begun = self.now;
        self.measure_pause(true);
        self.check_pace();
        let view = |node: &Node| Some(node.engine.as_ref()?.engine.view(node.clock(begun)));
        self.views = self.nodes.iter().map(view).collect();
        self.heal();
        let goal = Height(self.best_tip().0 + self.scenario.heights_after);
        let reached = self.run_until(begun.plus(self.scenario.patience), |world| world.all_have(goal));
        if !reached && self.violation.is_none() {
            let (waited_s, nodes) = (self.scenario.patience.as_ms() / 1_000, self.whereabouts());
            let stands_still = Violation::NoProgress { goal, waited_s, nodes };
            self.violation = Some(self.debts().err().unwrap_or(stands_still));
        }
        self.now.since(begun)
    }

    /// An idle chain takes its time, give or take what clocks differ.
    fn check_pace(&mut self) {
        let (heights, lasted_ms) = (self.best_tip().0, self.now.as_ms());
        let idle_ms = self.scenario.genesis.genesis().parameters.idle_block_interval_ms;
        if self.scenario.idle && lasted_ms < heights * idle_ms * 3 / 4 {
            self.fail(Violation::Raced { heights, lasted_ms, idle_ms });
        }
    }

    /// Accounts with evidence against them that were not punished.
    fn debts(&self) -> Result<(), Violation> {
        let ledgers = self.honest().filter_map(|node| node.engine.as_ref()).map(|running| running.engine.ledger());
        ledgers.max_by_key(|ledger| ledger.tip().height).map_or(Ok(()), |ledger| self.checker.all_have_paid(ledger))
    }

    /// Lets things happen until `done`, or until `end`. False if time ran out or something is wrong.
    fn run_until(&mut self, end: Micros, done: impl Fn(&Self) -> bool) -> bool {
        self.moved = true;
        while self.violation.is_none() {
            if std::mem::take(&mut self.moved) {
                self.measure_pause(false);
                if done(self) {
                    return true;
                }
            }
            let Some(((at, number), happening)) = self.queue.pop_first() else {
                return false;
            };
            if at > end {
                self.queue.insert((at, number), happening);
                return false;
            }
            self.now = at;
            self.happen(number, happening);
            if self.counts.get(Met::Events) > EVENTS_MAX {
                self.fail(Violation::Endless { events: EVENTS_MAX });
            }
        }
        false
    }

    /// The pause before a new height ends now; `over`: the faults stop, so that the last pause counts as well.
    fn measure_pause(&mut self, over: bool) {
        let tip = self.best_tip();
        if !self.healed && (over || tip > self.highest.0) {
            self.longest_pause = self.longest_pause.max(self.now.since(self.highest.1));
            self.highest = (tip, self.now);
        }
    }

    fn happen(&mut self, number: u64, happening: Happening) {
        match happening {
            Happening::Start(node) => self.start(node),
            Happening::Timer { node, life, timer } => self.timer(node, life, timer, number),
            Happening::Arrive(parcel) => self.arrive(*parcel),
            Happening::Connect(a, b) => self.connect(a, b),
            Happening::TellAll { node, life, for_ever } => {
                if self.is_alive(node, life) {
                    self.told_later(node, for_ever);
                }
            }
            Happening::Mischief(mischief) => self.mischief(mischief),
            Happening::Turn(user) => self.turn(user),
            Happening::Feed => self.feed(),
            Happening::Stake(plan) => self.change_stake(plan),
            Happening::Claim(claimant) => self.claim(claimant),
            Happening::Submit { node, life, transactions } => {
                if self.is_alive(node, life) {
                    self.submit(node, transactions);
                }
            }
        }
    }

    /// Puts something on the queue. Returns its number.
    pub(super) fn push(&mut self, at: Micros, happening: Happening) -> u64 {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), happening);
        self.sequence
    }

    /// A new number.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The first violation ends the run.
    pub(super) fn fail(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// Whatever a check found.
    pub(super) fn check<T>(&mut self, found: Result<T, Violation>) -> Option<T> {
        found.map_err(|violation| self.fail(violation)).ok()
    }

    /// Is this node up, in this life?
    pub(super) fn is_alive(&self, node: usize, life: u64) -> bool {
        self.nodes[node].is_up() && self.nodes[node].life == life
    }

    pub(super) fn note(&mut self, node: usize, note: Note) {
        self.trace.note(self.now, node, note);
    }

    /// The highest durable tip among the honest.
    pub(super) fn best_tip(&self) -> Height {
        self.honest().map(|node| node.disk.tip().height).max().unwrap_or_default()
    }

    fn honest(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_honest())
    }

    /// Has every honest node this height, is everything final or hopeless that was submitted to it, and is every liar
    /// with evidence against it punished?
    fn all_have(&self, goal: Height) -> bool {
        self.honest().all(|node| node.disk.tip().height >= goal && node.disk.own().is_empty()) && self.debts().is_ok()
    }

    /// The positions of all nodes, for a report.
    fn whereabouts(&self) -> String {
        let one = |(index, node): (usize, &Node)| {
            let crime = self.scenario.nodes[index].crime.map_or(String::new(), |crime: Crime| format!(" {crime}"));
            let how = match &node.engine {
                None => "down".to_string(),
                Some(running) => {
                    let view = running.engine.view(node.clock(self.now));
                    let votes = if view.voting { "" } else { ", does not vote" };
                    format!("round {}, {:?}{votes}", view.round, view.phase)
                }
            };
            let pending = node.disk.own().first().map_or(String::new(), |first| {
                let account = self.account_on(index, &first.sender());
                let (next, balance) = (account.next_nonce, account.balance);
                let transaction = first.transaction();
                format!(
                    ", {} own pending, first {:?} (final: nonce {next}, {balance} BCC)",
                    node.disk.own().len(),
                    (transaction.nonce, transaction.expiry, &transaction.body)
                )
            });
            format!("\n  n{index}{crime}: {} ({how}{pending})", node.disk.tip().height)
        };
        self.nodes.iter().enumerate().map(one).collect()
    }

    fn account_on(&self, node: usize, address: &Address) -> Account {
        self.nodes[node].engine.as_ref().map(|running| running.engine.ledger().account(address)).unwrap_or_default()
    }

    /// Puts the newest program in place of an older one.
    fn update(&mut self, node: usize, newest: RulesVersion) {
        if self.nodes[node].knows < newest {
            self.crash(node);
            self.nodes[node].knows = newest;
            self.counts.met(Met::Updates);
        }
    }

    /// The faults stop: the network is whole and calm, all nodes are up, stay up, and know all rules.
    fn heal(&mut self) {
        self.healed = true;
        self.kill_alls.clear();
        self.network.heal(Weather::calm());
        self.note(0, Note { what: "faults stop", ..Note::default() });
        let newest = self.nodes.iter().map(|node| node.knows).max().unwrap_or_default();
        for node in 0..self.nodes.len() {
            self.update(node, newest);
            self.nodes[node].trap = None;
            self.nodes[node].held_down = false;
            self.push(self.now, Happening::Start(node));
        }
        self.connect_all();
    }
}
