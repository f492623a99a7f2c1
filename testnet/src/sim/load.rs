//! Users that pay, chat and stake: they ask any node for their account, sign, and submit to that node.
//!
//! Always true: users keep no nonces of their own; they believe the node they ask, so two nodes that differ make them spend
//! twice by mistake, and now and then they try it on purpose.
//! Start reading at [`World::turn`].

use super::counts::Met;
use super::dice::Dice;
use super::peers::Question;
use super::scenario::{Scenario, UserPlan};
use super::time::Micros;
use super::world::{Happening, World};
use blockchat_engine::effect::{AccountAnswer, Answer};
use blockchat_engine::event::{Event, Query, RequestId};
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::{Body, Payload, SignedTransaction, Transaction, VerifiedTransaction, verify_all};
use blockchat_proto::units::Height;
use std::collections::VecDeque;

/// A change of a stake is looked at again after this.
const STAKE_AGAIN: Micros = Micros::from_ms(1_500);
/// Users go on for so long after the faults have stopped.
const AFTER_FAULTS: Micros = Micros::from_ms(2_000);
/// Users that feed a chain, if it is to be fed.
pub(super) const FEEDERS: u64 = 25;

/// Why a node was asked something.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// This user wants to pay.
    Pay(usize),
    /// This plan is to be carried out.
    Stake(usize),
    /// Another node wants a block.
    Body(Question),
}

/// The users.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) dice: Dice,
    receivers: Vec<Address>,
    stop: Option<Micros>,
    /// Signed before the run, handed in as blocks become final.
    ready: VecDeque<SignedTransaction>,
}

impl Load {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let receivers = scenario.genesis.genesis().accounts.iter().map(|account| account.address).collect();
        let mut load = Self { dice: Dice::of(scenario.seed, "load"), receivers, stop: None, ready: VecDeque::new() };
        let (users, per_user) = (&scenario.users, scenario.feed * (scenario.heights + 10) / FEEDERS);
        for nonce in 0..per_user {
            for user in users.iter().filter(|_| scenario.feed > 0) {
                let body = load.body();
                let (chain, sender) = (scenario.genesis.hash(), user.signer.address());
                load.ready.push_back(Transaction { chain, sender, nonce, expiry: None, body }.sign(&user.signer));
            }
        }
        load
    }

    /// One thing to send: coins, a message, or both.
    fn body(&mut self) -> Body {
        let to = self.dice.pick(&self.receivers).unwrap_or(Address([1; 32]));
        let amount = Coins::from_micros(self.dice.range(1..=3_000_000)).expect("a few coins");
        let text = || Payload::Plain("hi".into());
        match self.dice.below(3) {
            0 => Body::Send { to, amount, payload: Payload::None },
            1 => Body::Send { to, amount: Coins::ZERO, payload: text() },
            _ => Body::Send { to, amount, payload: text() },
        }
    }
}

impl World {
    pub(super) fn begin_load(&mut self) {
        if self.scenario.feed > 0 {
            self.push(Micros::from_ms(500), Happening::Feed);
        } else {
            (0..self.scenario.users.len()).for_each(|user| self.next_turn(user));
        }
        self.begin_claims();
        for plan in 0..self.scenario.stakes.len() {
            self.push(self.scenario.stakes[plan].at, Happening::Stake(plan));
        }
    }

    /// The next transactions that were signed before, at some node.
    pub(super) fn feed(&mut self) {
        let count = usize::try_from(self.scenario.feed).expect("a few").min(self.load.ready.len());
        let signed: Vec<_> = self.load.ready.drain(..count).collect();
        let verified = verify_all(signed, self.scenario.genesis.hash());
        let verified: Vec<_> = verified.into_iter().flatten().collect();
        self.known.extend(verified.iter().map(|transaction| (transaction.id(), transaction.clone())));
        if let Some(node) = self.some_node() {
            self.hand_in(node, verified);
        }
    }

    fn next_turn(&mut self, user: usize) {
        let every = self.scenario.users[user].every.0;
        let at = self.now.plus(Micros(self.load.dice.range(0..=2 * every)));
        self.push(at, Happening::Turn(user));
    }

    /// A user asks some node for its account.
    pub(super) fn turn(&mut self, user: usize) {
        if self.is_done() {
            return;
        }
        self.next_turn(user);
        let address = self.scenario.users[user].signer.address();
        self.ask_account(address, Purpose::Pay(user));
    }

