//! The language of scenarios: a list of steps that reads like a story. Data only; `stage` plays it.
//!
//! Start reading at [`Scenario`]; examples are in [`super::scenarios`]. `fault` has what is broken, `claim` what must hold,
//! `limit` the times.

mod claim;
mod fault;
mod limit;

pub use claim::Claim;
pub use fault::{Deed, InjectedFault, Who};
pub use limit::{Limit, leader_timeout, seconds, timeouts};

use crate::links::shape::Wan;
use blockchat_proto::genesis::Parameters;
use std::time::Duration;

/// A story: what is broken, and what is claimed about it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// As on the command line.
    pub name: &'static str,
    /// Its subject, in a sentence or two.
    pub about: &'static str,
    /// Validators.
    pub nodes: usize,
    /// More nodes with coins and without a stake, which are not started at first.
    pub spares: usize,
    /// Only the first so many nodes send; the others' coins are for the story.
    pub senders: Option<usize>,
    /// Its needs of this machine.
    pub needs: Vec<Need>,
    /// Can it be played with another number of nodes?
    pub any_number: bool,
    /// How nodes reach each other.
    pub wiring: Wiring,
    /// Every link, from the beginning.
    pub wan: Wan,
    /// The load.
    pub load: Load,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A need of a story beyond processes and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A clock for each node that we can set.
    Clocks,
    /// A disk of its own for this node.
    SmallDisk(usize),
    /// A host of its own for each node.
    Hosts,
    /// A disk that can be slowed for single processes.
    SlowDisk,
    /// This node takes only the processor time that the others leave.
    LowPriority(usize),
}

/// How nodes reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Through links of ours only.
    Links,
    /// By themselves.
    Direct,
    /// By themselves, each on a host of its own, all on one switch; no node is told an address.
    Hosts,
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
    Break(InjectedFault),
    /// Undo all that is broken.
    Heal,
    /// Do what an operator would.
    Do(Deed),
    /// This must hold, or come true in time.
    Expect(Claim),
}

impl Scenario {
    /// A story with nothing in it yet: five nodes, perfect links, 50 messages a second: with one sender gone
    /// the next message still comes before the block interval is over, so that no height waits for transactions.
    pub fn named(name: &'static str, about: &'static str) -> Self {
        let load = Load { every: Duration::from_millis(100), characters: 12 };
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

    /// Each node has a host of its own, on one switch, and is told no address.
    #[must_use]
    pub fn on_hosts(self) -> Self {
        Self { wiring: Wiring::Hosts, ..self }.needs(Need::Hosts)
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
    pub fn breaks(self, fault: InjectedFault) -> Self {
        self.then(Step::Break(fault))
    }

    /// All that is broken is undone.
    #[must_use]
    pub fn heals(self) -> Self {
        self.then(Step::Heal)
    }

    /// An operator does this.
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

    /// The prediction, one line per step.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heal::scenarios;

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
                if let Step::Break(InjectedFault::Partition(sizes)) = step {
                    assert_eq!(sizes.iter().sum::<usize>(), scenario.nodes, "{}", scenario.name);
                }
            }
        }
    }
}
