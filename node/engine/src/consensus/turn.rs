//! Shared context of all parts while they handle one event.

use crate::effect::Effect;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::UnixMillis;

/// The ledger to decide on, the time, and the effects.
pub(crate) struct Turn<'a> {
    /// The ledger at the tip.
    pub(crate) ledger: &'a Ledger,
    /// The shell's clock.
    pub(crate) now: UnixMillis,
    /// Performed in order.
    pub(crate) effects: &'a mut Vec<Effect>,
}

impl Turn<'_> {
    /// Adds one effect.
    pub(crate) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}
