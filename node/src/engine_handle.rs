//! The engine's interface for async code: requests go in through a bounded queue, answers come back, and readers take
//! the newest [`ChainView`].
//!
//! Owns: the queue, and which answer belongs to which caller. Does not own: any decision, or the order in which
//! questions are handled among other events (`runtime::event_loop`).
//!
//! Always true:
//! - at most [`CALLS_MAX`] questions and [`SUBMITTED_MAX`] submitted transactions wait; more are refused at once;
//! - events carry numbers, never channel ends, so they can be recorded and replayed;
//! - a caller that gives up costs nothing but its unread answer.
//!
//! Start reading at [`EngineHandle::submit`].

use blockchat_client::shapes::QueueView;
use blockchat_engine::chain_view::ChainView;
use blockchat_engine::effect::{AccountAnswer, Answer, SubmitOutcome, Wait};
use blockchat_engine::engine_view::{EngineView, PoolPart, PoolPlace, ValidatorFacts};
use blockchat_engine::event::{Event, Query, RequestId};
use blockchat_proto::block::VerifiedBlock;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::AccountProof;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::Height;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

/// Most questions that wait for the event loop.
pub const CALLS_MAX: usize = 256;
/// Most submitted transactions that wait for the event loop: about 6 MB of them.
pub const SUBMITTED_MAX: usize = 16_384;

/// Why the engine did not answer. The caller may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineUnavailable {
    /// More is waiting than the node can work off soon.
    #[error("the node is busy: too much is waiting already; try again in a moment")]
    QueueFull,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
}

/// The place of a transaction that is not final, and the transaction if it was kept.
pub type TransactionAnswer = Option<(SubmitOutcome, Option<VerifiedTransaction>)>;

/// Asks the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    calls: mpsc::Sender<Call>,
    submitted: Arc<Semaphore>,
    /// Questions, and submitted transactions, that were refused because too much waited.
    refused: Arc<[AtomicU64; 2]>,
    view: watch::Receiver<Arc<ChainView>>,
}

/// A question on its way, with where its answer goes.
#[derive(Debug)]
struct Call {
    question: Question,
    answer: oneshot::Sender<Reply>,
    /// Gives back its share of [`SUBMITTED_MAX`] once the call is taken out of the queue.
    _share: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Question {
    Submit(Vec<VerifiedTransaction>, Option<TransactionId>),
    Query(Query),
}

#[derive(Debug)]
enum Reply {
    Outcomes(Vec<(TransactionId, SubmitOutcome)>),
    Answered(Answer),
}

/// The two sides of the door: many handles, one [`EngineDoor`] in the event loop.
pub fn open(view: ChainView) -> (EngineHandle, EngineDoor) {
    let (calls, waiting) = mpsc::channel(CALLS_MAX);
    let (publish, view) = watch::channel(Arc::new(view));
    let submitted = Arc::new(Semaphore::new(SUBMITTED_MAX));
    let handle = EngineHandle { calls, submitted, refused: Arc::default(), view };
    (handle, EngineDoor { calls: waiting, callers: BTreeMap::new(), last: 0, view: publish })
}

impl EngineHandle {
    /// Hands transactions in; one outcome each, in order. At most
    /// [`blockchat_proto::limits::BATCH_TRANSACTIONS_MAX`] at once: longer lists are refused as too much. `replaces` names
    /// the one pooled transaction whose place they may take.
    pub async fn submit(
        &self,
        transactions: Vec<VerifiedTransaction>,
        replaces: Option<TransactionId>,
    ) -> Result<Vec<(TransactionId, SubmitOutcome)>, EngineUnavailable> {
        if transactions.is_empty() {
            return Ok(vec![]);
        }
        let wanted = u64::try_from(transactions.len()).unwrap_or(u64::MAX);
        let full = || {
            self.refused[1].fetch_add(wanted, Ordering::Relaxed);
            EngineUnavailable::QueueFull
        };
        let share = u32::try_from(wanted).map_err(|_| full())?;
        let share = Arc::clone(&self.submitted).try_acquire_many_owned(share).map_err(|_| full())?;
        match self.ask(Question::Submit(transactions, replaces), Some(share)).await? {
            Reply::Outcomes(outcomes) => Ok(outcomes),
            Reply::Answered(_) => unreachable!("a submit is answered with outcomes"),
        }
    }