    /// Do users send nothing any more? Then the chain may come to rest.
    pub(super) fn is_done(&mut self) -> bool {
        self.healed && self.now > *self.load.stop.get_or_insert(self.now.plus(AFTER_FAULTS))
    }

    /// An owner looks whether its stake is as it wants it.
    pub(super) fn change_stake(&mut self, plan: usize) {
        let address = self.scenario.stakes[plan].signer.address();
        self.ask_account(address, Purpose::Stake(plan));
        self.push(self.now.plus(STAKE_AGAIN), Happening::Stake(plan));
    }

    fn ask_account(&mut self, address: Address, purpose: Purpose) {
        let Some(node) = self.some_node() else {
            return;
        };
        let request = RequestId(self.number());
        self.questions.insert(request, purpose);
        self.deliver(node, Event::Query { request, query: Query::Account(address) });
    }

    pub(super) fn some_node(&mut self) -> Option<usize> {
        let up: Vec<_> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_up()).collect();
        self.load.dice.pick(&up)
    }

    /// A node answers a question of ours.
    pub(super) fn answered(&mut self, node: usize, request: RequestId, answer: Answer) {
        match (self.questions.remove(&request), answer) {
            (Some(Purpose::Pay(user)), Answer::Account(account)) => self.pay(node, user, &account),
            (Some(Purpose::Stake(plan)), Answer::Account(account)) => self.stake(node, plan, &account),
            (Some(Purpose::Body(question)), Answer::Body(block)) => self.hand_over_body(node, question, block),
            _ => {}
        }
    }

    fn pay(&mut self, node: usize, user: usize, account: &AccountAnswer) {
        let UserPlan { signer, burst_permille, double_permille, .. } = self.scenario.users[user].clone();
        let dice = &mut self.load.dice;
        let (burst, double) = (dice.permille(burst_permille), dice.permille(double_permille));
        let count = if burst { u64::from(self.scenario.genesis.genesis().parameters.capacity) + 3 } else { 1 };
        let nonces = account.pending_nonce..account.pending_nonce + count;
        let transactions: Vec<_> = nonces.filter_map(|nonce| self.sign_send(&signer, nonce, account.height)).collect();
        self.hand_in(node, transactions);
        if double && let Some(other) = self.some_node() {
            let rival = self.sign_send(&signer, account.pending_nonce, account.height);
            self.counts.met(Met::DoubleSpends);
            self.hand_in(other, rival.into_iter().collect());
        }
    }

    fn sign_send(&mut self, signer: &Signer, nonce: u64, height: Height) -> Option<VerifiedTransaction> {
        let body = self.load.body();
        let expiry = self.load.dice.permille(100).then(|| Height(height.0 + self.load.dice.range(1..=5)));
        self.sign(signer, nonce, expiry, body)
    }

    pub(super) fn sign(
        &mut self,
        signer: &Signer,
        nonce: u64,
        expiry: Option<Height>,
        body: Body,
    ) -> Option<VerifiedTransaction> {
        let chain = self.scenario.genesis.hash();
        let transaction = Transaction { chain, sender: signer.address(), nonce, expiry, body };
        let verified = transaction.sign(signer).verify(chain).ok()?;
        self.known.insert(verified.id(), verified.clone());
        Some(verified)
    }

    fn stake(&mut self, node: usize, plan: usize, account: &AccountAnswer) {
        let plan = self.scenario.stakes[plan].clone();
        let asked = account.account.stake == plan.amount || account.pending_nonce != account.account.next_nonce;
        if !asked {
            let body = Body::Stake { amount: plan.amount };
            let signed = self.sign(&plan.signer, account.pending_nonce, None, body);
            self.hand_in(node, signed.into_iter().collect());
        }
    }

    /// Handed in as soon as the node has finished what it is doing.
    pub(super) fn hand_in(&mut self, node: usize, transactions: Vec<VerifiedTransaction>) {
        let life = self.nodes[node].life;
        if !transactions.is_empty() {
            self.push(self.now, Happening::Submit { node, life, transactions });
        }
    }

    pub(super) fn submit(&mut self, node: usize, transactions: Vec<VerifiedTransaction>) {
        let request = RequestId(self.number());
        self.deliver(node, Event::SubmitTransactions { request, transactions, replaces: None });
    }
}
