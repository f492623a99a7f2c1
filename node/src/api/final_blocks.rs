//! Final blocks for readers: off the async threads, and the last few kept, because neighbours ask for the same ones.
//!
//! Always true: at most [`KEPT_MAX`] blocks are kept; they never change, so a kept one is as good as a read one.

use crate::store::history::{AccountRow, BlockRow, Filter, History, Part, Position, StoreError, StoredBlock};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Kept blocks: a client that follows its transactions asks for those of the last few heights. At most 2 MiB each.
const KEPT_MAX: usize = 4;

/// Reads final blocks. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct FinalBlocks {
    history: History,
    kept: Arc<Mutex<Kept>>,
}

/// The last blocks read, oldest first.
type Kept = VecDeque<(Height, Arc<StoredBlock>)>;

/// A final transaction: its block and its place in it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) block: Arc<StoredBlock>,
    pub(super) index: u32,
}

impl FinalBlocks {
    pub(super) fn new(history: History) -> Self {
        Self { history, kept: Arc::default() }
    }

    /// The block of a height, if it is here.
    pub(super) async fn at(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        self.run(move |this| this.read(height)).await
    }

    /// The block with this hash, if it is here.
    pub(super) async fn by_hash(&self, hash: Hash32) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        self.run(move |this| Ok(this.history.block_by_hash(hash)?.map(Arc::new))).await
    }

    /// Where these transactions are, in order; `None` for each that is not final.
    pub(super) async fn find(&self, ids: Vec<TransactionId>) -> Result<Vec<Option<Found>>, StoreError> {
        self.run(move |this| ids.into_iter().map(|id| this.find_one(id)).collect()).await
    }

    /// What happened to an account: see [`History::account`].
    pub(super) async fn account(
        &self,
        account: Address,
        filter: Filter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Part<AccountRow, Position>, StoreError> {
        self.run(move |this| this.history.account(account, filter, before, limit)).await
    }

    /// Blocks at a glance: see [`History::block_rows`].
    pub(super) async fn rows(
        &self,
        from: Height,
        to: Height,
        limit: usize,
    ) -> Result<Part<BlockRow, Height>, StoreError> {
        self.run(move |this| this.history.block_rows(from, to, limit)).await
    }

    fn find_one(&self, id: TransactionId) -> Result<Option<Found>, StoreError> {
        let Some((height, index)) = self.history.transaction(id)? else { return Ok(None) };
        Ok(self.read(height)?.map(|block| Found { block, index }))
    }

    fn read(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        if let Some(block) = self.kept(height) {
            return Ok(Some(block));
        }
        let block = self.history.block_at(height)?.map(Arc::new);
        if let Some(block) = &block {
            self.keep(height, block);
        }
        Ok(block)
    }

    fn kept(&self, height: Height) -> Option<Arc<StoredBlock>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, _)| *of == height).map(|(_, block)| Arc::clone(block))
    }

    fn keep(&self, height: Height, block: &Arc<StoredBlock>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((height, Arc::clone(block)));
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || work(&this)).await {
            Ok(answer) => answer,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
