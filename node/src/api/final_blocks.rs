//! Final blocks for readers: off the async threads, and the last few kept, because neighbours ask for the same ones.
//!
//! Always true: at most [`KEPT_MAX`] blocks are kept; they never change, so a kept one is as good as a read one. At
//! most [`READERS_MAX`] requests are answered at a time, each by one thread; an abandoned request is not begun, and a
//! long one is given up. Places of transactions are read from rows, without their blocks.

use crate::store::history::{AccountRow, Barred, BlockRow, Filter, History, NoReceipt, Part, Position};
use crate::store::history::{StoreError, StoredBlock};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::AccountProof;
use blockchat_proto::receipt::Receipt;
use blockchat_proto::sync::CertifiedHeader;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::Height;
use blockchat_proto::validators::Member;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Kept blocks: a client that follows its transactions asks for those of the last few heights. At most 2 MiB each.
const KEPT_MAX: usize = 4;

/// Questions that are answered at a time: each may hold a block.
const READERS_MAX: usize = 8;

/// Reads final blocks. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct FinalBlocks {
    history: History,
    kept: Arc<Mutex<Kept>>,
    readers: Arc<Semaphore>,
}

/// The last blocks read, oldest first.
type Kept = VecDeque<(Height, Arc<StoredBlock>)>;

/// A final transaction: its block and its place in it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) block: Arc<StoredBlock>,
    pub(super) index: u32,
}

/// The place of a final transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FinalPlace {
    pub(super) height: Height,
    pub(super) index: u32,
    /// Of its block.
    pub(super) leader: Address,
}

impl Found {
    pub(super) fn place(&self) -> FinalPlace {
        let header = &self.block.block.header;
        FinalPlace { height: header.height, index: self.index, leader: header.leader }
    }
}

impl FinalBlocks {
    pub(super) fn new(history: History) -> Self {
        Self { history, kept: Arc::default(), readers: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// The block of a height, if it is here.
    pub(super) async fn at(&self, height: Height) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        self.run(move |this| this.read(height)).await
    }

    /// The block with this hash, if it is here.
    pub(super) async fn by_hash(&self, hash: Hash32) -> Result<Option<Arc<StoredBlock>>, StoreError> {
        self.run(move |this| Ok(this.history.block_by_hash(hash)?.map(Arc::new))).await
    }

    /// A final transaction; `None` if it is not final.
    pub(super) async fn find(&self, id: TransactionId) -> Result<Option<Found>, StoreError> {
        self.run(move |this| this.find_one(id)).await
    }

    /// The places of these transactions, in order; `None` for each that is not final. Reads no block.
    pub(super) async fn places(&self, ids: Vec<TransactionId>) -> Result<Vec<Option<FinalPlace>>, StoreError> {
        let given_up = CancellationToken::new();
        let _awaited = given_up.clone().drop_guard();
        self.run(move |this| {
            let mut leaders = BTreeMap::new();
            let awaited = ids.into_iter().take_while(|_| !given_up.is_cancelled());
            awaited.map(|id| this.place_of(id, &mut leaders)).collect()
        })
        .await
    }

    /// The history of an account: see [`History::account`].
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

    /// The accounts barred in these blocks: see [`History::barred`].
    pub(super) async fn barred(&self, from: Height, to: Height) -> Result<Vec<Barred>, StoreError> {
        self.run(move |this| this.history.barred(from, to)).await
    }

    fn place_of(
        &self,
        id: TransactionId,
        leaders: &mut BTreeMap<Height, Address>,
    ) -> Result<Option<FinalPlace>, StoreError> {
        let Some((height, index)) = self.history.transaction(id)? else { return Ok(None) };
        if !leaders.contains_key(&height) {
            let row = self.history.block_rows(height, height, 1)?.items.pop();
            leaders.extend(row.map(|row| (height, row.leader)));
        }
        Ok(leaders.get(&height).map(|leader| FinalPlace { height, index, leader: *leader }))
    }

    /// Proof that a transaction is final; `None` if it is not.
    pub(super) async fn receipt(
        &self,
        id: TransactionId,
        trusted: Option<Height>,
        genesis: VerifiedGenesis,
    ) -> Result<Option<Result<Receipt, NoReceipt>>, StoreError> {
        self.run(move |this| {
            let place = this.history.transaction(id)?;
            Ok(place.map(|place| this.history.receipt(genesis.genesis(), trusted, place)))
        })
        .await
    }

    /// Proof of what an account holds after a block.
    pub(super) async fn account_receipt(
        &self,
        height: Height,
        proof: AccountProof,
        trusted: Option<Height>,
        genesis: VerifiedGenesis,
    ) -> Result<Receipt, NoReceipt> {
        self.run(move |this| this.history.account_receipt(genesis.genesis(), trusted, height, proof)).await
    }

    /// Headers from `to` down to `from`, at most `limit` of them.
    pub(super) async fn headers(
        &self,
        from: Height,
        to: Height,
        limit: usize,
    ) -> Result<Vec<CertifiedHeader>, StoreError> {
        self.run(move |this| {
            let heights = (from.0..=to.0).rev().take(limit).map(Height);
            heights.map_while(|height| this.history.header_at(height).transpose()).collect()
        })
        .await
    }

    /// The members behind a hash that headers name.
    pub(super) async fn members(&self, set: Hash32) -> Result<Option<Vec<Member>>, StoreError> {
        self.run(move |this| this.history.members(set)).await
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
        // Given up while it waits, it is never begun.
        let reader = Arc::clone(&self.readers).acquire_owned().await.expect("the semaphore is never closed");
        let this = self.clone();
        let read = move || {
            let answer = work(&this);
            drop(reader);
            answer
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(answer) => answer,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