    /// An account, final and with its pooled transactions.
    pub async fn account(&self, address: Address) -> Result<AccountAnswer, EngineUnavailable> {
        match self.query(Query::Account(address)).await? {
            Answer::Account(answer) => Ok(*answer),
            other => unreachable!("an account question gets an account answer, not {other:?}"),
        }
    }

    /// The place of a transaction that is not final yet; `None` if it is neither pooled nor refused lately.
    pub async fn transaction(&self, id: TransactionId) -> Result<TransactionAnswer, EngineUnavailable> {
        match self.query(Query::Transaction(id)).await? {
            Answer::Transaction(answer) => Ok(answer),
            other => unreachable!("a transaction question gets a transaction answer, not {other:?}"),
        }
    }

    /// The reason why queued transactions wait, in order; `None` for one that is not queued.
    pub async fn waits(&self, ids: Vec<TransactionId>) -> Result<Vec<Option<Wait>>, EngineUnavailable> {
        match self.query(Query::Waits(ids)).await? {
            Answer::Waits(answer) => Ok(answer),
            other => unreachable!("a question about waits gets an answer about them, not {other:?}"),
        }
    }

    /// A block the engine holds in memory, proposed ones included.
    pub async fn body(&self, hash: Hash32) -> Result<Option<VerifiedBlock>, EngineUnavailable> {
        match self.query(Query::Body(hash)).await? {
            Answer::Body(answer) => Ok(answer),
            other => unreachable!("a body question gets a body answer, not {other:?}"),
        }
    }

    /// The account after the last final block, with its proof, and the height of that block.
    pub async fn proof(&self, address: Address) -> Result<(Height, AccountProof), EngineUnavailable> {
        match self.query(Query::Proof(address)).await? {
            Answer::Proof(height, proof) => Ok((height, *proof)),
            other => unreachable!("a proof question gets a proof answer, not {other:?}"),
        }
    }

    /// The progress of the height under way, and the last decided ones.
    pub async fn consensus(&self) -> Result<EngineView, EngineUnavailable> {
        match self.query(Query::Consensus).await? {
            Answer::Consensus(view) => Ok(*view),
            other => unreachable!("a consensus question gets a consensus answer, not {other:?}"),
        }
    }

    /// All validators, by address.
    pub async fn validators(&self) -> Result<Vec<ValidatorFacts>, EngineUnavailable> {
        match self.query(Query::Validators).await? {
            Answer::Validators(facts) => Ok(facts),
            other => unreachable!("a validators question gets a validators answer, not {other:?}"),
        }
    }

    /// At most `limit` pooled transactions that come after a place, of all accounts or of one.
    pub async fn pool(
        &self,
        after: Option<PoolPlace>,
        of: Option<Address>,
        limit: usize,
    ) -> Result<PoolPart, EngineUnavailable> {
        match self.query(Query::Pool { after, of, limit }).await? {
            Answer::Pool(part) => Ok(part),
            other => unreachable!("a pool question gets a pool answer, not {other:?}"),
        }
    }

    /// The node's status.
    pub fn view(&self) -> Arc<ChainView> {
        Arc::clone(&self.view.borrow())
    }

