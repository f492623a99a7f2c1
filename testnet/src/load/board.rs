//! The board: the state of every line of the workload, and the final blocks of the run.
//!
//! Owns: the state of each line, the counts, the facts of each final block. Does not own: sending (`sender`), reading
//! the chain (`follow`). Always true: a line is final only because a block says so, it is counted once, and a line that
//! was refused and turns up in a block all the same is reported as a contradiction, never hidden.
//! Start reading at [`Board::verdict`] and [`Board::block`].

use blockchat_client::shapes::{BlockView, Code};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::TransactionId;
use blockchat_proto::units::{Height, UnixMillis};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The state of a line. Its node signs it; before that it is [`Place::Waiting`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Sent,
    Accepted,
    Refused,
    Final,
}

/// A node's answer about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is queued, pooled, in a block or final.
    Accepted,
    /// It is refused for good, with this code.
    Refused(Code),
}

/// One final block, reduced to the needs of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockFact {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: Hash32,
    /// Its time.
    pub time: UnixMillis,
    /// The leader that assembled it.
    pub leader: Address,
    /// Number of our lines in it.
    pub lines: u64,
}

/// Number of lines per state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines of the workload.
    pub lines: u64,
    /// Accepted or final.
    pub accepted: u64,
    /// Refused, by code.
    pub refused: BTreeMap<Code, u64>,
    /// Final.
    pub finalised: u64,
}

impl Counts {
    /// Refused for any reason.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Lines that are final or refused: their state does not change any more.
    pub fn settled(&self) -> u64 {
        self.finalised + self.refused_total()
    }

    /// Is every line final or refused?
    pub fn all_settled(&self) -> bool {
        self.settled() == self.lines
    }
}

/// All knowledge about the lines.
#[derive(Debug)]
pub struct Board {
    counts: Counts,
    places: HashMap<TransactionId, (usize, Place)>,
    /// Final lines of each node that its sender has not collected yet.
    fresh: Vec<Vec<TransactionId>>,
    blocks: Vec<BlockFact>,
    first_submit: Option<Instant>,
    last_final: Option<Instant>,
    last_progress: Instant,
    /// Time of the first submit of each line until it is final; then the duration.
    submitted: HashMap<TransactionId, Instant>,
    waits: Vec<Duration>,
    contradictions: Vec<String>,
}

impl Board {
    /// A board for this number of lines and nodes.
    pub fn new(lines: usize, nodes: usize, now: Instant) -> Self {
        Self {
            counts: Counts { lines: u64::try_from(lines).expect("lines are in memory"), ..Counts::default() },
            places: HashMap::new(),
            fresh: vec![vec![]; nodes],
            blocks: vec![],
            first_submit: None,
            last_final: None,
            last_progress: now,
            submitted: HashMap::new(),
            waits: vec![],
            contradictions: vec![],
        }
    }

    /// Expects one more line.
    pub fn expect_line(&mut self) {
        self.counts.lines += 1;
    }

    /// A line of `node` leaves under this id. Sending it again changes nothing.
    ///
    /// A refused line is never sent again; but a later line that says the same to the same node is then signed with the
    /// same nonce, hence has the same bytes and the same id.
    pub fn sent(&mut self, node: usize, id: TransactionId, now: Instant) {
        self.first_submit.get_or_insert(now);
        self.submitted.entry(id).or_insert(now);
        let (_, place) = self.places.entry(id).or_insert((node, Place::Sent));
        if *place == Place::Refused {
            *place = Place::Sent;
        }
    }

    /// Its node's answer. Only the first of its kind counts; what is final stays final.
    pub fn verdict(&mut self, id: TransactionId, verdict: &Verdict, now: Instant) {
        let Some((_, place)) = self.places.get_mut(&id) else {
            return;
        };
        match (&*place, verdict) {
            (Place::Sent, Verdict::Accepted) => {
                *place = Place::Accepted;
                self.counts.accepted += 1;
            }
            (Place::Sent, Verdict::Refused(code)) => {
                *place = Place::Refused;
                *self.counts.refused.entry(code.clone()).or_default() += 1;
            }
            (Place::Accepted, Verdict::Refused(code)) => {
                self.contradictions.push(format!("line {} was accepted, then refused ({code})", id.short()));
                *place = Place::Refused;
                self.counts.accepted -= 1;
                *self.counts.refused.entry(code.clone()).or_default() += 1;
            }
            (Place::Final, Verdict::Refused(code)) => {
                self.contradictions.push(format!("line {} is final, yet refused ({code})", id.short()));
            }
            _ => return,
        }
        self.last_progress = now;
    }

    /// A final block. Each height comes once, in order.
    pub fn block(&mut self, view: &BlockView, now: Instant) {
        let ours = view.transactions.iter().filter(|entry| self.finalise(entry.id, now)).count();
        let lines = u64::try_from(ours).expect("transactions are in memory");
        if lines > 0 {
            self.last_final = Some(now);
            self.last_progress = now;
        }
        let BlockView { height, hash, time, leader, .. } = *view;
        self.blocks.push(BlockFact { height, hash, time, leader, lines });
    }

    /// Marks one of our lines as final; false for other people's transactions.
    fn finalise(&mut self, id: TransactionId, now: Instant) -> bool {
        let Some((node, place)) = self.places.get_mut(&id) else {
            return false;
        };
        match place {
            Place::Sent => self.counts.accepted += 1,
            Place::Accepted => {}
            Place::Refused | Place::Final => {
                self.contradictions.push(format!("line {} is in a block after it was {place:?}", id.short()));
                return false;
            }
        }
        *place = Place::Final;
        self.counts.finalised += 1;
        self.fresh[*node].push(id);
        self.waits.extend(self.submitted.remove(&id).map(|at| now.saturating_duration_since(at)));
        true
    }

