//! Routes every event to the part that owns it. No rules of its own.

use crate::chain_view::ChainView;
use crate::config::EngineConfig;
use crate::effect::{Effect, Fault};
use crate::event::Event;
use crate::recovered::Recovered;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::UnixMillis;

/// One node, from its last durable state on.
pub struct Engine {}

impl Engine {
    /// Starts from what was recovered. Perform the returned effects before the first event.
    pub fn new(_config: EngineConfig, _recovered: Recovered, _now: UnixMillis) -> Result<(Self, Vec<Effect>), Fault> {
        todo!()
    }

    /// Handles one event. `now` is the shell's clock; it never runs backwards by more than a clock step, and nothing
    /// that decides validity depends on it.
    pub fn handle(&mut self, _event: Event, _now: UnixMillis) -> Vec<Effect> {
        todo!()
    }

    /// How the node is now.
    pub fn view(&self, _now: UnixMillis) -> ChainView {
        todo!()
    }

    /// The ledger at the tip, for checks of tests and simulators.
    pub fn ledger(&self) -> &Ledger {
        todo!()
    }
}
