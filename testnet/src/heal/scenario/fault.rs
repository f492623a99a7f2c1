//! Faults, the nodes they strike, and acts of an operator.

use std::fmt;
use std::time::Duration;

/// A choice of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The leader of the current height.
    Leader,
    /// These nodes, by index.
    Nodes(&'static [usize]),
    /// This number of nodes, counted from the last.
    Last(usize),
    /// The nodes struck by the latest fault.
    Struck,
    /// All other nodes.
    Others,
    /// All nodes.
    All,
}

/// A fault.
#[derive(Clone, Debug)]
pub enum InjectedFault {
    /// `kill -9`; the nodes stay away until the heal.
    Kill(Who),
    /// Normal shutdown; the nodes stay away until the heal.
    Stop(Who),
    /// Kill, then delete the data: chain, journal, peer book. Keys and guard stay.
    WipeData(Who),
    /// Kill, then delete data and guard. Keys stay.
    WipeDataAndGuard(Who),
    /// Nothing passes between groups of these sizes; sockets stay open.
    Partition(&'static [usize]),
    /// Nothing passes from the last nodes to the others; the other direction works.
    Mute(usize),
    /// Connections between the last nodes and the others die silently; new ones work.
    HalfOpen(usize),
    /// Links between the last nodes and the others close, and open again, repeatedly.
    Flap {
        /// Number of nodes, counted from the last.
        last: usize,
        /// Duration of each closed and each open phase.
        every: Duration,
        /// Number of repetitions.
        times: u32,
    },
    /// Normal shutdown; the nodes return on other ports, without a given address.
    Move(Who),
    /// Unplugs the cables of the last hosts.
    Unplug(usize),
    /// Gives the last host another address; no process is told.
    Renumber,
    /// Sets the clocks of these nodes ahead of this machine's clock, or behind it, by seconds.
    Clocks(&'static [(usize, i64)]),
    /// Fills the separate disk of a node to the last byte.
    FillDisk(usize),
    /// Limits this node to a few writes per second.
    SlowDisk(usize),
    /// Starts the first spare with the validator key of this node, so that their signatures contradict each other.
    Twin(usize),
    /// Freezes processes at any point; the heal lets them continue.
    Freeze(Who),
    /// Strangers connect to every node and send garbage until the heal.
    Flood,
}

/// An act of an operator.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// `blockchat-node guard reset --api` with another node of the chain, then a restart of the node.
    GuardReset(Who),
    /// Start these spares.
    Start(Who),
    /// `blockchat-node stake` by each of these nodes, in BCC.
    Stake(Who, u64),
    /// Waits until the chain has this number of blocks.
    AwaitBlocks(u64),
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

impl fmt::Display for InjectedFault {
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
            Self::Unplug(count) => write!(f, "pull the cables of {}", Who::Last(*count)),
            Self::Renumber => f.write_str("the host of the last node gets another address; its processes are not told"),
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