    /// From the first submit of each final line until it was seen to be final.
    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// Lines of `node` that became final since the last call.
    pub fn take_finals(&mut self, node: usize) -> Vec<TransactionId> {
        std::mem::take(&mut self.fresh[node])
    }

    /// Number of lines per state.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The final blocks so far, in order.
    pub fn blocks(&self) -> &[BlockFact] {
        &self.blocks
    }

    /// Lines that are not settled, for people.
    pub fn waiting(&self) -> String {
        let count = |place: &Place| self.places.values().filter(|(_, found)| found == place).count();
        let (sent, accepted) = (count(&Place::Sent), count(&Place::Accepted));
        format!("{sent} lines have no answer, {accepted} are accepted and not final, the others were not sent")
    }

    /// Contradictions, for people.
    pub fn contradictions(&self) -> &[String] {
        &self.contradictions
    }

    /// Time of the last change of any line.
    pub fn last_progress(&self) -> Instant {
        self.last_progress
    }

    /// Time from the first submit to the last final line, restarts included.
    pub fn duration(&self) -> Duration {
        match (self.first_submit, self.last_final) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::hash::hash;
    use blockchat_proto::refusal::TxCode;
    use blockchat_proto::units::Round;

    fn id(name: &str) -> TransactionId {
        hash("test", name.as_bytes())
    }

    /// A block that holds transactions with these names.
    fn block(height: u64, names: &[&str]) -> BlockView {
        let transactions = names.iter().map(|name| crate::load::fake_node::block_entry(id(name))).collect();
        BlockView {
            height: Height(height),
            hash: id("block"),
            parent: Hash32::ZERO,
            time: UnixMillis(height * 1_000),
            leader: Address([1; 32]),
            round: Round(0),
            state_root: Hash32::ZERO,
            signers: vec![],
            fees: Default::default(),
            bytes: 0,
            transactions,
        }
    }

    fn board(names: &[&str]) -> Board {
        let now = Instant::now();
        let mut board = Board::new(names.len(), 1, now);
        names.iter().for_each(|name| board.sent(0, id(name), now));
        board
    }

    #[test]
    fn a_line_counts_once_however_often_it_is_confirmed() {
        let mut board = board(&["a", "b"]);
        let now = Instant::now();
        board.verdict(id("a"), &Verdict::Accepted, now);
        board.verdict(id("a"), &Verdict::Accepted, now);
        board.block(&block(1, &["a", "somebody else's"]), now);
        board.verdict(id("a"), &Verdict::Accepted, now);
        assert_eq!((board.counts().accepted, board.counts().finalised), (1, 1));
        assert_eq!(board.blocks()[0].lines, 1);
        assert!(!board.counts().all_settled());
        assert!(board.contradictions().is_empty());
    }

    #[test]
    fn a_final_line_whose_answer_was_lost_was_accepted_too() {
        let mut board = board(&["a"]);
        board.block(&block(1, &["a"]), Instant::now());
        assert_eq!((board.counts().accepted, board.counts().finalised), (1, 1));
        assert!(board.counts().all_settled());
        assert_eq!(board.take_finals(0), [id("a")]);
        assert!(board.take_finals(0).is_empty());
    }

    #[test]
    fn refusals_are_counted_by_reason_and_settle_the_line() {
        let mut board = board(&["a", "b"]);
        for name in ["a", "b"] {
            board.verdict(id(name), &Verdict::Refused(TxCode::InsufficientFunds.into()), Instant::now());
        }
        assert_eq!(board.counts().refused[&Code::from(TxCode::InsufficientFunds)], 2);
        assert!(board.counts().all_settled());
    }

    #[test]
    fn two_equal_lines_under_one_nonce_are_two_lines() {
        let mut board = Board::new(2, 1, Instant::now());
        let refused = Verdict::Refused(TxCode::InsufficientFunds.into());
        board.sent(0, id("Yes."), Instant::now());
        board.verdict(id("Yes."), &refused, Instant::now());
        board.sent(0, id("Yes."), Instant::now());
        board.verdict(id("Yes."), &Verdict::Accepted, Instant::now());
        board.block(&block(1, &["Yes."]), Instant::now());
        assert_eq!((board.counts().refused_total(), board.counts().finalised), (1, 1));
        assert!(board.counts().all_settled() && board.contradictions().is_empty());
    }

    #[test]
    fn a_refused_line_in_a_block_is_a_contradiction() {
        let mut board = board(&["a"]);
        board.verdict(id("a"), &Verdict::Refused(TxCode::InsufficientFunds.into()), Instant::now());
        board.block(&block(1, &["a"]), Instant::now());
        assert_eq!(board.contradictions().len(), 1);
        assert_eq!(board.counts().finalised, 0);
    }

    #[test]
    fn an_accepted_line_that_is_refused_later_is_a_contradiction() {
        let mut board = board(&["a"]);
        board.verdict(id("a"), &Verdict::Accepted, Instant::now());
        board.verdict(id("a"), &Verdict::Refused(TxCode::PoolFull.into()), Instant::now());
        assert_eq!(board.contradictions().len(), 1);
        assert_eq!((board.counts().accepted, board.counts().refused_total()), (0, 1));
    }
}
