//! One node's lane: which of its lines to sign, send or resend next. Pure: no clock of its own, no waiting.
//!
//! Owns: nonces, the bytes that were signed, the funds that are certain. Does not own: HTTP (`sender`), the counts
//! (`board`). Always true:
//! - a line is signed once; the same bytes are submitted until they are final or refused;
//! - several lines travel together only if their fees are certain to be covered, so that only a lone line can be
//!   refused for want of funds: its nonce is free again before the next line is signed;
//! - nothing new is signed while a line has no verdict, nor before the node knows all of the earlier ones.
//!
//! Start reading at [`Lane::step`].

use blockchat_client::shapes::{AccountView, Code, TransactionState};
use blockchat_proto::codec;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::ledger::fee_for;
use blockchat_proto::limits;
use blockchat_proto::refusal::Retry;
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction, TransactionId};
use blockchat_proto::units::Height;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Maximum lines per submit; with [`SUBMIT_BYTES_MAX`], below the limits of a batch.
const SUBMIT_LINES_MAX: usize = 128;
/// Maximum bytes per submit.
const SUBMIT_BYTES_MAX: usize = limits::BATCH_BYTES_MAX / 2;
/// Maximum lines that are accepted and not final: below one sender's share of a pool.
const IN_FLIGHT_MAX: usize = 4_096;
/// No run reaches this height.
const EXPIRY_BEYOND: u64 = 1 << 40;
/// A transaction that is not final after this time is submitted again.
const RESEND_AFTER: Duration = Duration::from_secs(5);

/// The next step of a lane.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Submit these, in this order, to the lane's node.
    Submit(Vec<(TransactionId, SignedTransaction)>),
    /// Ask the node for the account, and tell [`Lane::account`].
    AskAccount,
    /// Wait until a line becomes final or some time has passed.
    Wait,
    /// Every line is final or refused.
    Done,
}

/// The result of a submitted line.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is queued, pooled, in a block or final.
    Accepted,
    /// Refused for good with this code; the nonce is free.
    Refused(Code),
    /// Refused for now; the same bytes are tried again.
    TryAgain,
    /// Unknown to this lane, or already settled.
    Unknown,
}

#[derive(Debug)]
struct InFlight {
    id: TransactionId,
    signed: SignedTransaction,
    /// Time of the last submit; `None` while its node may not have heard of it.
    heard: Option<Instant>,
    has_verdict: bool,
}

/// Lines of one node, and their nonces.
#[derive(Debug)]
pub struct Lane {
    user: Signer,
    chain: Hash32,
    parameters: Parameters,
    unsent: VecDeque<Body>,
    next_nonce: u64,
    /// Number of lines signed so far.
    signed: u64,
    /// Nonces below `next_nonce` that a refusal freed.
    freed: BTreeSet<u64>,
    in_flight: BTreeMap<u64, InFlight>,
    nonces: HashMap<TransactionId, u64>,
    /// Coins that are certainly spendable, less those of transactions signed since.
    funds: Coins,
    /// Is `funds` the node's latest answer?
    funds_are_fresh: bool,
    /// May more lines follow?
    open: bool,
}

impl Lane {
    /// A lane for a user of this chain that sends these messages in order, with its first nonce.
    pub fn new(
        user: Signer,
        chain: Hash32,
        parameters: Parameters,
        messages: Vec<(Address, String)>,
        next_nonce: u64,
    ) -> Self {
        let send = |(to, text)| Body::Send { to, amount: Coins::ZERO, payload: Payload::Plain(text) };
        Self {
            user,
            chain,
            parameters,
            unsent: messages.into_iter().map(send).collect(),
            next_nonce,
            signed: 0,
            freed: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            nonces: HashMap::new(),
            funds: Coins::ZERO,
            funds_are_fresh: false,
            open: false,
        }
    }

