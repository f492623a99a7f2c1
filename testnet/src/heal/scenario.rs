//! The language of scenarios: a list of steps that reads like a story. Data only; `stage` plays it.
//!
//! Start reading at [`Scenario`]; examples are in [`super::scenarios`].

use crate::links::shape::Wan;
use blockchat_engine::config::EngineConfig;
use blockchat_proto::genesis::Parameters;
use std::fmt;
use std::time::Duration;

/// A story: what is broken, and what is claimed about it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// As on the command line.
    pub name: &'static str,
    /// What it shows, in a sentence or two.
    pub about: &'static str,
    /// Validators.
    pub nodes: usize,
    /// More nodes with coins and without a stake, which are not started at first.
    pub spares: usize,
    /// Only the first so many nodes send; the others' coins are for the story.
    pub senders: Option<usize>,
    /// What this machine must have.
    pub needs: Vec<Need>,
    /// Can it be played with another number of nodes?
    pub any_number: bool,
    /// How nodes reach each other.
    pub wiring: Wiring,
    /// Every link, from the beginning.
    pub wan: Wan,
    /// The load.
    pub load: Load,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// What a story needs of its machine beyond processes and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A clock for each node that we can set.
    Clocks,
    /// A disk of its own for this node.
    SmallDisk(usize),
    /// A disk that can be slowed for single processes.
    SlowDisk,
}

/// How nodes reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Through links of ours only.
    Links,
    /// By themselves.
    Direct,
}

/// A light load: each node sends a message now and then.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// So often.
    pub every: Duration,
    /// Of so many characters.
    pub characters: usize,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// Break this, and prove that it is broken.
    Break(Fault),
    /// Undo all that is broken.
    Heal,
    /// Do what an operator would.
    Do(Deed),
    /// This must hold, or come true in time.
    Expect(Claim),
}

/// Some of the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The one that leads the height being decided.
    Leader,
    /// These, by number.
    Nodes(&'static [usize]),
    /// The last so many.
    Last(usize),
    /// Those that the latest fault struck.
    Struck,
    /// All others.
    Others,
    /// Everybody.
    All,
}

