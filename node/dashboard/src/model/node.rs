//! One node: where it is, whether it answers, and what it said when.

use crate::pace::Asked;
use blockchat_client::shapes::{ConsensusView, LogLineView, NodeView, PeerView, Phase, StatusView};
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use std::collections::VecDeque;

/// Heights kept to tell how fast a node catches up.
const CLIMB_MAX: usize = 30;
/// How fast it climbs is told from what came within this time.
const CLIMB_WITHIN_MS: u64 = 15_000;
/// A value that is older than this is not shown as how things are.
pub(crate) const FRESH_MS: u64 = 12_000;

/// Something with the moment at which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard<T> {
    /// By our clock.
    pub(crate) at: UnixMillis,
    /// The line.
    pub(crate) value: T,
}

/// Does it answer?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It was not asked yet, or the first answer is due.
    Unknown,
    /// It does.
    Up {
        /// Since when, as far as we know.
        since: UnixMillis,
    },
    /// It does not.
    Down {
        /// Since when: the last answer, or when we began to ask.
        since: UnixMillis,
        /// Did it ever answer?
        ever: bool,
        /// In a few words.
        why: String,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its name for people.
    pub(crate) name: String,
    /// The address of its API, if known.
    pub(crate) url: Option<String>,
    /// The validator that it is said to be, before it answers.
    pub(crate) told_validator: Option<Address>,
    /// Grows when it is somewhere else: answers from before count no more.
    pub(crate) generation: u32,
    /// When it was first watched.
    pub(crate) watched: UnixMillis,
    /// Does it answer?
    pub(crate) link: Link,
    /// The last sign of life.
    pub(crate) last_heard: Option<UnixMillis>,
    /// Its status.
    pub(crate) status: Option<Heard<StatusView>>,
    /// Its connected peers.
    pub(crate) peers: Option<Heard<Vec<PeerView>>>,
    /// How it decides; absent of an older version.
    pub(crate) consensus: Option<Heard<ConsensusView>>,
    /// Its process; absent of an older version.
    pub(crate) process: Option<Heard<NodeView>>,
    /// The last lines of its log, oldest first, while the panel is open.
    pub(crate) log: Vec<LogLineView>,
    /// Processor time over the last two answers, in tenths of a percent of one core.
    pub(crate) cpu_permille: Option<u64>,
    /// Bytes a second from and to peers over the last two answers.
    pub(crate) traffic: Option<(u64, u64)>,
    /// When a new final block of it was heard last: by its event, or as the status moved.
    pub(crate) moved: Option<UnixMillis>,
    /// Heights that it was at.
    pub(crate) climb: VecDeque<(UnixMillis, u64)>,
    /// When it began to catch up, and whether it is at the tip again.
    pub(crate) behind_since: Option<UnixMillis>,
    /// Pending requests, and those that it does not offer.
    pub(crate) asked: Asked,
}

impl Node {
    /// A node that was just named.
    pub(crate) fn new(name: String, now: UnixMillis) -> Self {
        Self {
            name,
            url: None,
            told_validator: None,
            generation: 0,
            watched: now,
            link: Link::Unknown,
            last_heard: None,
            status: None,
            peers: None,
            consensus: None,
            process: None,
            log: vec![],
            cpu_permille: None,
            traffic: None,
            moved: None,
            climb: VecDeque::new(),
            behind_since: None,
            asked: Asked::default(),
        }
    }

    /// Does it answer?
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Is it known not to answer?
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down { .. })
    }

    /// Its status, if it answers.
    pub(crate) fn live(&self) -> Option<&StatusView> {
        self.is_up().then_some(self.status.as_ref()?).map(|heard| &heard.value)
    }

    /// Its view of the height being decided, if it answers and told of late.
    pub(crate) fn live_consensus(&self, now: UnixMillis) -> Option<&ConsensusView> {
        let heard = self.consensus.as_ref().filter(|heard| self.is_up() && now.since(heard.at) < 2 * FRESH_MS)?;
        Some(&heard.value)
    }

    /// The account that it votes with.
    pub(crate) fn validator(&self) -> Option<Address> {
        self.status.as_ref().and_then(|heard| heard.value.validator).or(self.told_validator)
    }

    /// The last final height that it told of.
    pub(crate) fn height(&self) -> Option<u64> {
        self.status.as_ref().map(|heard| heard.value.height.0)
    }

    /// Does it say that it catches up?
    pub(crate) fn target(&self) -> Option<Height> {
        match self.live()?.phase {
            Phase::CatchingUp { target } => Some(target),
            _ => None,
        }
    }

    /// Remembers a height, to tell how fast it climbs.
    pub(crate) fn climbed(&mut self, now: UnixMillis, height: u64) {
        if self.climb.back().is_some_and(|(_, last)| *last > height) {
            // Its data was removed: it begins anew.
            self.climb.clear();
        }
        if self.climb.back().is_none_or(|(_, last)| *last < height) {
            self.moved = Some(now);
        }
        self.climb.push_back((now, height));
        while self.climb.len() > CLIMB_MAX
            || self.climb.front().is_some_and(|(at, _)| self.climb.len() > 2 && now.since(*at) > CLIMB_WITHIN_MS)
        {
            self.climb.pop_front();
        }
    }

    /// Blocks that it gains, a thousand seconds: 0 if it stands still or that is not known.
    pub(crate) fn blocks_per_ks(&self) -> u64 {
        let (Some((from, low)), Some((to, high))) = (self.climb.front(), self.climb.back()) else { return 0 };
        high.saturating_sub(*low).saturating_mul(1_000_000) / to.since(*from).max(1)
    }
}
