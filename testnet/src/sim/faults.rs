//! Faults until they stop: crashes at any moment and between any two effects, kills of all nodes in a step of a height,
//! cuts of the network, clocks that step, data that is lost.
//!
//! Always true: a crash takes the engine, its timers, its connections and whatever was not synced; messages that left
//! before may still arrive.
//! Start reading at [`World::crash`].

use super::counts::Met;
use super::node::Node;
use super::notes::Note;
use super::peers::{Packet, Parcel};
use super::scenario::{FaultPlan, Wipe, skew};
use super::step::Step;
use super::time::Micros;
use super::world::{Happening, World};
use blockchat_engine::journal::{GuardState, Lock};
use blockchat_proto::units::Height;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mischief {
    /// Some node crashes.
    Crash,
    /// The network is cut in two.
    Cut,
    /// It is whole again.
    Mend,
    /// The links of the last nodes break, or come back.
    Flap { down: bool },
    /// The clock of some node steps.
    ClockStep,
    /// Nodes crash and lose their data folders, as this plan says.
    Wipe(usize),
    /// This node goes away until the faults stop.
    Leave(usize),
    /// It comes back.
    Return(usize),
    /// This node crashes after so many more steps.
    Trap(usize, u64),
}

/// A peer notices that another one is gone within this.
const NOTICED: Micros = Micros::from_ms(1_500);
/// A crash that waits for a node springs after at most so many steps.
const TRAP_MAX: u64 = 24;
/// If no other node keeps the data, the loss is put off for this long.
const WIPED_LATER: Micros = Micros::from_ms(7);

impl World {
    pub(super) fn begin_faults(&mut self) {
        let faults = self.scenario.faults.clone();
        let due = [
            (Mischief::Crash, faults.crash_every),
            (Mischief::Cut, faults.cut_every),
            (Mischief::ClockStep, faults.clock_step_every),
        ];
        for (mischief, every) in due {
            self.again(mischief, every);
        }
        for (index, wipe) in faults.wipes.iter().enumerate() {
            self.push(wipe.at, Happening::Mischief(Mischief::Wipe(index)));
        }
        if let Some((_, every)) = faults.flaps {
            self.push(self.now.plus(every), Happening::Mischief(Mischief::Flap { down: true }));
        }
        for (node, at) in faults.absent {
            self.push(at, Happening::Mischief(Mischief::Leave(node)));
        }
        for (node, at, until) in faults.away {
            self.push(at, Happening::Mischief(Mischief::Leave(node)));
            self.push(until, Happening::Mischief(Mischief::Return(node)));
        }
        for (node, at, steps) in faults.traps {
            self.push(at, Happening::Mischief(Mischief::Trap(node, steps)));
        }
    }

    /// The next time, if there is one: evenly between at once and twice the average.
    fn again(&mut self, mischief: Mischief, every: Option<Micros>) {
        if let Some(every) = every {
            let at = self.now.plus(Micros(self.chance.faults.range(0..=2 * every.0)));
            self.push(at, Happening::Mischief(mischief));
        }
    }

    pub(super) fn mischief(&mut self, mischief: Mischief) {
        if self.healed {
            return;
        }
        let faults = self.scenario.faults.clone();
        match mischief {
            Mischief::Crash => {
                let node = self.chance.faults.index(self.nodes.len());
                if self.chance.faults.permille(500) {
                    self.crash(node);
                } else {
                    let steps = self.chance.faults.below(TRAP_MAX);
                    self.set_trap(node, steps);
                }
                self.again(mischief, faults.crash_every);
            }
            Mischief::Cut => {
                self.cut();
                let length = self.chance.faults.range(100_000..=faults.cut_max.0);
                self.push(self.now.plus(Micros(length)), Happening::Mischief(Mischief::Mend));
                self.again(mischief, faults.cut_every);
            }
            Mischief::Mend => self.mend(),
            Mischief::Flap { down } => self.flap(down, &faults),
            Mischief::ClockStep => {
                let node = self.chance.faults.index(self.nodes.len());
                self.nodes[node].skew_ms = skew(&mut self.chance.faults, 2_000);
                self.counts.met(Met::ClockSteps);
                self.again(mischief, faults.clock_step_every);
            }
            Mischief::Wipe(index) => self.wipe(index),
            Mischief::Trap(node, steps) => self.set_trap(node, steps),
            Mischief::Return(node) => {
                self.nodes[node].held_down = false;
                self.push(self.now, Happening::Start(node));
            }
            Mischief::Leave(node) => {
                self.crash(node);
                self.nodes[node].held_down = true;
            }
        }
    }

