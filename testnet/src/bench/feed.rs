//! Submits batches as fast as the nodes take them: a closed loop, one a node.
//!
//! Always true: a node is given nothing more while its pool holds [`Feed::set_window`] transactions or more; at most
//! `REQUESTS` batches are on their way to it; a batch that is refused for want of room, or not answered, is sent again
//! until it is in: submitting is idempotent.

use super::supply::Batch;
use blockchat_client::shapes::Code;
use blockchat_client::{Client, ClientError};
use blockchat_proto::transaction::TransactionId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Batches on their way to one node.
const REQUESTS: usize = 2;
/// How old a node's word about its pool may be.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Pause before a node that has no room is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Everything all feeders share.
#[derive(Debug, Default)]
struct Shared {
    window: AtomicUsize,
    accepted: AtomicU64,
    again: AtomicU64,
    ids: Mutex<Vec<TransactionId>>,
    problems: Mutex<Vec<String>>,
}

/// Feeds all nodes until it is dropped, or has nothing left.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    lanes: Vec<Arc<Lane>>,
    tasks: JoinSet<()>,
}

/// Transactions that were submitted and accepted.
#[derive(Debug, Default)]
pub struct Fed {
    /// Accepted by their node.
    pub ids: Vec<TransactionId>,
    /// Batches that had to be sent again.
    pub again: u64,
    /// Refusals that should not have been.
    pub problems: Vec<String>,
    /// Transactions that were never submitted.
    pub unsent: Vec<Batch>,
}

impl Feed {
    /// Starts with this window; one lane a node.
    pub fn start(clients: &[Client], lanes: Vec<VecDeque<Batch>>, window: usize) -> Self {
        let shared = Arc::new(Shared { window: AtomicUsize::new(window), ..Shared::default() });
        let lane = |(client, batches): (&Client, _)| Lane::new(client.clone(), batches, Arc::clone(&shared));
        let lanes: Vec<_> = clients.iter().zip(lanes).map(lane).map(Arc::new).collect();
        let mut tasks = JoinSet::new();
        for lane in &lanes {
            (0..REQUESTS).for_each(|_| drop(tasks.spawn(Arc::clone(lane).run())));
        }
        Self { shared, lanes, tasks }
    }

    /// Nodes with so many pooled transactions get no more.
    pub fn set_window(&self, window: usize) {
        self.shared.window.store(window, Ordering::Relaxed);
    }

    /// Accepted so far.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Has it nothing left to submit?
    pub fn is_used_up(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.is_empty()
    }

    /// Submits no more new batches; returns when those on their way are in.
    pub async fn end(mut self) -> Fed {
        self.set_window(0);
        while self.tasks.join_next().await.is_some() {}
        let take = |list: &Mutex<Vec<TransactionId>>| std::mem::take(&mut *locked(list));
        Fed {
            ids: take(&self.shared.ids),
            again: self.shared.again.load(Ordering::Relaxed),
            problems: std::mem::take(&mut *locked(&self.shared.problems)),
            unsent: self.lanes.iter().flat_map(|lane| std::mem::take(&mut *locked(&lane.batches))).collect(),
        }
    }
}

fn locked<T>(list: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does it mean "later", not "never"?
fn is_for_want_of_room(code: &Code) -> bool {
    matches!(code, Code::Transaction(code) if code.is_for_want_of_room())
}

/// One node's part.
#[derive(Debug)]
struct Lane {
    client: Client,
    batches: Mutex<VecDeque<Batch>>,
    pool: Mutex<(Option<Instant>, usize)>,
    shared: Arc<Shared>,
}

impl Lane {
    fn new(client: Client, batches: VecDeque<Batch>, shared: Arc<Shared>) -> Self {
        Self { client, batches: Mutex::new(batches), pool: Mutex::new((None, 0)), shared }
    }

    async fn run(self: Arc<Self>) {
        loop {
            let window = self.shared.window.load(Ordering::Relaxed);
            if window == 0 {
                return;
            }
            if self.pooled().await >= window {
                sleep(LOOK_EVERY / 2).await;
                continue;
            }
            let Some(batch) = locked(&self.batches).pop_front() else {
                return;
            };
            self.submit(batch).await;
        }
    }

    /// Transactions in the node's pool, by its own word and what we sent since.
    async fn pooled(&self) -> usize {
        let (at, known) = *locked(&self.pool);
        if at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return known;
        }
        locked(&self.pool).0 = Some(Instant::now());
        match self.client.status().await {
            Ok(status) => {
                let found = usize::try_from(status.pool_transactions).unwrap_or(usize::MAX);
                locked(&self.pool).1 = found;
                found
            }
            Err(_) => usize::MAX,
        }
    }

    async fn submit(&self, batch: Batch) {
        loop {
            match self.client.submit_encoded(batch.bytes.clone()).await {
                Ok(verdicts) => {
                    let refused: Vec<_> = verdicts.into_iter().filter_map(|verdict| verdict.code).collect();
                    if refused.is_empty() {
                        return self.is_in(batch);
                    }
                    if let Some(code) = refused.iter().find(|code| !is_for_want_of_room(code)) {
                        locked(&self.shared.problems).push(format!("a transfer was refused: {code}"));
                        return;
                    }
                }
                Err(gone @ ClientError::NoNode { .. }) => {
                    locked(&self.shared.problems).push(format!("a node is gone: {gone}"));
                    return;
                }
                Err(_) => {}
            }
            self.shared.again.fetch_add(1, Ordering::Relaxed);
            sleep(AGAIN_AFTER).await;
        }
    }

    fn is_in(&self, batch: Batch) {
        let count = batch.ids.len();
        self.shared.accepted.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        locked(&self.pool).1 += count;
        locked(&self.shared.ids).extend(batch.ids);
    }
}