/// What can be broken.
#[derive(Clone, Debug)]
pub enum Fault {
    /// `kill -9`; they stay away until they are healed.
    Kill(Who),
    /// Stopped in order; they stay away until they are healed.
    Stop(Who),
    /// Killed, and their data removed: the chain, the journal, the book. Keys and guard stay.
    WipeData(Who),
    /// Killed, and data and guard removed. Keys stay.
    WipeDataAndGuard(Who),
    /// Nothing passes between groups of these sizes; nobody is told, sockets stay.
    Partition(&'static [usize]),
    /// Nothing passes from the last so many to the others; the other direction works.
    Mute(usize),
    /// Connections between the last so many and the others die silently; new ones work.
    HalfOpen(usize),
    /// Links between the last so many and the others are closed for so long, then work for so long, so many times.
    Flap {
        /// The last so many nodes.
        last: usize,
        /// Each time.
        every: Duration,
        /// So many times.
        times: u32,
    },
    /// Stopped in order; they come back on other ports, told nobody's address.
    Move(Who),
    /// The clocks of these nodes are set so many seconds ahead of this machine's, or behind it.
    Clocks(&'static [(usize, i64)]),
    /// The disk of the node that has one of its own is filled to the last byte.
    FillDisk(usize),
    /// This node may write a few times a second, and no more.
    SlowDisk(usize),
    /// The first spare runs with the validator key of this node: what one signs the other contradicts.
    Twin(usize),
    /// Processes that are stopped in the middle of everything, and go on when they are healed.
    Freeze(Who),
    /// Strangers call every node and send garbage, for as long as it is not healed.
    Flood,
}

/// What an operator does by hand.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// `blockchat-node guard reset --api` with another node of the chain; then the node is started again.
    GuardReset(Who),
    /// Start these spares.
    Start(Who),
    /// `blockchat-node stake`: so many BCC, by each of these.
    Stake(Who, u64),
    /// Wait until there are so many blocks.
    AwaitBlocks(u64),
}

/// What is claimed.
#[derive(Clone, Debug)]
pub enum Claim {
    /// From the latest break or heal on, until so many more blocks: no longer pause between two blocks that any of these
    /// nodes reports.
    PauseAtMost {
        /// Whom we listen to.
        of: Who,
        /// The longest pause.
        limit: Limit,
        /// So many blocks.
        blocks: u64,
    },
    /// For so long, no node reports a new block.
    NoBlock {
        /// How long we watch.
        during: Duration,
    },
    /// Counted from the latest break or heal, each of these nodes reports a new block in time.
    BlockWithin {
        /// Each of these.
        of: Who,
        /// In time.
        limit: Limit,
    },
    /// Counted from the latest heal, each of these has everything that is final, in time.
    AtTheTip {
        /// Each of these.
        who: Who,
        /// In time.
        limit: Limit,
    },
    /// Counted from the latest heal, the signature of each of these is on a final block, in time.
    VotesAgain {
        /// Each of these.
        who: Who,
        /// In time.
        limit: Limit,
    },
    /// The first word of each of these after it came back covers all that it had reported as final.
    ForgotNothing {
        /// Each of these.
        who: Who,
    },
    /// Counted from the latest break or heal, every node is connected with every other, in time.
    AllConnected {
        /// In time.
        limit: Limit,
    },
    /// Each of these says why it does not sign, with these words in it, in time.
    SaysWhySilent {
        /// Each of these.
        who: Who,
        /// The words.
        words: &'static str,
        /// In time.
        limit: Limit,
    },
    /// While we watch, none of these signs anything.
    SignsNothing {
        /// None of these.
        who: Who,
        /// So long.
        during: Duration,
    },
    /// Of so many blocks from now on, none needed a second round.
    NoFailedRound {
        /// So many blocks.
        blocks: u64,
        /// After these, which may.
        after: u64,
    },
    /// Every running node says, in time, that so many validators are in the set.
    Validators {
        /// So many.
        count: usize,
        /// In time.
        limit: Limit,
    },
    /// A node that starts with nothing has everything, in time, and the time it takes could be told from its first half.
    CatchesUp {
        /// Which.
        who: Who,
        /// In time.
        limit: Limit,
        /// The estimate at half of the way is wrong by at most this part of the whole, in percent.
        eta_percent: u64,
        /// The others make at most so many percent fewer blocks meanwhile.
        others_lose_percent: u64,
    },
    /// The chain has barred each of these for good, in time.
    Barred {
        /// Each of these.
        who: Who,
        /// In time.
        limit: Limit,
    },
    /// The log of some node holds one of these words, in time.
    SomebodyLogs {
        /// The words.
        words: &'static [&'static str],
        /// In time.
        limit: Limit,
    },
    /// The log of each of these holds these words, in time.
    Logs {
        /// Each of these.
        who: Who,
        /// The words.
        words: &'static str,
        /// In time.
        limit: Limit,
    },
}

/// A time, in the waits of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many leader timeouts: see [`leader_timeout`].
    pub leader_timeouts: u32,
    /// And so much more.
    pub more: Duration,
}

/// What a dead leader costs: the block interval, until the height starts; the wait for its proposal; the wait for more
/// precommits before the next round.
pub fn leader_timeout(parameters: &Parameters) -> Duration {
    let engine = EngineConfig::default();
    let propose = engine.propose_ms + parameters.block_interval_ms;
    Duration::from_millis(parameters.block_interval_ms + propose + engine.precommit_ms)
}

/// So many leader timeouts.
pub const fn timeouts(leader_timeouts: u32) -> Limit {
    Limit { leader_timeouts, more: Duration::ZERO }
}

/// So many seconds.
pub const fn seconds(seconds: u64) -> Limit {
    Limit { leader_timeouts: 0, more: Duration::from_secs(seconds) }
}

impl Limit {
    /// And so many ms more.
    #[must_use]
    pub const fn and_ms(self, ms: u64) -> Self {
        Self { more: Duration::from_millis(ms), ..self }
    }

    /// On a chain with these parameters.
    pub fn on(&self, parameters: &Parameters) -> Duration {
        leader_timeout(parameters) * self.leader_timeouts + self.more
    }
}

impl Scenario {
    /// A story with nothing in it yet: five nodes, perfect links, 25 messages a second.
    pub fn named(name: &'static str, about: &'static str) -> Self {
        let load = Load { every: Duration::from_millis(200), characters: 12 };
        let (wiring, wan, steps) = (Wiring::Links, Wan::default(), vec![]);
        let (nodes, spares, senders, needs, any_number) = (5, 0, None, vec![], false);
        Self { name, about, nodes, spares, senders, needs, any_number, wiring, wan, load, steps }
    }

