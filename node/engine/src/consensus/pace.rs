//! When a height starts. SPEC TIME-3.
//!
//! A node that started a height at its own time S and decided it at T starts the next at the first of: messages for it
//! of other members with more than a third of the stake, or a valid block with transactions of its first leader
//! ([`Consensus::is_called`]); `capacity` pooled transactions; a non-empty pool and S + block interval; T + idle block
//! interval. So under a light load blocks follow each other after the interval or the decision time, whichever is
//! longer, not after the sum of both. A leader with an empty pool does not wait after a full block: the others most
//! likely hold more than it does (it was restarted, or heard last), have begun, and wait only for the leader.
//! Always true: an event starts at most one height of this node's own accord. Otherwise a node that decides alone would
//! work off its whole pool inside one call, each height on the stack of the previous one.

use super::{Consensus, Turn};
use crate::effect::Effect;
use crate::event::Timer;
use blockchat_proto::coins::{Stake, is_honest_share};
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::{Height, Round};

/// Starts the next height after a block that became final in this event: soon, after the events already waiting.
/// Transactions that arrived during the disk write are pooled by then.
const BREATH_MS: u64 = 2;

impl Consensus {
    /// The pool or the tip changed: start now, or wait as long as the pool's state requires.
    pub(crate) fn pace(&mut self, turn: &mut Turn<'_>, pooled: usize) {
        if self.deciding.core.is_some() || self.is_paused(turn.ledger) || self.halted {
            return;
        }
        let height = turn.ledger.tip().height.next();
        let parameters = turn.ledger.parameters();
        let full = usize::try_from(parameters.capacity).is_ok_and(|capacity| pooled >= capacity);
        let (wait_ms, from) = match pooled {
            0 => (parameters.idle_block_interval_ms, self.deciding.since),
            _ => (parameters.block_interval_ms, self.deciding.begun_last),
        };
        let left_ms = wait_ms.saturating_sub(turn.now.since(from));
        let awaited = pooled == 0
            && self.deciding.after_full
            && self.signing.signer().is_some_and(|signer| signer.address() == self.deciding.leader);
        let due = full || awaited || left_ms == 0 || self.is_called(turn.ledger);
        if due && !self.begun {
            self.start_height(turn);
        } else {
            let after_ms = if due { BREATH_MS } else { left_ms };
            turn.ask(Effect::StartTimer { timer: Timer::Pace(height), after_ms });
        }
    }

    /// The wait is over, if nothing else started the height.
    pub(crate) fn on_pace_timer(&mut self, turn: &mut Turn<'_>, height: Height) {
        let ours = height == turn.ledger.tip().height.next() && self.deciding.core.is_none();
        if ours && !self.is_paused(turn.ledger) && !self.halted {
            self.start_height(turn);
        }
    }

    /// Do others call for the next height before its time? A single one does only with transactions: otherwise a member
    /// with any stake could make an idle chain run at full speed. Among more than a third at least one is honest, and
    /// its wait is over. Our own stake does not count: if we held a third, any one other member would be enough.
    pub(super) fn is_called(&mut self, ledger: &Ledger) -> bool {
        is_honest_share(self.spoken_for(ledger), ledger.validators().total()) || self.brings_transactions(ledger)
    }

    /// Has the leader of the first round proposed a valid, non-empty block? Executed once: the verdict is kept.
    fn brings_transactions(&mut self, ledger: &Ledger) -> bool {
        let (height, leader) = (ledger.tip().height.next(), self.deciding.leader);
        let blocks = self.ahead.first_blocks(height).filter(|(author, _)| *author == leader);
        let loaded: Vec<_> =
            blocks.filter(|(_, block)| !block.transactions().is_empty()).map(|(_, block)| block.clone()).collect();
        loaded.into_iter().any(|block| {
            let (hash, built) = (block.hash(), block.header().round);
            self.deciding.proposed.insert(Round(0), block);
            built == Round(0)
                && self.deciding.proposed.get_mut(&hash).is_some_and(|known| known.applied(ledger).is_some())
        })
    }

    /// `following`: the node is catching up with blocks that peers prove; `unknown_rules`: it does not know those of
    /// the next height.
    pub(crate) fn stand_aside(&mut self, following: bool, unknown_rules: bool) {
        self.following = following;
        self.unknown_rules = unknown_rules;
    }

    /// While catching up no height starts, unless members with more than a third of the stake, our own included, speak
    /// for the height after our tip: then an honest member is deciding it, and a peer that delivers old blocks one by
    /// one would only keep us from voting. Never under unknown rules. SPEC VER-5.
    pub(super) fn is_paused(&self, ledger: &Ledger) -> bool {
        if self.unknown_rules || !self.following {
            return self.unknown_rules;
        }
        let us = self.signer().filter(|_| self.signing_allowed_at(ledger.tip().height.next()));
        let own = us.and_then(|signer| ledger.validators().get(&signer.address())).map(|member| member.stake);
        let speaking = own.unwrap_or_default().plus(self.spoken_for(ledger));
        !is_honest_share(speaking, ledger.validators().total())
    }

    /// Stake of the other members that said something about the height after the tip.
    pub(crate) fn spoken_for(&self, ledger: &Ledger) -> Stake {
        let us = self.signer().map(|signer| signer.address());
        let others = self.deciding.speakers.iter().filter(|speaker| Some(**speaker) != us);
        let members = others.filter_map(|speaker| ledger.validators().get(speaker));
        members.fold(Stake::default(), |sum, member| sum.plus(member.stake))
    }
}