    fn set_trap(&mut self, node: usize, steps: u64) {
        if self.nodes[node].is_up() {
            self.nodes[node].trap = Some(steps);
        }
    }

    /// Nodes catch up seldom, and crash seldom: so that the two meet, some crash before, within or after a write of
    /// several blocks.
    pub(super) fn tempt(&mut self, node: usize, together: usize) {
        let may = together > 1 && !self.healed && self.scenario.faults.crash_every.is_some();
        if may && self.nodes[node].trap.is_none() && self.chance.catching_up.permille(200) {
            let steps = self.chance.catching_up.below(4);
            self.set_trap(node, steps);
        }
    }

    /// Two sides, each at least one node. Now and then connections break with it, otherwise messages just do not pass.
    fn cut(&mut self) {
        let mut sides: Vec<_> = self.nodes.iter().map(|_| self.chance.faults.permille(500)).collect();
        let alone = self.chance.faults.index(sides.len());
        sides[alone] = !sides[(alone + 1) % sides.len()];
        self.network.cut(Some(sides));
        self.counts.met(Met::Partitions);
        if self.chance.faults.permille(500) {
            self.break_links();
        }
    }

    fn mend(&mut self) {
        self.network.cut(None);
        self.connect_all();
    }

    /// The links of the last nodes break, or come back, and the other way round after the same time.
    fn flap(&mut self, down: bool, faults: &FaultPlan) {
        let Some((last, every)) = faults.flaps else { return };
        if down {
            let steady = self.nodes.len().saturating_sub(last);
            self.network.cut(Some((0..self.nodes.len()).map(|node| node >= steady).collect()));
            self.counts.met(Met::Partitions);
            self.break_links();
        } else {
            self.mend();
        }
        self.push(self.now.plus(every), Happening::Mischief(Mischief::Flap { down: !down }));
    }

    /// Connections across the cut are gone on both sides.
    fn break_links(&mut self) {
        for a in 0..self.nodes.len() {
            for b in 0..self.nodes.len() {
                if !self.network.joins(a, b) {
                    self.lose_peer(a, b);
                }
            }
        }
    }

    /// `node` will notice that `peer` is gone; nothing is sent to it any more.
    fn lose_peer(&mut self, node: usize, peer: usize) {
        let life = self.nodes[node].life;
        let Some(lost) = self.nodes[node].engine.as_mut().and_then(|running| running.peers.remove(&peer)) else {
            return;
        };
        let noticed = self.now.plus(Micros(self.chance.faults.range(0..=NOTICED.0)));
        let parcel = Parcel { to: node, life, tag: lost.tag, packet: Packet::Gone };
        self.push(noticed, Happening::Arrive(Box::new(parcel)));
    }

    /// A node loses power, and comes back later.
    pub(super) fn crash(&mut self, node: usize) {
        if self.nodes[node].engine.take().is_none() {
            return;
        }
        self.nodes[node].trap = None;
        self.counts.met(Met::Crashes);
        self.note(node, Note { what: "CRASHES", ..Note::default() });
        let losses = self.nodes[node].disk.crash(&mut self.chance.disks);
        self.counts.add(Met::EntriesLost, u64::try_from(losses.entries).expect("few"));
        for other in 0..self.nodes.len() {
            self.lose_peer(other, node);
        }
        let down = self.chance.faults.range(10_000..=self.scenario.faults.down_max.0.max(10_000));
        self.push(self.now.plus(Micros(down)), Happening::Start(node));
        self.moved = true;
    }