    /// With so many nodes.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes, ..self }
    }

    /// And so many that wait, with coins and without a stake.
    #[must_use]
    pub fn spares(self, spares: usize) -> Self {
        Self { spares, ..self }
    }

    /// Only the first so many send.
    #[must_use]
    pub fn senders(self, senders: usize) -> Self {
        Self { senders: Some(senders), ..self }
    }

    /// It cannot be played without this.
    #[must_use]
    pub fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// It says nothing that depends on the number of nodes.
    #[must_use]
    pub fn with_any_number_of_nodes(self) -> Self {
        Self { any_number: true, ..self }
    }

    /// Nodes find and call each other by themselves.
    #[must_use]
    pub fn without_links(self) -> Self {
        Self { wiring: Wiring::Direct, ..self }
    }

    /// Over links like these.
    #[must_use]
    pub fn over(self, wan: Wan) -> Self {
        Self { wan, ..self }
    }

    /// Each node sends a message of so many characters so often.
    #[must_use]
    pub fn load(self, every_ms: u64, characters: usize) -> Self {
        Self { load: Load { every: Duration::from_millis(every_ms), characters }, ..self }
    }

    /// This breaks.
    #[must_use]
    pub fn breaks(self, fault: Fault) -> Self {
        self.then(Step::Break(fault))
    }

    /// All that is broken is undone.
    #[must_use]
    pub fn heals(self) -> Self {
        self.then(Step::Heal)
    }

    /// Somebody does this.
    #[must_use]
    pub fn then_do(self, deed: Deed) -> Self {
        self.then(Step::Do(deed))
    }

    /// This must hold.
    #[must_use]
    pub fn expect(self, claim: Claim) -> Self {
        self.then(Step::Expect(claim))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// What is going to happen and what must hold, a line a step.
    pub fn prediction(&self, parameters: &Parameters) -> Vec<String> {
        self.steps.iter().map(|step| step.words(parameters)).collect()
    }
}

