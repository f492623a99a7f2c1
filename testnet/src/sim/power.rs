//! A node comes to life: it reads its disk, starts the engine, and gets its timers.
//!
//! Always true: whatever a node knows when it starts, it has from its disk.

use super::counts::Met;
use super::invariants::Violation;
use super::sabotage::Sabotage;
use super::scenario::Copied;
use super::time::Micros;
use super::world::World;
use blockchat_engine::config::EngineConfig;
use blockchat_engine::engine::Engine;
use blockchat_engine::event::{Event, Timer};
use blockchat_engine::journal::GuardState;
use blockchat_engine::recovered::{Recovered, RecoveredValidator};
use blockchat_proto::units::Height;

/// The engine's own choices, but for waits that would only make runs longer, and for writes of so few transactions that
/// an answer takes several.
fn config() -> EngineConfig {
    EngineConfig { shelf_ms: 4_000, repeat_max_ms: 8_000, together_transactions_max: 32, ..EngineConfig::default() }
}

/// So many heights from now on a second node signs nothing, and is taken to be the only one.
const LONG_STOPPED: u64 = 20;

impl World {
    /// A timer runs out, unless it was stopped or set anew since.
    pub(super) fn timer(&mut self, node: usize, life: u64, timer: Timer, number: u64) {
        if !self.is_alive(node, life) {
            return;
        }
        let running = self.nodes[node].engine.as_mut().expect("it is up");
        if running.timers.get(&timer) == Some(&number) {
            running.timers.remove(&timer);
            self.deliver(node, Event::TimerElapsed(timer));
        }
    }

    /// A node gets power: it reads its disk, starts its engine, and looks for peers.
    pub(super) fn start(&mut self, node: usize) {
        if self.nodes[node].is_up() || self.nodes[node].held_down {
            return;
        }
        self.copy_home(node);
        let ledger = match self.nodes[node].disk.ledger() {
            Ok(ledger) => ledger.knowing(self.nodes[node].knows),
            Err(damage) => return self.fail(Violation::Damaged { node, reason: damage.to_string() }),
        };
        self.count_start(node);
        let now = self.nodes[node].clock(self.now);
        let trusted = self.trusted_guard(node);
        let this = &mut self.nodes[node];
        this.life += 1;
        let disk = &this.disk;
        let guard = trusted.or_else(|| disk.guard());
        let validator = this.signer.clone().map(|signer| RecoveredValidator { signer, guard });
        let recovered = Recovered {
            ledger,
            tip_certificate: disk.tip_certificate(),
            journal: disk.journal(),
            own: disk.own().to_vec(),
            evidence: disk.evidence().to_vec(),
            validator,
        };
        match Engine::new(config(), recovered, now) {
            Ok((engine, effects)) => self.switch_on(node, engine, effects),
            Err(fault) if self.nodes[node].is_honest() => {
                self.fail(Violation::Halted { node, fault: fault.to_string() });
            }
            Err(_) => {}
        }
    }

    /// Before its first start.
    fn copy_home(&mut self, node: usize) {
        if self.nodes[node].life > 0 {
            return;
        }
        match self.scenario.nodes[node].copies {
            Some(Copied::Guard(from)) => {
                let guard = self.nodes[from].disk.guard().expect("only validators are copied");
                self.nodes[node].disk.raise_guard(guard);
            }
            Some(Copied::Home(from)) => self.nodes[node].disk = self.nodes[from].disk.clone(),
            None => {}
        }
    }

    /// The guard that an operator writes for a second node, in the belief that the first one has long stopped.
    fn trusted_guard(&self, node: usize) -> Option<GuardState> {
        let late = self.nodes[node].life == 0 && self.now > Micros(0);
        let deaf = self.scenario.sabotage == Sabotage::DeafToOwnKey;
        (late && deaf).then(|| GuardState::end_of(Height(self.best_tip().0 + LONG_STOPPED)))
    }

    fn count_start(&mut self, node: usize) {
        let this = &self.nodes[node];
        let (first, honest) = (this.life == 0, this.is_honest());
        let disk = &this.disk;
        let met = [
            (Met::Leftovers, disk.has_leftovers()),
            (Met::GuardBehind, this.signer.is_some() && disk.journal_is_ahead_of_guard()),
            (Met::Replays, disk.is_under_way()),
            (Met::LocksCarried, honest && disk.holds_lock()),
            (Met::LateJoiners, first && self.now > Micros(0)),
        ];
        met.into_iter().filter(|(_, is)| *is).for_each(|(what, _)| self.counts.met(what));
        if honest && !first {
            let found = self.checker.restarted(node, &self.nodes[node].disk);
            self.check(found);
        }
    }
}
