//! Answers what peers ask: final blocks, their headers and validator sets from the store, proposed blocks from the engine.
//!
//! Always true: at most [`ANSWERS_MAX`] answers are being made, in the order in which peers asked; so many questions of one
//! peer wait as the network lets in (`net/answers`), and [`QUESTIONS_MAX`] in all: a peer that asks beyond that is told to
//! wait, which is no offence. A damaged block is reported here and never sent.
//! Start reading at [`Serving::answer`].

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
/// Questions that are answered or wait for it: more than the network lets in, but for those of peers that are gone.
const QUESTIONS_MAX: usize = 24;
/// A peer that came at a bad time asks again after so long, in ms.
const RETRY_MS: u64 = 200;

/// Answers peers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    net: NetHandle,
    engine: EngineHandle,
    history: History,
    tasks: TaskTracker,
    questions: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl Serving {
    pub(super) fn new(net: NetHandle, engine: EngineHandle, history: History, tasks: TaskTracker) -> Self {
        let [questions, answers] = [QUESTIONS_MAX, ANSWERS_MAX].map(|max| Arc::new(Semaphore::new(max)));
        Self { net, engine, history, tasks, questions, answers }
    }

    /// Answers in a task of its own, after earlier requests.
    pub(super) fn answer(&self, inbound: InboundId, request: SyncRequest) {
        let Ok(place) = Arc::clone(&self.questions).try_acquire_owned() else {
            return self.net.respond(inbound, SyncResponse::Busy { retry_ms: RETRY_MS });
        };
        let this = self.clone();
        self.tasks.spawn(async move {
            let turn = this.answers.acquire().await.expect("it is never closed");
            let response = match request {
                SyncRequest::Blocks { from, count } => this.blocks(from, count).await,
                SyncRequest::Body { hash } => SyncResponse::Body(this.body(hash).await),
                SyncRequest::Headers { from, count } => this.headers(from, count).await,
                SyncRequest::Members { hash } => this.members(hash).await,
            };
            this.net.respond(inbound, response);
            drop((turn, place));
        });
    }

    async fn blocks(&self, from: Height, count: u32) -> SyncResponse {
        let count = count.min(limits::SYNC_BLOCKS_MAX);
        let blocks = self.read(move |history| history.range(from, count, limits::SYNC_BYTES_MAX)).await;
        SyncResponse::Blocks(blocks.unwrap_or_default())
    }

    async fn headers(&self, from: Height, count: u32) -> SyncResponse {
        let count = count.min(limits::SYNC_BLOCKS_MAX);
        let headers = self.read(move |history| history.headers(from, count, limits::SYNC_BYTES_MAX)).await;
        SyncResponse::Headers(headers.unwrap_or_default())
    }

    async fn members(&self, hash: Hash32) -> SyncResponse {
        SyncResponse::Members(self.read(move |history| history.members(hash)).await.flatten())
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