    /// The fill of the queues in front of the engine, and the number of refused requests.
    pub fn queues(&self) -> Vec<QueueView> {
        let submitted = SUBMITTED_MAX - self.submitted.available_permits();
        let waiting = [CALLS_MAX - self.calls.capacity(), submitted];
        let queues = [("engine_calls", CALLS_MAX), ("engine_submitted_transactions", SUBMITTED_MAX)];
        let view = |(((name, max), waiting), refused): (_, &AtomicU64)| {
            QueueView::new(name, waiting, max, refused.load(Ordering::Relaxed))
        };
        queues.into_iter().zip(waiting).zip(self.refused.iter()).map(view).collect()
    }

    /// Tells when the view changes.
    pub fn watch(&self) -> watch::Receiver<Arc<ChainView>> {
        self.view.clone()
    }

    async fn query(&self, query: Query) -> Result<Answer, EngineUnavailable> {
        match self.ask(Question::Query(query), None).await? {
            Reply::Answered(answer) => Ok(answer),
            Reply::Outcomes(_) => unreachable!("a query is answered with an answer"),
        }
    }

    async fn ask(&self, question: Question, share: Option<OwnedSemaphorePermit>) -> Result<Reply, EngineUnavailable> {
        let (answer, reply) = oneshot::channel();
        self.calls.try_send(Call { question, answer, _share: share }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                self.refused[0].fetch_add(1, Ordering::Relaxed);
                EngineUnavailable::QueueFull
            }
            mpsc::error::TrySendError::Closed(_) => EngineUnavailable::Stopped,
        })?;
        reply.await.map_err(|_| EngineUnavailable::Stopped)
    }
}

/// The event loop's side: turns requests into events and delivers the answers. Dropping it answers all waiting callers
/// with [`EngineUnavailable::Stopped`].
#[derive(Debug)]
pub struct EngineDoor {
    calls: mpsc::Receiver<Call>,
    callers: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    last: u64,
    view: watch::Sender<Arc<ChainView>>,
}

