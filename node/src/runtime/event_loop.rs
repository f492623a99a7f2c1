//! Brings everything that happens to a node into one order, and hands it to the engine.
//!
//! The only `select!` over several parts of the node. It converts and decides nothing: whatever grows logic here belongs
//! into the engine.
//!
//! Always true: stopping comes first, then timers, then consensus and sync, then callers, then gossiped transactions; after
//! [`API_TURN`] callers in a row a gossiped batch has its turn; the effects of one event are all performed before the next
//! event is looked at.
//!
//! Runs on a thread of its own with a small runtime of its own (`runtime::start`): the disk is waited for right here, and
//! neither the network nor the API ever waits with it. An event from another thread wakes it in about 10 us.

use super::perform::{NodeFault, Performer};
use crate::clock::unix_millis;
use blockchat_engine::effect::Effect;
use blockchat_engine::engine::Engine;
use blockchat_engine::event::Event;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::trace;

/// Callers that are answered before a gossiped batch has its turn.
const API_TURN: u32 = 64;

/// Verified messages of peers.
#[derive(Debug)]
pub(super) struct Queues {
    /// Votes, proposals, bodies, sync: never behind a flood of transactions.
    pub(super) consensus: mpsc::Receiver<Event>,
    /// Batches of transactions.
    pub(super) gossip: mpsc::Receiver<Event>,
}

/// Runs the engine until `stop`, or until a fault: then nothing more is performed.
pub(super) async fn run(
    mut engine: Engine,
    first: Vec<Effect>,
    mut performer: Performer,
    mut queues: Queues,
    stop: CancellationToken,
) -> Result<(), NodeFault> {
    performer.perform_all(first)?;
    let mut api_in_a_row = 0;
    loop {
        if api_in_a_row >= API_TURN {
            api_in_a_row = 0;
            if let Ok(event) = queues.gossip.try_recv() {
                step(&mut engine, &mut performer, event)?;
            }
        }
        let event = tokio::select! { biased;
            () = stop.cancelled() => return Ok(()),
            timer = performer.timers.next() => Event::TimerElapsed(timer),
            Some(event) = queues.consensus.recv() => event,
            Some(event) = performer.door.next() => {
                api_in_a_row += 1;
                event
            }
            Some(event) = queues.gossip.recv() => {
                api_in_a_row = 0;
                event
            }
        };
        step(&mut engine, &mut performer, event)?;
    }
}

fn step(engine: &mut Engine, performer: &mut Performer, event: Event) -> Result<(), NodeFault> {
    trace!(?event, "event");
    performer.perform_all(engine.handle(event, unix_millis()))
}