    /// Keeps the lane open for more lines until [`Lane::close`]: it is not done before.
    #[must_use]
    pub fn kept_open(mut self) -> Self {
        self.open = true;
        self
    }

    /// Adds a line.
    pub fn push(&mut self, to: Address, text: String) {
        self.unsent.push_back(Body::Send { to, amount: Coins::ZERO, payload: Payload::Plain(text) });
    }

    /// Number of lines that wait to be signed.
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// No more lines follow.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// The sender.
    pub fn address(&self) -> Address {
        self.user.address()
    }

    /// The next step. Call again after performing it.
    pub fn step(&mut self, now: Instant) -> Step {
        let again = self.due_again(now);
        if !again.is_empty() {
            return Step::Submit(again);
        }
        let Some(body) = self.unsent.front() else {
            return if self.in_flight.is_empty() && !self.open { Step::Done } else { Step::Wait };
        };
        if self.in_flight.len() >= IN_FLIGHT_MAX || self.in_flight.values().any(|line| !line.has_verdict) {
            return Step::Wait;
        }
        let covered = self.fee(body) <= self.funds;
        if !covered && !self.funds_are_fresh {
            return Step::AskAccount;
        }
        Step::Submit(if covered { self.sign_covered(now) } else { vec![self.sign_next(now)] })
    }

    /// The account as its node sees it. Believed only if the node knows everything this lane has sent.
    pub fn account(&mut self, account: &AccountView) -> bool {
        let expected = self.freed.first().copied().unwrap_or(self.next_nonce);
        self.funds_are_fresh = account.pending_nonce == expected;
        if self.funds_are_fresh {
            self.funds = account.pending_balance;
        }
        self.funds_are_fresh
    }

    /// The node's answer about one submitted line.
    pub fn answer(&mut self, id: TransactionId, state: &TransactionState) -> Outcome {
        let Some(nonce) = self.nonces.get(&id).copied() else {
            return Outcome::Unknown;
        };
        let line = self.in_flight.get_mut(&nonce).expect("both maps hold the same lines");
        match state {
            TransactionState::Queued
            | TransactionState::Pooled
            | TransactionState::InBlock { .. }
            | TransactionState::Unknown => {
                line.has_verdict = true;
                Outcome::Accepted
            }
            TransactionState::Final { .. } => {
                self.settle(id);
                Outcome::Accepted
            }
            TransactionState::Refused { retry, .. } if *retry != Retry::Never => Outcome::TryAgain,
            TransactionState::Refused { code, .. } => {
                self.settle(id);
                self.freed.insert(nonce);
                Outcome::Refused(code.clone())
            }
        }
    }

    /// The line is final: nothing more to do for it. Saying so twice is fine.
    pub fn settle(&mut self, id: TransactionId) {
        if let Some(nonce) = self.nonces.remove(&id) {
            self.in_flight.remove(&nonce);
        }
    }

    /// The node is gone, or did not answer: what it knows is uncertain, so everything in flight is submitted again.
    pub fn lost_contact(&mut self) {
        self.funds = Coins::ZERO;
        self.funds_are_fresh = false;
        for line in self.in_flight.values_mut() {
            line.heard = None;
            line.has_verdict = false;
        }
    }

    /// Transactions to submit again: those that the node may not have heard of, and those that are not final for long.
    fn due_again(&mut self, now: Instant) -> Vec<(TransactionId, SignedTransaction)> {
        let due = |line: &&mut InFlight| match line.heard {
            Some(at) => now.saturating_duration_since(at) >= RESEND_AFTER,
            None => true,
        };
        let again = self.in_flight.values_mut().filter(due).take(SUBMIT_LINES_MAX / 4);
        let again = again.map(|line| {
            line.heard = Some(now);
            (line.id, line.signed.clone())
        });
        again.collect()
    }

