//! Answers what peers ask: final blocks from the store, proposed ones from the engine.
//!
//! Always true: at most [`ANSWERS_MAX`] answers are being made, and a peer that asks beyond that is told to wait, which is
//! no offence; a damaged block is reported here and never sent.

use crate::engine_handle::EngineHandle;
use crate::net::{InboundId, NetHandle};
use crate::store::StoreError;
use crate::store::history::History;
use blockchat_proto::block::Block;
use blockchat_proto::hash::Hash32;
use blockchat_proto::limits;
use blockchat_proto::sync::{SyncRequest, SyncResponse};
use blockchat_proto::units::Height;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::error;

/// Answers being made at a time: each holds up to 4 MiB.
const ANSWERS_MAX: usize = 4;
/// A peer that came at a bad time asks again after so long, in ms.
const RETRY_MS: u64 = 200;

/// Answers peers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    net: NetHandle,
    engine: EngineHandle,
    history: History,
    tasks: TaskTracker,
    answers: Arc<Semaphore>,
}

impl Serving {
    pub(super) fn new(net: NetHandle, engine: EngineHandle, history: History, tasks: TaskTracker) -> Self {
        Self { net, engine, history, tasks, answers: Arc::new(Semaphore::new(ANSWERS_MAX)) }
    }

    /// Answers at once or in a task of its own.
    pub(super) fn answer(&self, inbound: InboundId, request: SyncRequest) {
        let Ok(permit) = Arc::clone(&self.answers).try_acquire_owned() else {
            return self.net.respond(inbound, SyncResponse::Busy { retry_ms: RETRY_MS });
        };
        let this = self.clone();
        self.tasks.spawn(async move {
            let response = match request {
                SyncRequest::Blocks { from, count } => this.blocks(from, count).await,
                SyncRequest::Body { hash } => SyncResponse::Body(this.body(hash).await),
            };
            this.net.respond(inbound, response);
            drop(permit);
        });
    }

    async fn blocks(&self, from: Height, count: u32) -> SyncResponse {
        let count = count.min(limits::SYNC_BLOCKS_MAX);
        let blocks = self.read(move |history| history.range(from, count, limits::SYNC_BYTES_MAX)).await;
        SyncResponse::Blocks(blocks.unwrap_or_default())
    }

    /// The engine knows proposed and recent ones, the store the final ones.
    async fn body(&self, hash: Hash32) -> Option<Block> {
        if let Ok(Some(block)) = self.engine.body(hash).await {
            return Some(block.to_block());
        }
        let stored = self.read(move |history| history.block_by_hash(hash)).await;
        stored.flatten().map(|stored| stored.block)
    }

    /// Reads the store off the async threads; damage is reported, and nothing is answered.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&History) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let history = self.history.clone();
        let answer = tokio::task::spawn_blocking(move || query(&history)).await;
        match answer {
            Ok(Ok(found)) => Some(found),
            Ok(Err(damage)) => {
                error!(%damage, "cannot answer a peer");
                None
            }
            Err(stopped) => {
                error!(%stopped, "cannot answer a peer");
                None
            }
        }
    }
}