    fn wipe(&mut self, index: usize) {
        let Wipe { nodes, when_kept, when_locked, .. } = self.scenario.faults.wipes[index].clone();
        let early = when_locked && !nodes.iter().any(|node| self.is_locked(*node));
        if early || (when_kept && !self.is_kept_without(&nodes)) {
            self.push(self.now.plus(WIPED_LATER), Happening::Mischief(Mischief::Wipe(index)));
        } else {
            self.wipe_all(&nodes);
        }
    }

    fn wipe_all(&mut self, nodes: &[usize]) {
        if nodes.len() > 1 {
            self.counts.met(Met::WipedTogether);
        }
        nodes.iter().for_each(|node| self.lose_data(*node));
    }

    /// If these lost their data: would another honest one still have every final block, and a lock from no earlier
    /// round than any other, with its block and the votes that prove it? Those were proposed again in the end.
    fn is_kept_without(&self, wiped: &[usize]) -> bool {
        let keeps = |(index, node): &(usize, &Node)| node.is_honest() && !wiped.contains(index);
        let keepers: Vec<_> = self.nodes.iter().enumerate().filter(keeps).map(|(_, node)| &node.disk).collect();
        let tip = keepers.iter().map(|disk| disk.tip().height).max().unwrap_or_default();
        let guards = self.nodes.iter().filter(|node| node.is_honest()).filter_map(|node| node.disk.guard());
        guards.filter(|guard| guard.mark.height > tip).all(|guard| {
            let kept = keepers.iter().filter_map(|disk| disk.lock_round(guard.mark.height)).max();
            guard.mark.height == tip.next()
                && match guard.lock {
                    Lock::None => true,
                    Lock::On { round, .. } => kept >= Some(round),
                    Lock::Unknown => false,
                }
        })
    }

    /// Is it locked in an undecided height?
    fn is_locked(&self, node: usize) -> bool {
        let tip = self.best_tip();
        let locked = |guard: GuardState| guard.mark.height > tip && guard.lock != Lock::None;
        self.nodes[node].disk.guard().is_some_and(locked)
    }

    /// The data folder is lost; key and guard are kept. Such a node is not steady yet: it soon crashes once more.
    fn lose_data(&mut self, node: usize) {
        self.crash(node);
        let again = self.now.plus(Micros(self.chance.faults.range(100_000..=self.scenario.faults.down_max.0 * 2)));
        let steps = self.chance.faults.below(4 * TRAP_MAX);
        self.push(again, Happening::Mischief(Mischief::Trap(node, steps)));
        self.nodes[node].disk.wipe();
        self.checker.wiped(node);
        self.counts.met(Met::Wiped);
        if self.is_locked(node) {
            self.counts.met(Met::WipedLocked);
        }
        self.note(node, Note { what: "DATA LOST", ..Note::default() });
    }

    /// Is it time for the crash that waits for this node?
    pub(super) fn springs(&mut self, node: usize) -> bool {
        match self.nodes[node].trap {
            None => false,
            Some(0) => {
                self.counts.met(Met::CrashesBetweenEffects);
                self.crash(node);
                true
            }
            Some(steps) => {
                self.nodes[node].trap = Some(steps - 1);
                false
            }
        }
    }

    /// A step of a height has just happened: all nodes may be killed right now.
    pub(super) fn after(&mut self, node: usize, step: Step, height: Height) {
        let waits = |kill: &super::scenario::KillAll| kill.step == step && kill.height <= height;
        let Some(index) = self.kill_alls.iter().position(waits) else {
            return;
        };
        self.kill_alls[index].nth -= 1;
        if self.kill_alls[index].nth == 0 {
            let wiped = self.kill_alls.remove(index).wiped;
            self.counts.met(Met::KillAlls);
            self.note(node, Note { what: "ALL KILLED", height: height.0, ..Note::default() });
            (0..self.nodes.len()).for_each(|node| self.crash(node));
            if !wiped.is_empty() && self.is_kept_without(wiped) {
                self.wipe_all(wiped);
            }
        }
    }
}