    /// Signs as many of the next lines as are certain to be covered, at least one.
    fn sign_covered(&mut self, now: Instant) -> Vec<(TransactionId, SignedTransaction)> {
        let mut signed = vec![];
        let mut bytes = 0;
        while let Some(body) = self.unsent.front() {
            // Chain, sender, nonce and signature take about 200 bytes.
            bytes += codec::encode(body).len() + 256;
            let fee = self.fee(body);
            let fits = signed.len() < SUBMIT_LINES_MAX && bytes <= SUBMIT_BYTES_MAX;
            let Some(left) = self.funds.checked_sub(fee).filter(|_| fits || signed.is_empty()) else {
                break;
            };
            self.funds = left;
            signed.push(self.sign_next(now));
        }
        signed
    }

    /// Signs the next line with the lowest free nonce. There must be one.
    fn sign_next(&mut self, now: Instant) -> (TransactionId, SignedTransaction) {
        let body = self.unsent.pop_front().expect("the caller has seen a line");
        let nonce = self.freed.pop_first().unwrap_or_else(|| {
            self.next_nonce += 1;
            self.next_nonce - 1
        });
        self.funds_are_fresh = false;
        // A refused line frees its nonce, and the next one may say the same to the same receiver: the expiry, beyond any
        // height of a run, keeps their ids apart.
        self.signed += 1;
        let expiry = Some(Height(EXPIRY_BEYOND + self.signed));
        let transaction = Transaction { chain: self.chain, sender: self.address(), nonce, expiry, body };
        let signed = transaction.sign(&self.user);
        let id = signed.id();
        self.nonces.insert(id, nonce);
        let line = InFlight { id, signed: signed.clone(), heard: Some(now), has_verdict: false };
        self.in_flight.insert(nonce, line);
        (id, signed)
    }

