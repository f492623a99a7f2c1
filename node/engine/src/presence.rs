//! Our own part in the set: are we at the tip, and does the chain know that we run? SPEC ACT-1.

use crate::effect::Effect;
use crate::engine::{Engine, PRESENCE_TICK_MS};
use crate::event::Timer;
use blockchat_proto::ledger::Standing;
use blockchat_proto::transaction::{Body, Transaction};
use blockchat_proto::units::UnixMillis;

impl Engine {
    pub(crate) fn on_presence_timer(&mut self, now: UnixMillis) {
        self.activate_ourselves(now);
        self.ask(Effect::StartTimer { timer: Timer::Presence, after_ms: PRESENCE_TICK_MS });
    }

    /// Once a peer has told where it is and nobody is ahead, or where nobody else decides, we are at the tip.
    pub(crate) fn settle(&mut self) {
        let us = self.consensus.signer().map(|signer| signer.address());
        let alone = matches!(self.ledger.validators().members(), [only] if Some(only.address) == us);
        let reached = self.catch_up.highest_claim().is_some_and(|claim| claim <= self.ledger.tip().height);
        self.settled |= alone || (reached && !self.catch_up.has_part());
    }

    /// A node whose validator has stake but is not in the set says that it runs, once it is at the tip. SPEC ACT-1.
    fn activate_ourselves(&mut self, now: UnixMillis) {
        let tip = *self.ledger.tip();
        let Some(signer) = self.consensus.signer() else {
            return;
        };
        let account = self.ledger.account(&signer.address());
        let wanted = matches!(account.standing, Standing::Inactive | Standing::Jailed)
            && account.stake >= self.ledger.parameters().stake_min;
        let at_tip = !self.catch_up.anyone_ahead(tip.height) && self.consensus.signing_allowed_at(tip.height.next());
        let Some(recent) = self.ledger.system().recent.last().filter(|_| wanted && at_tip) else {
            return;
        };
        let transaction = Transaction {
            chain: self.ledger.chain(),
            sender: signer.address(),
            nonce: 0,
            expiry: None,
            body: Body::Activate { recent: recent.hash },
        };
        let signed = transaction.sign(signer);
        if let Ok(verified) = signed.verify(self.ledger.chain())
            && self.mempool.get(&verified.id()).is_none()
        {
            let submitted = self.mempool.submit(&self.ledger, vec![verified], now);
            self.gossip(submitted.gossip);
            self.pace(now);
        }
    }
}
