//! The view of the node, and the answers to queries. Changes nothing that decides.
//!
//! Start reading at [`Engine::build_view`].

use crate::chain_view::{ChainView, PhaseView, RulesView, Silence};
use crate::effect::{AccountAnswer, Answer, Effect, SubmitOutcome, Wait};
use crate::engine::Engine;
use crate::engine_view::{DECIDED_SHOWN, EngineView};
use crate::event::{Query, RequestId};
use blockchat_proto::coins::{Stake, is_quorum};
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{TransactionId, VerifiedTransaction};
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::CommitSignature;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A member not heard for this long counts as missing while a height is undecided, in ms.
const SILENT_AFTER_MS: u64 = 4_000;
/// A member that said nothing about this many of the last heights,
const SILENT_HEIGHTS: u64 = 2;
/// and nothing for this long, in ms, counts as silent.
const SILENT_HEIGHTS_MS: u64 = 3_000;
/// A height under way for this long without a reachable quorum counts as waiting, in ms.
const WAITING_AFTER_MS: u64 = 2_500;

impl Engine {
    pub(crate) fn on_query(&mut self, request: RequestId, query: Query, now: UnixMillis) {
        let answer = match query {
            Query::Account(address) => Answer::Account(Box::new(self.account_answer(address))),
            Query::Transaction(id) => Answer::Transaction(self.transaction_answer(&id)),
            Query::Waits(ids) => Answer::Waits(self.waits_of(&ids)),
            Query::Body(hash) => Answer::Body(self.consensus.body(&hash).cloned()),
            Query::Proof(address) => Answer::Proof(self.ledger.tip().height, Box::new(self.ledger.prove(&address))),
            Query::Consensus => Answer::Consensus(Box::new(self.build_engine_view(now))),
            Query::Validators => Answer::Validators(self.tally.validators(&self.ledger)),
            Query::Pool { after, of, limit } => Answer::Pool(self.mempool.part(after, of, limit)),
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

    /// Each sender is looked up once, however many of its transactions wait.
    fn waits_of(&self, ids: &[TransactionId]) -> Vec<Option<Wait>> {
        let mut next_nonces = BTreeMap::new();
        let mut wait_of = |id| {
            let (sender, until) = self.mempool.waits(id)?;
            let projected = || self.mempool.projected(&self.ledger, &sender).next_nonce;
            Some(Wait { next_nonce: *next_nonces.entry(sender).or_insert_with(projected), until })
        };
        ids.iter().map(&mut wait_of).collect()
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
            supply: self.made.checked_sub(self.stakes.burned).unwrap_or_default(),
            stakes: Arc::clone(&self.stakes),
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
                && !self.consensus.is_shut_out()
                && self.consensus.votes_at(tip.height.next()),
            silence: if self.consensus.is_shut_out() {
                Some(Silence::ShutOut)
            } else {
                self.consensus.silence_at(tip.height.next())
            },
            clocks_ahead_ms: self.clocks_ahead_ms,
            staked: us.is_some_and(|us| self.ledger.account(&us).stake >= self.ledger.parameters().stake_min),
            undecided_since: self.consensus.undecided_since(),
            silent: self.silent.clone(),
            reached_tip: self.reached_tip,
            pool_transactions: self.mempool.len(),
            pool_bytes: self.mempool.bytes(),
        }
    }

    fn build_engine_view(&mut self, now: UnixMillis) -> EngineView {
        self.note_late_signers();
        let view = self.build_view(now);
        EngineView {
            now,
            height: view.tip.height.next(),
            begun: self.consensus.is_deciding(),
            phase: view.phase,
            rules: view.rules,
            voting: view.voting,
            round: view.round,
            since: self.consensus.since(),
            heard: self.consensus.all_heard(&view.validators),
            validators: view.validators,
            own: self.consensus.signer().map(|signer| signer.address()),
            rounds: self.consensus.rounds(&self.ledger),
            timers: self.tally.timers(),
            leaders: self.consensus.next_leaders(&self.ledger),
            decided: self.tally.last(DECIDED_SHOWN),
        }
    }

    /// Late precommits count too.
    pub(crate) fn note_late_signers(&mut self) {
        let tip = self.ledger.tip().height;
        let signers = |parts: &[CommitSignature]| parts.iter().map(|part| part.validator).collect::<Vec<_>>();
        if let Some(commit) = self.consensus.commit_for_next() {
            self.tally.signed(commit.height, signers(&commit.signatures).into_iter());
        }
        if let Some(late) = self.consensus.late_for_next() {
            self.tally.signed(Height(tip.0.saturating_sub(1)), signers(&late.signatures).into_iter());
        }
    }

    fn phase(&self, now: UnixMillis) -> PhaseView {
        if self.ledger.unknown_version().is_some() {
            return PhaseView::UpdateNeeded;
        }
        let tip = self.ledger.tip().height;
        let ahead = self.catch_up.hoped_for(tip).filter(|_| !self.reached_tip);
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

    /// Members that were silent in the last heights.
    pub(crate) fn look_for_silent(&self, now: UnixMillis) -> Vec<Address> {
        let us = self.consensus.signer().map(|signer| signer.address());
        let tip = self.ledger.tip().height;
        let missed = |member: &Address| {
            let spoken = self.consensus.last_spoken(member).is_none_or(|at| at.0 + SILENT_HEIGHTS > tip.0);
            let lately = self.consensus.last_heard(member).is_some_and(|at| now.since(at) < SILENT_HEIGHTS_MS);
            !spoken && !lately
        };
        let others = self.ledger.validators().members().iter().map(|member| member.address);
        others.filter(|member| self.reached_tip && Some(*member) != us && missed(member)).collect()
    }

    /// Stake heard recently, our own included, and the members not heard.
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