impl Step {
    /// For a person.
    pub fn words(&self, parameters: &Parameters) -> String {
        match self {
            Self::Break(fault) => format!("break   {fault}"),
            Self::Heal => "heal    all that is broken".into(),
            Self::Do(deed) => format!("do      {deed}"),
            Self::Expect(claim) => format!("expect  {}", claim.words(parameters)),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("the leader"),
            Self::Nodes(numbers) => {
                let names: Vec<_> = numbers.iter().map(|number| format!("id{number}")).collect();
                f.write_str(&names.join(", "))
            }
            Self::Last(1) => f.write_str("the last node"),
            Self::Last(count) => write!(f, "the last {count} nodes"),
            Self::Struck => f.write_str("those that were struck"),
            Self::Others => f.write_str("the others"),
            Self::All => f.write_str("all nodes"),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuardReset(who) => write!(f, "{who}: reset the guard, as they advise"),
            Self::Start(who) => write!(f, "start {who}"),
            Self::Stake(who, 0) => write!(f, "{who}: take the stake back"),
            Self::Stake(who, coins) => write!(f, "{who}: stake {coins} BCC"),
            Self::AwaitBlocks(height) => write!(f, "wait for {height} blocks"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(who) => write!(f, "kill -9 {who}"),
            Self::Stop(who) => write!(f, "stop {who}"),
            Self::WipeData(who) => write!(f, "kill -9 {who} and remove its data; keys and guard stay"),
            Self::WipeDataAndGuard(who) => write!(f, "kill -9 {who} and remove its data and its guard; keys stay"),
            Self::Partition(sizes) => {
                let sizes: Vec<_> = sizes.iter().map(usize::to_string).collect();
                write!(f, "partition {}: silent, no socket is closed", sizes.join(" to "))
            }
            Self::Mute(count) => write!(f, "{}: what they send reaches nobody; they hear all", Who::Last(*count)),
            Self::HalfOpen(count) => {
                write!(f, "every connection of {} dies silently: bytes vanish, sockets stay", Who::Last(*count))
            }
            Self::Flap { last, every, times } => write!(
                f,
                "the links of {} are closed for {} s and work for {} s, {times} times",
                Who::Last(*last),
                every.as_secs_f32(),
                every.as_secs_f32()
            ),
            Self::Move(who) => write!(f, "stop {who}; back on other ports, told nobody's address"),
            Self::Clocks(clocks) => {
                let clocks: Vec<_> = clocks.iter().map(|(node, s)| format!("the clock of id{node} {s:+} s")).collect();
                f.write_str(&clocks.join(", "))
            }
            Self::FillDisk(node) => write!(f, "the disk of id{node} is filled to the last byte"),
            Self::SlowDisk(node) => write!(f, "the disk of id{node} is slow: a few writes a second"),
            Self::Twin(node) => write!(f, "a second node runs with the validator key of id{node}"),
            Self::Freeze(who) => write!(f, "freeze {who} in the middle of everything"),
            Self::Flood => f.write_str("strangers call every node and send garbage without end"),
        }
    }
}

impl Claim {
    /// For a person, with the times of a chain with these parameters.
    pub fn words(&self, parameters: &Parameters) -> String {
        let ms = |limit: &Limit| format!("{} ms", limit.on(parameters).as_millis());
        match self {
            Self::PauseAtMost { of, limit, blocks } => {
                format!("{of}: no pause between blocks is longer than {}, over {blocks} blocks", ms(limit))
            }
            Self::NoBlock { during } => {
                format!("no block on any side for {} s, once what was on its way has arrived", during.as_secs_f32())
            }
            Self::BlockWithin { of, limit } => format!("{of}: a new block within {}", ms(limit)),
            Self::AtTheTip { who, limit } => format!("{who}: back at the tip within {}", ms(limit)),
            Self::VotesAgain { who, limit } => format!("{who}: sign a final block again within {}", ms(limit)),
            Self::ForgotNothing { who } => format!("{who}: come back with all that they had reported as final"),
            Self::AllConnected { limit } => format!("every node is connected with every other within {}", ms(limit)),
            Self::SaysWhySilent { who, words, limit } => {
                format!("{who}: say why they do not sign (\"{words}\") within {}", ms(limit))
            }
            Self::SignsNothing { who, during } => {
                format!("{who}: sign nothing for {} s", during.as_secs_f32())
            }
            Self::NoFailedRound { blocks, after } => {
                format!("of {blocks} blocks after the first {after}, none needs a second round")
            }
            Self::Validators { count, limit } => format!("{count} validators in the set within {}", ms(limit)),
            Self::CatchesUp { who, limit, eta_percent, others_lose_percent } => format!(
                "{who}: has everything within {}; the estimate at half of the way is wrong by at most {eta_percent} %; \
                 the others lose at most {others_lose_percent} % of their pace",
                ms(limit)
            ),
            Self::Barred { who, limit } => format!("{who}: barred for good within {}", ms(limit)),
            Self::SomebodyLogs { words, limit } => {
                format!("somebody's log says \"{}\" within {}", words.join("\" or \""), ms(limit))
            }
            Self::Logs { who, words, limit } => format!("the log of {who} says \"{words}\" within {}", ms(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heal::scenarios;

    #[test]
    fn a_dead_leader_costs_the_waits_of_the_protocol_and_nothing_else() {
        assert_eq!(leader_timeout(&Parameters::default()), Duration::from_millis(500));
        assert_eq!(timeouts(2).and_ms(150).on(&Parameters::default()), Duration::from_millis(1_150));
    }

    #[test]
    fn every_story_predicts_before_it_is_played_and_has_a_name_of_its_own() {
        let all = scenarios::all();
        for scenario in &all {
            let words = scenario.prediction(&Parameters::default());
            let (breaks, expects) = (count(&words, "break"), count(&words, "expect"));
            let does = count(&words, "do");
            assert!(breaks + does > 0 || scenario.wan.words().is_some(), "{}: nothing is broken", scenario.name);
            assert!(expects > 0, "{}: nothing is claimed", scenario.name);
            assert_eq!(all.iter().filter(|other| other.name == scenario.name).count(), 1, "{}", scenario.name);
        }
    }

    fn count(words: &[String], beginning: &str) -> usize {
        words.iter().filter(|line| line.starts_with(beginning)).count()
    }

    #[test]
    fn groups_of_a_partition_hold_all_nodes() {
        for scenario in scenarios::all() {
            for step in &scenario.steps {
                if let Step::Break(Fault::Partition(sizes)) = step {
                    assert_eq!(sizes.iter().sum::<usize>(), scenario.nodes, "{}", scenario.name);
                }
            }
        }
    }
}
