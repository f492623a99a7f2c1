//! One simulated node: the engine that ships, its disk, its clock, and whom it is connected to.
//!
//! Owns: what belongs to one node. Does not own: what happens to it (`world`, `perform`, `peers`, `faults`).
//! Always true: without power it has no engine, no timers and no connections; its disk stays.

use super::byzantine::{Crime, Misbehaviour, ahead};
use super::disk::Disk;
use super::scenario::{BEGIN, NodePlan};
use super::time::Micros;
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{PeerTag, Timer};
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::sync::{STATUS_VERSION, Status};
use blockchat_proto::units::{Height, RulesVersion, UnixMillis};
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug)]
pub(super) struct Node {
    /// Its voting key.
    pub(super) signer: Option<Signer>,
    /// Absent on the honest.
    pub(super) crime: Option<Box<dyn Misbehaviour>>,
    /// The error of its clock, in ms.
    pub(super) skew_ms: i64,
    /// How far its program knows the rules.
    pub(super) knows: RulesVersion,
    /// Absent while it is down.
    pub(super) engine: Option<Running>,
    /// Survives.
    pub(super) disk: Disk,
    /// The number of its starts: a message for an earlier life does not arrive in a later one.
    pub(super) life: u64,
    /// Set off after so many more steps: it crashes between two of them.
    pub(super) trap: Option<u64>,
    /// It stays down, whatever happens, until the faults stop.
    pub(super) held_down: bool,
    next_tag: u64,
}

/// State of a running node.
pub(super) struct Running {
    /// The engine.
    pub(super) engine: Engine,
    /// The event of each running timer.
    pub(super) timers: BTreeMap<Timer, u64>,
    /// All open connections: peers by the tag under which the engine knows them.
    pub(super) links: BTreeMap<PeerTag, usize>,
    /// The newest connection to each peer.
    pub(super) peers: BTreeMap<usize, Peer>,
    /// Peers that were told something just now will be told more soon.
    pub(super) tells_soon: bool,
}

/// A connected peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Under which the engine knows it.
    pub(super) tag: PeerTag,
    /// The height of its last status.
    pub(super) said: Option<Height>,
    /// When we told it last, and which height.
    pub(super) told: Option<(Micros, Height)>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("links", &self.links).finish_non_exhaustive()
    }
}

impl Node {
    /// Not started yet.
    pub(super) fn new(plan: &NodePlan, disk: Disk) -> Self {
        Self {
            signer: plan.signer.clone(),
            crime: plan.crime.map(Crime::misbehaviour),
            skew_ms: plan.skew_ms,
            knows: plan.knows,
            engine: None,
            disk,
            life: 0,
            trap: None,
            held_down: false,
            next_tag: 0,
        }
    }

    /// Does it keep to the rules?
    pub(super) fn is_honest(&self) -> bool {
        self.crime.is_none()
    }

    /// Is it up?
    pub(super) fn is_up(&self) -> bool {
        self.engine.is_some()
    }

    /// Its voting address.
    pub(super) fn address(&self) -> Option<Address> {
        self.signer.as_ref().map(Signer::address)
    }

    /// The time by its clock.
    pub(super) fn clock(&self, now: Micros) -> UnixMillis {
        let right = BEGIN.plus(now.as_ms());
        ahead(UnixMillis(right.0.saturating_add_signed(self.skew_ms)), self.crime.as_deref())
    }

    /// A number for a new connection; never used again.
    pub(super) fn new_tag(&mut self) -> PeerTag {
        self.next_tag += 1;
        PeerTag(self.next_tag)
    }

    /// How far it is, as it would tell a peer if it were honest.
    pub(super) fn status(&self, now: Micros) -> Status {
        let tip = self.disk.tip();
        Status {
            version: STATUS_VERSION,
            chain: self.disk.chain(),
            height: tip.height,
            hash: tip.hash,
            earliest: Height(1),
            time: self.clock(now),
        }
    }
}
