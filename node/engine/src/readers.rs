//! What readers see: the view of the node, and the answers to queries. Changes nothing.
//!
//! Start reading at [`Engine::build_view`].

use crate::chain_view::{ChainView, PhaseView, RulesView};
use crate::effect::{AccountAnswer, Answer, Effect, SubmitOutcome};
use crate::engine::Engine;
use crate::event::{Query, RequestId};
use blockchat_proto::coins::{Stake, is_quorum};
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::UnixMillis;

/// A member not heard of for this long counts as missing while a height does not come to an end, in ms.
const SILENT_AFTER_MS: u64 = 4_000;
/// A height under way for this long without a quorum in reach is said to wait, in ms.
const WAITING_AFTER_MS: u64 = 2_500;

impl Engine {
    pub(crate) fn on_query(&mut self, request: RequestId, query: Query) {
        let answer = match query {
            Query::Account(address) => Answer::Account(Box::new(self.account_answer(address))),
            Query::Transaction(id) => Answer::Transaction(self.transaction_answer(&id)),
            Query::Body(hash) => Answer::Body(self.consensus.body(&hash).cloned()),
        };
        self.ask(Effect::Answer { request, answer });
    }

    fn account_answer(&self, address: Address) -> AccountAnswer {
        let projected = self.mempool.projected(&self.ledger, &address);
        AccountAnswer {
            address,
            height: self.ledger.tip().height,
            account: self.ledger.account(&address),
            pending_balance: projected.balance,
            pending_nonce: projected.next_nonce,
        }
    }

    fn transaction_answer(&self, id: &TransactionId) -> Option<(SubmitOutcome, Option<VerifiedTransaction>)> {
        let (outcome, transaction) = self.mempool.lookup(id)?;
        let proposed = self.consensus.proposed().any(|block| block.transactions().iter().any(|tx| tx.id() == *id));
        match outcome {
            SubmitOutcome::Pooled if proposed => {
                Some((SubmitOutcome::InBlock(self.ledger.tip().height.next()), transaction))
            }
            _ => Some((outcome, transaction)),
        }
    }

    pub(crate) fn build_view(&self, now: UnixMillis) -> ChainView {
        let tip = *self.ledger.tip();
        let us = self.consensus.signer().map(|signer| signer.address());
        let member = us.is_some_and(|us| self.ledger.validators().get(&us).is_some());
        ChainView {
            tip,
            state_root: self.ledger.state_root(),
            supply: self.supply,
            validators: self.ledger.validators().clone(),
            round: self.consensus.round(),
            leader: self.consensus.leader(),
            phase: self.phase(now),
            rules: RulesView {
                version: self.ledger.version(),
                known: self.ledger.known_version(),
                next_begins: self.ledger.system().next_begins,
            },
            voting: self.ledger.unknown_version().is_none()
                && member
                && self.consensus.signing_allowed_at(tip.height.next()),
            silence: self.consensus.silence_at(tip.height.next()),
            settled: self.settled,
            pool_transactions: self.mempool.len(),
            pool_bytes: self.mempool.bytes(),
        }
    }

    fn phase(&self, now: UnixMillis) -> PhaseView {
        if self.ledger.unknown_version().is_some() {
            return PhaseView::UpdateNeeded;
        }
        let tip = self.ledger.tip().height;
        let ahead = self.catch_up.highest_claim().filter(|claim| !self.settled && *claim > tip);
        if let Some(target) = self.catch_up.backed_target(tip).or(ahead) {
            return PhaseView::CatchingUp { target };
        }
        if !self.consensus.is_deciding() {
            return PhaseView::Idle;
        }
        let (online, missing) = self.reachable(now);
        let total = self.ledger.validators().total();
        if now.since(self.consensus.since()) >= WAITING_AFTER_MS && !is_quorum(online, total) {
            return PhaseView::WaitingForStake { online, missing };
        }
        PhaseView::Deciding
    }

    /// Stake heard of lately, our own included, and the members that were not.
    fn reachable(&self, now: UnixMillis) -> (Stake, Vec<Address>) {
        let us = self.consensus.signer().map(|signer| signer.address());
        let mut online = Stake::default();
        let mut missing = vec![];
        for member in self.ledger.validators().members() {
            let heard = self.consensus.last_heard(&member.address);
            if us == Some(member.address) || heard.is_some_and(|at| now.since(at) < SILENT_AFTER_MS) {
                online = online.plus(member.stake);
            } else {
                missing.push(member.address);
            }
        }
        (online, missing)
    }
}
