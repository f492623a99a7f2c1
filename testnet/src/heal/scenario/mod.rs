//! The language of scenarios: a list of steps that reads like a story. Data only; `stage` runs it.
//!
//! Start reading at [`Scenario`]; examples are in [`super::scenarios`]. Faults are in `fault`, claims in `claim`,
//! times in `limit`.

mod claim;
mod fault;
mod limit;

pub use claim::Claim;
pub use fault::{Deed, InjectedFault, Who};
pub use limit::{Limit, leader_timeout, seconds, timeouts};

use crate::links::shape::Wan;
use blockchat_proto::genesis::Parameters;
use std::time::Duration;

/// A story: faults, and claims about them.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its subject, in a sentence or two.
    pub about: &'static str,
    /// Number of validators.
    pub nodes: usize,
    /// Number of spare nodes: with coins, without stake, not started at first.
    pub spares: usize,
    /// Number of nodes that send, counted from the first; the coins of the others are for the story.
    pub senders: Option<usize>,
    /// Requirements on this machine.
    pub needs: Vec<Need>,
    /// Does it work with another number of nodes?
    pub any_number: bool,
    /// Connections between nodes.
    pub wiring: Wiring,
    /// Quality of every link from the beginning.
    pub wan: Wan,
    /// The load.
    pub load: Load,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A requirement of a story beyond processes and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// An adjustable clock for each node.
    Clocks,
    /// A separate disk for this node.
    SmallDisk(usize),
    /// A separate host for each node.
    Hosts,
    /// A disk that can be slowed down for single processes.
    SlowDisk,
    /// Low priority for this node.
    LowPriority(usize),
}

/// Connections between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wiring {
    /// Only through links of this program.
    Links,
    /// Directly, by their own discovery.
    Direct,
    /// Directly, each on its own host, all on one switch; nodes are given no address.
    Hosts,
}

/// A light load: each node sends messages at a fixed interval.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Interval between messages of one node.
    pub every: Duration,
    /// Length of a message, in characters.
    pub characters: usize,
}

/// One step of a story.
#[derive(Clone, Debug)]
pub enum Step {
    /// Apply this fault, and prove that it took hold.
    Break(InjectedFault),
    /// Heal all faults.
    Heal,
    /// Act as an operator would.
    Do(Deed),
    /// This must hold, or become true in time.
    Expect(Claim),
}

impl Scenario {
    /// An empty story: five nodes, perfect links, 50 messages per second. Without one of the senders,
    /// the next message still arrives within the block interval, so that no height waits for transactions.
    pub fn named(name: &'static str, about: &'static str) -> Self {
        let load = Load { every: Duration::from_millis(100), characters: 12 };
        let (wiring, wan, steps) = (Wiring::Links, Wan::default(), vec![]);
        let (nodes, spares, senders, needs, any_number) = (5, 0, None, vec![], false);
        Self { name, about, nodes, spares, senders, needs, any_number, wiring, wan, load, steps }
    }

    /// Sets the number of validators.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes, ..self }
    }

    /// Sets the number of spares, with coins and without stake.
    #[must_use]
    pub fn spares(self, spares: usize) -> Self {
        Self { spares, ..self }
    }

    /// Limits the senders to the first nodes.
    #[must_use]
    pub fn senders(self, senders: usize) -> Self {
        Self { senders: Some(senders), ..self }
    }

    /// Adds a requirement.
    #[must_use]
    pub fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// Allows other numbers of nodes.
    #[must_use]
    pub fn with_any_number_of_nodes(self) -> Self {
        Self { any_number: true, ..self }
    }

    /// Lets nodes find and dial each other by themselves.
    #[must_use]
    pub fn without_links(self) -> Self {
        Self { wiring: Wiring::Direct, ..self }
    }

    /// Puts each node on its own host, on one switch, without any given address.
    #[must_use]
    pub fn on_hosts(self) -> Self {
        Self { wiring: Wiring::Hosts, ..self }.needs(Need::Hosts)
    }

    /// Sets the quality of all links.
    #[must_use]
    pub fn over(self, wan: Wan) -> Self {
        Self { wan, ..self }
    }

    /// Sets length and interval of the messages of each node.
    #[must_use]
    pub fn load(self, every_ms: u64, characters: usize) -> Self {
        Self { load: Load { every: Duration::from_millis(every_ms), characters }, ..self }
    }

    /// Adds a fault.
    #[must_use]
    pub fn breaks(self, fault: InjectedFault) -> Self {
        self.then(Step::Break(fault))
    }

    /// Adds a heal of all faults.
    #[must_use]
    pub fn heals(self) -> Self {
        self.then(Step::Heal)
    }

    /// Adds an act of an operator.
    #[must_use]
    pub fn then_do(self, deed: Deed) -> Self {
        self.then(Step::Do(deed))
    }

    /// Adds a claim.
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
    /// The step as text for people.
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
