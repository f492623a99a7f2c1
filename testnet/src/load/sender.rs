//! Runs one lane: submits, waits while the node is down, and reports to the board.
//!
//! Owns: the waiting. Does not own: the choice of lines (`lane`). One task per node; it ends once all of its lines
//! are final or refused.

use super::board::{Board, Verdict};
use super::lane::{Lane, Outcome, Step};
use crate::processes::supervise::{NodeState, Watched};
use blockchat_client::{Client, ClientError};
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{SignedTransaction, TransactionId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Pause before another request to a node that gives no useful answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Number of unsent lines at which a drip pauses.
const UNSENT_MAX: usize = 8;
/// Interval at which a waiting lane looks for lines to resend.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The board, shared by all tasks of a run; locked only briefly, never across an await.
#[derive(Clone, Debug)]
pub struct SharedBoard {
    board: Arc<Mutex<Board>>,
    changed: watch::Sender<()>,
}

impl SharedBoard {
    /// Shares a board.
    pub fn new(board: Board) -> Self {
        Self { board: Arc::new(Mutex::new(board)), changed: watch::Sender::new(()) }
    }

    /// Reads or changes the board.
    pub fn with<T>(&self, use_it: impl FnOnce(&mut Board) -> T) -> T {
        // The board stays whole when a task panics: each change is one call.
        use_it(&mut self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Like [`SharedBoard::with`], and wakes all tasks that wait for a change.
    pub fn change<T>(&self, change: impl FnOnce(&mut Board) -> T) -> T {
        let answer = self.with(change);
        self.changed.send_replace(());
        answer
    }

    /// Wakes at each change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// Sends all lines of one lane.
#[derive(Debug)]
pub struct Sender {
    /// Index of the node.
    pub node: usize,
    /// Its lane.
    pub lane: Lane,
    /// Its process.
    pub watched: Watched,
    /// The channel for results.
    pub board: SharedBoard,
    /// The channel for more lines, if the lane is open.
    pub drip: Option<Drip>,
}

/// A light load: lines at a fixed interval.
#[derive(Debug)]
pub struct Drip {
    /// Interval between lines.
    pub every: Duration,
    /// Source of the lines.
    pub lines: Lines,
    /// Stop signal.
    pub stop: watch::Receiver<bool>,
    /// Number of lines so far.
    pub count: usize,
    /// Time of the next line.
    pub next: Instant,
}

/// Source of the lines of a drip.
#[derive(Debug)]
pub enum Lines {
    /// Endless, generated on demand.
    Endless {
        /// Receivers, in turn.
        to: Vec<Address>,
        /// Characters per line.
        characters: usize,
    },
    /// These lines, which the board already expects.
    These(VecDeque<(Address, String)>),
}

impl Lines {
    /// The next line, after `count` others.
    fn next(&mut self, count: usize) -> Option<(Address, String)> {
        match self {
            Self::Endless { to, characters } => {
                let number = count + 1;
                let receiver = *to.get(count % to.len().max(1))?;
                Some((receiver, format!("{number:0>width$}", width = *characters)))
            }
            Self::These(lines) => lines.pop_front(),
        }
    }

    fn have_ended(&self) -> bool {
        matches!(self, Self::These(lines) if lines.is_empty())
    }
}

impl Drip {
    /// A drip that starts now, and ends with `stop` or with its lines.
    pub fn new(every: Duration, lines: Lines, stop: watch::Receiver<bool>) -> Self {
        Self { every, lines, stop, count: 0, next: Instant::now() }
    }

    /// Delays the first line: drips that start together would leave the network idle between their lines.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { next: self.next + wait, ..self }
    }

    /// Time until the next line is due. A line that is already due waits for others to be sent: see [`UNSENT_MAX`].
    fn wait(&self, now: Instant) -> Duration {
        match self.next.saturating_duration_since(now) {
            Duration::ZERO => ASK_AGAIN_AFTER,
            wait => wait,
        }
    }

    /// The line that is due, if any. Time without a call is not made up for.
    fn line(&mut self, now: Instant) -> Option<(Address, String)> {
        if now < self.next {
            return None;
        }
        self.next = (self.next + self.every).max(now);
        let line = self.lines.next(self.count)?;
        self.count += 1;
        Some(line)
    }
}

impl Sender {
    /// Runs until every line is final or refused, or the run is given up (then the task is dropped).
    pub async fn run(mut self) {
        let mut changes = self.board.changes();
        loop {
            let Some((generation, client)) = self.up().await else {
                return;
            };
            self.lane.lost_contact();
            loop {
                changes.mark_unchanged();
                self.collect_finals();
                self.pour();
                let went_well = match self.lane.step(Instant::now()) {
                    Step::Done => return,
                    Step::Wait => {
                        let _ = timeout(self.looks_again_after(), changes.changed()).await;
                        true
                    }
                    Step::AskAccount => self.ask_account(&client).await.is_ok(),
                    Step::Submit(batch) => self.submit(&client, batch).await.is_ok(),
                };
                if self.watched.generation() != Some(generation) {
                    break;
                }
                if !went_well {
                    self.lane.lost_contact();
                    sleep(ASK_AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Waits until the process runs. Returns the number of its start, and the client for it.
    async fn up(&mut self) -> Option<(u32, Client)> {
        let state = self.watched.state.wait_for(|state| matches!(state, NodeState::Up { .. })).await.ok()?;
        match &*state {
            NodeState::Up { generation, client, .. } => Some((*generation, client.clone())),
            _ => None,
        }
    }

    fn looks_again_after(&self) -> Duration {
        self.drip.as_ref().map_or(LOOK_AGAIN_AFTER, |drip| drip.wait(Instant::now()).min(LOOK_AGAIN_AFTER))
    }

    /// Moves the next line of a drip into the lane, unless earlier ones still wait there.
    fn pour(&mut self) {
        let Some(drip) = &mut self.drip else {
            return;
        };
        if *drip.stop.borrow() || drip.lines.have_ended() {
            return self.lane.close();
        }
        if self.lane.unsent() < UNSENT_MAX
            && let Some((to, text)) = drip.line(Instant::now())
        {
            self.lane.push(to, text);
            if matches!(drip.lines, Lines::Endless { .. }) {
                self.board.with(Board::expect_line);
            }
        }
    }

    fn collect_finals(&mut self) {
        let finals = self.board.with(|board| board.take_finals(self.node));
        finals.into_iter().for_each(|id| self.lane.settle(id));
    }

    /// A node that does not know all of our lines yet is asked again a little later.
    async fn ask_account(&mut self, client: &Client) -> Result<(), ClientError> {
        let account = client.account(&self.lane.address()).await?;
        if !self.lane.account(&account) {
            sleep(ASK_AGAIN_AFTER).await;
        }
        Ok(())
    }

    async fn submit(
        &mut self,
        client: &Client,
        batch: Vec<(TransactionId, SignedTransaction)>,
    ) -> Result<(), ClientError> {
        let now = Instant::now();
        self.board.with(|board| batch.iter().for_each(|(id, _)| board.sent(self.node, *id, now)));
        let signed: Vec<_> = batch.into_iter().map(|(_, signed)| signed).collect();
        let answers = client.submit_batch(&signed).await?;
        let mut verdicts = vec![];
        for answer in answers {
            match self.lane.answer(answer.id, &answer.state) {
                Outcome::Accepted => verdicts.push((answer.id, Verdict::Accepted)),
                Outcome::Refused(code) => verdicts.push((answer.id, Verdict::Refused(code))),
                Outcome::TryAgain | Outcome::Unknown => {}
            }
        }
        let now = Instant::now();
        self.board.change(|board| verdicts.iter().for_each(|(id, verdict)| board.verdict(*id, verdict, now)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::keys::Address;

    #[test]
    fn a_drip_is_woken_when_its_next_line_is_due_and_not_by_what_others_do() {
        let every = Duration::from_millis(100);
        let stop = watch::Sender::new(false);
        let lines = Lines::Endless { to: vec![Address([1; 32])], characters: 5 };
        let mut drip = Drip::new(every, lines, stop.subscribe());
        let begun = drip.next;
        assert_eq!(drip.line(begun).unwrap().1, "00001");
        assert!(drip.line(begun + every / 4).is_none());
        assert_eq!(drip.wait(begun + every / 4), every * 3 / 4);
        assert_eq!(drip.wait(begun + every), ASK_AGAIN_AFTER, "it is due, and something else is in its way");
    }
}