    /// Its price; more than any balance if it is beyond all amounts: then the node refuses it.
    fn fee(&self, body: &Body) -> Coins {
        fee_for(body, &self.parameters).unwrap_or(Coins::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::fake_node::FakeNode;
    use blockchat_proto::refusal::TxCode;

    fn message(text: &str) -> Body {
        Body::Send { to: Address([9; 32]), amount: Coins::ZERO, payload: Payload::Plain(text.into()) }
    }

    fn lane(texts: &[&str]) -> Lane {
        let user = Signer::from_seed(&[3; 32]);
        let messages = texts.iter().map(|text| (Address([9; 32]), (*text).to_string())).collect();
        Lane::new(user, Hash32::ZERO, Parameters::default(), messages, 0)
    }

    /// Performs steps until the lane waits or is done; returns the sizes of the submits.
    fn drive(lane: &mut Lane, node: &mut FakeNode, now: Instant) -> Vec<usize> {
        let mut sizes = vec![];
        loop {
            match lane.step(now) {
                Step::Submit(batch) => {
                    sizes.push(batch.len());
                    for (id, signed) in batch {
                        lane.answer(id, &node.submit(&signed));
                    }
                }
                Step::AskAccount => assert!(lane.account(&node.account(lane.address()))),
                Step::Wait | Step::Done => return sizes,
            }
        }
    }

    fn texts(node: &FakeNode) -> Vec<&str> {
        node.chain.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn lines_that_are_covered_travel_together_and_in_order() {
        let mut node = FakeNode { balance: 100, ..FakeNode::default() };
        let mut lane = lane(&["one", "two", "three"]);
        assert_eq!(drive(&mut lane, &mut node, Instant::now()), [3]);
        node.finalise(9).into_iter().for_each(|id| lane.settle(id));
        assert_eq!(texts(&node), ["one", "two", "three"]);
        assert_eq!(lane.step(Instant::now()), Step::Done);
    }

    #[test]
    fn a_line_that_cannot_be_paid_goes_alone_and_frees_its_nonce() {
        let mut node = FakeNode { balance: 8, ..FakeNode::default() };
        let mut lane = lane(&["four", "much too long", "abc", "no", "x"]);
        assert_eq!(drive(&mut lane, &mut node, Instant::now()), [1, 1, 1, 1, 1]);
        assert_eq!(node.refusals, 2);
        node.finalise(9).into_iter().for_each(|id| lane.settle(id));
        assert_eq!(texts(&node), ["four", "abc", "x"]);
        assert_eq!(lane.step(Instant::now()), Step::Done);
    }

    #[test]
    fn after_a_crash_the_same_bytes_go_again_before_anything_new() {
        let mut node = FakeNode { balance: 100, ..FakeNode::default() };
        let mut lane = lane(&["one", "two"]);
        drive(&mut lane, &mut node, Instant::now());
        let first_final = node.finalise(1);
        node.pool.clear();
        lane.lost_contact();
        lane.unsent.push_back(message("late"));
        let sizes = drive(&mut lane, &mut node, Instant::now());
        assert_eq!(sizes, [2, 1], "two old ones, then the new one");
        assert_eq!(lane.in_flight.len(), 2, "the first one answered that it is final");
        node.finalise(9).into_iter().chain(first_final).for_each(|id| lane.settle(id));
        assert_eq!(texts(&node), ["one", "two", "late"]);
        assert_eq!(lane.step(Instant::now()), Step::Done);
    }

    #[test]
    fn a_node_that_is_behind_is_not_believed_about_funds() {
        let mut lane = lane(&["one"]);
        lane.next_nonce = 7;
        let behind = FakeNode { balance: 1_000, ..FakeNode::default() }.account(lane.address());
        assert_eq!(lane.step(Instant::now()), Step::AskAccount);
        assert!(!lane.account(&behind));
        assert_eq!(lane.step(Instant::now()), Step::AskAccount);
    }

    #[test]
    fn what_is_not_final_for_long_is_submitted_again_unchanged() {
        let mut node = FakeNode { balance: 100, ..FakeNode::default() };
        let mut lane = lane(&["one"]);
        let start = Instant::now();
        drive(&mut lane, &mut node, start);
        assert_eq!(lane.step(start), Step::Wait);
        let Step::Submit(again) = lane.step(start + RESEND_AFTER) else { panic!("nothing is sent again") };
        assert_eq!(again[0].0, node.pool[&0].0);
        assert_eq!(lane.step(start + RESEND_AFTER), Step::Wait);
    }

    #[test]
    fn a_passing_refusal_keeps_the_line_and_its_nonce() {
        let mut lane = lane(&["one"]);
        let start = Instant::now();
        lane.account(&FakeNode { balance: 100, ..FakeNode::default() }.account(lane.address()));
        let Step::Submit(batch) = lane.step(start) else { panic!("it was not sent") };
        let (code, reason) = (TxCode::PoolFull.into(), String::new());
        let full = TransactionState::Refused { code, reason, retry: Retry::Now };
        assert_eq!(lane.answer(batch[0].0, &full), Outcome::TryAgain);
        assert_eq!(lane.step(start), Step::Wait);
        assert_eq!(lane.step(start + RESEND_AFTER), Step::Submit(batch));
    }

    #[test]
    fn two_refused_lines_that_say_the_same_are_two_lines() {
        let mut lane = Lane::new(
            Signer::from_seed(&[1; 32]),
            Hash32::ZERO,
            Parameters::default(),
            vec![(Address([9; 32]), "twice".into()); 2],
            0,
        );
        let mut node = FakeNode::default();
        let mut ids = vec![];
        let now = Instant::now();
        loop {
            match lane.step(now) {
                Step::AskAccount => assert!(lane.account(&node.account(lane.address()))),
                Step::Submit(batch) => {
                    for (id, signed) in batch {
                        ids.push(id);
                        let refused = lane.answer(id, &node.submit(&signed));
                        assert_eq!(refused, Outcome::Refused(TxCode::InsufficientFunds.into()));
                    }
                }
                Step::Wait => panic!("nothing to wait for"),
                Step::Done => break,
            }
        }
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1]);
    }
}