impl EngineDoor {
    /// The next question as an event; `None` once every handle is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        let Call { question, answer, .. } = self.calls.recv().await?;
        self.last += 1;
        let request = RequestId(self.last);
        self.callers.insert(request, answer);
        Some(match question {
            Question::Submit(transactions, replaces) => Event::SubmitTransactions { request, transactions, replaces },
            Question::Query(query) => Event::Query { request, query },
        })
    }

    /// Gives the outcomes of a submit to its caller.
    pub fn reply(&mut self, request: RequestId, outcomes: Vec<(TransactionId, SubmitOutcome)>) {
        self.give(request, Reply::Outcomes(outcomes));
    }

    /// Gives the answer of a query to its caller.
    pub fn answer(&mut self, request: RequestId, answer: Answer) {
        self.give(request, Reply::Answered(answer));
    }

    /// Publishes the node's status to all readers.
    pub fn publish(&self, view: ChainView) {
        self.view.send_replace(Arc::new(view));
    }

    /// A caller that gave up is no error: its answer is dropped.
    fn give(&mut self, request: RequestId, reply: Reply) {
        if let Some(caller) = self.callers.remove(&request) {
            drop(caller.send(reply));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_engine::chain_view::{PhaseView, RulesView};
    use blockchat_proto::coins::{Coins, Stake};
    use blockchat_proto::keys::Signer;
    use blockchat_proto::ledger::Tip;
    use blockchat_proto::transaction::{Body, Payload, Transaction};
    use blockchat_proto::units::{Height, Round, RulesVersion, UnixMillis};
    use blockchat_proto::validators::{Validator, ValidatorSet};

    const LEADER: Address = Address([1; 32]);

    fn view(height: u64) -> ChainView {
        ChainView {
            tip: Tip { height: Height(height), hash: Hash32::ZERO, time: UnixMillis(0), parent: Hash32::ZERO },
            state_root: Hash32::ZERO,
            supply: Coins::ZERO,
            stakes: std::sync::Arc::default(),
            validators: ValidatorSet::new(vec![Validator { address: LEADER, stake: Stake(1) }]).unwrap(),
            round: Round(0),
            leader: LEADER,
            phase: PhaseView::Idle,
            rules: RulesView { version: RulesVersion(1), known: RulesVersion(1), next_begins: None },
            voting: true,
            silence: None,
            clocks_ahead_ms: None,
            staked: false,
            undecided_since: None,
            silent: vec![],
            reached_tip: true,
            pool_transactions: 0,
            pool_bytes: 0,
        }
    }

    fn transaction() -> VerifiedTransaction {
        let signer = Signer::from_seed(&[1; 32]);
        let body = Body::Send { to: LEADER, amount: Coins::from_bcc(1), payload: Payload::None };
        let (chain, sender) = (Hash32::ZERO, signer.address());
        Transaction { chain, sender, nonce: 0, expiry: None, body }.sign(&signer).verify(chain).unwrap()
    }

    #[tokio::test]
    async fn each_caller_gets_its_own_answer() {
        let (handle, mut door) = open(view(0));
        let (first, second) = (Hash32([1; 32]), Hash32([2; 32]));
        let serve = async {
            let mut asked = Vec::new();
            for _ in 0..2 {
                match door.next().await {
                    Some(Event::Query { request, query: Query::Transaction(id) }) => asked.push((request, id)),
                    other => panic!("unexpected {other:?}"),
                }
            }
            for (request, id) in asked.into_iter().rev() {
                let outcome = if id == first { SubmitOutcome::Pooled } else { SubmitOutcome::Queued };
                door.answer(request, Answer::Transaction(Some((outcome, None))));
            }
        };
        let (one, two, ()) = tokio::join!(handle.transaction(first), handle.transaction(second), serve);
        assert_eq!(one, Ok(Some((SubmitOutcome::Pooled, None))));
        assert_eq!(two, Ok(Some((SubmitOutcome::Queued, None))));
    }

    #[tokio::test]
    async fn more_than_fits_is_refused_at_once_and_fits_again_later() {
        let (handle, mut door) = open(view(0));
        let half = vec![transaction(); SUBMITTED_MAX / 2];
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                tokio::spawn({
                    let (handle, half) = (handle.clone(), half.clone());
                    async move { handle.submit(half, None).await }
                })
            })
            .collect();
        while handle.submitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.submit(vec![transaction()], None).await, Err(EngineUnavailable::QueueFull));
        assert_eq!(
            handle.queues()[1],
            QueueView::new("engine_submitted_transactions", SUBMITTED_MAX, SUBMITTED_MAX, 1)
        );
        let Some(Event::SubmitTransactions { request, transactions, .. }) = door.next().await else {
            panic!("a submit")
        };
        assert_eq!(transactions.len(), SUBMITTED_MAX / 2);
        door.reply(request, vec![]);
        assert!(handle.submitted.available_permits() > 0);
        drop(door);
        let mut answers = Vec::new();
        for caller in waiting {
            answers.push(caller.await.unwrap());
        }
        answers.sort_by_key(Result::is_err);
        assert_eq!(answers, [Ok(vec![]), Err(EngineUnavailable::Stopped)]);
        assert_eq!(handle.account(LEADER).await, Err(EngineUnavailable::Stopped));
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_disturbs_nobody() {
        let (handle, mut door) = open(view(0));
        let asked = handle.body(Hash32::ZERO);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), asked).await.is_err());
        let Some(Event::Query { request, .. }) = door.next().await else { panic!("a query") };
        door.answer(request, Answer::Body(None));
        assert!(door.callers.is_empty());
    }

    #[tokio::test]
    async fn the_newest_view_is_seen_by_all() {
        let (handle, door) = open(view(0));
        let mut watch = handle.watch();
        door.publish(view(1));
        door.publish(view(2));
        watch.changed().await.unwrap();
        assert_eq!(watch.borrow().tip.height, Height(2));
        assert_eq!(handle.view().tip.height, Height(2));
    }
}
