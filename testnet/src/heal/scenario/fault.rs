//! Faults, the nodes they strike, and acts of an operator: the words of a story and their meaning.

use std::fmt;
use std::time::Duration;

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
    /// All nodes.
    All,
}

/// A fault.
#[derive(Clone, Debug)]
pub enum InjectedFault {
    /// `kill -9`; they stay away until they are healed.
    Kill(Who),
    /// Stopped in order; they stay away until they are healed.
    Stop(Who),
    /// Killed, and their data removed: the chain, the journal, the book. Keys and guard stay.
    WipeData(Who),
    /// Killed, and data and guard removed. Keys stay.
    WipeDataAndGuard(Who),
    /// Nothing passes between groups of these sizes; no node is told, sockets stay.
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
    /// Stopped in order; they come back on other ports, told no address.
    Move(Who),
    /// The cables of the last so many hosts are pulled.
    Unplug(usize),
    /// The last host gets another address; no process is told.
    Renumber,
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

/// An act of an operator.
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
