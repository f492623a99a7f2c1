//! Faults of `up`: `kill -9` of the leader, or of all nodes at once, during the load.
//!
//! Owns: the time of the kill, the victims, their restart, and the check that they return with all they had reported.
//! Killing and starting belong to the supervisor, as in `heal`.

use crate::load::sender::SharedBoard;
use crate::network::Network;
use crate::processes::supervise::{Order, RESTART_AFTER};
use crate::screen::Screen;
use crate::witness::SharedWitness;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Height;
use serde::Serialize;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Interval between checks of a returning node.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A part of the workload, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Fraction(f64);

impl FromStr for Fraction {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(value) if (0.0..=1.0).contains(&value) => Ok(Self(value)),
            _ => Err("a fraction of the lines is a number from 0 to 1, such as 0.5".into()),
        }
    }
}

/// The nodes to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The node that leads at that moment.
    Leader,
    /// All nodes.
    All,
}

/// One planned kill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kill {
    /// The nodes.
    pub target: Target,
    /// The settled part of the lines at which it happens.
    pub at: Fraction,
}

/// A kill and its recovery.
#[derive(Clone, Debug, Serialize)]
pub struct FaultReport {
    /// The planned victims.
    pub target: Target,
    /// The killed nodes.
    pub names: Vec<String>,
    /// The tip at the time of the kill.
    pub height: Height,
    /// Time until all of them were back at the tip, in seconds.
    pub back_after_s: f64,
    /// Blocks that they had reported as final and did not know after their return.
    pub lost: Vec<String>,
}

/// The surroundings of a fault.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// The nodes.
    pub network: &'a Network,
    /// Progress of the load.
    pub board: SharedBoard,
    /// Blocks reported as final.
    pub witness: SharedWitness,
    /// Output for people.
    pub screen: Screen,
}

impl Scene<'_> {
    /// Performs the faults one after the other, in the order of their fractions. Waits as long as it takes.
    pub async fn perform(&self, mut faults: Vec<Kill>) -> Vec<FaultReport> {
        faults.sort_by(|a, b| a.at.partial_cmp(&b.at).expect("a fraction is a number"));
        let mut reports = vec![];
        for fault in faults {
            self.reached(fault.at).await;
            reports.push(self.perform_one(fault.target).await);
        }
        reports
    }

    async fn reached(&self, at: Fraction) {
        let mut changes = self.board.changes();
        loop {
            changes.mark_unchanged();
            let far_enough = self.board.with(|board| {
                let counts = board.counts();
                counts.settled() as f64 >= at.0 * counts.lines as f64
            });
            if far_enough || changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn perform_one(&self, target: Target) -> FaultReport {
        let (victims, height) = self.choose(target).await;
        let names: Vec<_> = victims.iter().map(|node| self.network.name_of(*node)).collect();
        let before: Vec<_> = victims.iter().map(|node| Victim::of(self, *node)).collect();
        let begun = Instant::now();
        self.order(&victims, Order::KillAndHold);
        self.screen.note(&match target {
            Target::Leader => format!("killed {} with -9: it leads after height {height}", names.join(", ")),
            Target::All => format!("killed all of {} with -9 at once, at height {height}", names.join(", ")),
        });
        sleep(RESTART_AFTER).await;
        self.order(&victims, Order::Start);
        let mut lost = vec![];
        for victim in before {
            lost.extend(self.came_back(victim).await);
        }
        let back_after_s = begun.elapsed().as_secs_f64();
        self.screen.note(&format!("{} back at the tip after {back_after_s:.1} s", names.join(", ")));
        FaultReport { target, names, height, back_after_s, lost }
    }

    fn order(&self, nodes: &[usize], order: Order) {
        nodes.iter().for_each(|node| self.network.nodes[*node].order(order));
    }

    /// The victims, and the highest tip. All nodes are asked at once, and their reports are recorded.
    async fn choose(&self, target: Target) -> (Vec<usize>, Height) {
        loop {
            let statuses = self.network.statuses().await;
            let told = statuses.iter().enumerate().filter_map(|(node, status)| Some((node, status.as_ref()?)));
            told.clone().for_each(|(node, status)| {
                self.witness.with(|witness| witness.saw(node, status.height, status.tip));
            });
            let Some((_, best)) = told.max_by_key(|(_, status)| (status.height, status.round)) else {
                sleep(LOOK_EVERY).await;
                continue;
            };
            match (target, self.network.leader(&statuses)) {
                (Target::All, _) => return ((0..self.network.nodes.len()).collect(), best.height),
                (Target::Leader, Some(leader)) => return (vec![leader], best.height),
                (Target::Leader, None) => sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Waits until it runs again and is at the tip. Its first report must cover everything that it reported before.
    async fn came_back(&self, victim: Victim) -> Option<String> {
        let Victim { node, generation, reported } = victim;
        let mut watched = self.network.nodes[node].watched.clone();
        let mut first_word = None;
        loop {
            if watched.generation() > generation
                && let Some(client) = watched.client()
                && let Ok(status) = client.status().await
            {
                first_word.get_or_insert(status.height);
                let tip = self.witness.with(|witness| witness.highest_of_all());
                if status.height >= tip {
                    break;
                }
                sleep(LOOK_EVERY).await;
            } else if watched.state.changed().await.is_err() {
                break;
            }
        }
        let (height, _) = reported?;
        match first_word {
            Some(first) if first >= height => None,
            Some(first) => {
                let name = self.network.name_of(node);
                Some(format!("{name} had reported height {height} as final and came back with {first}"))
            }
            None => Some(format!("{} never came back", self.network.name_of(node))),
        }
    }
}

/// A node that is about to be killed.
struct Victim {
    node: usize,
    generation: Option<u32>,
    reported: Option<(Height, Hash32)>,
}

impl Victim {
    fn of(scene: &Scene<'_>, node: usize) -> Self {
        let generation = scene.network.nodes[node].watched.generation();
        Self { node, generation, reported: scene.witness.with(|witness| witness.highest(node)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_between_0_and_1() {
        assert_eq!("0.5".parse(), Ok(Fraction(0.5)));
        assert_eq!("1".parse(), Ok(Fraction(1.0)));
        for wrong in ["1.5", "-0.1", "half", "NaN", ""] {
            assert!(wrong.parse::<Fraction>().is_err(), "{wrong}");
        }
    }
}
