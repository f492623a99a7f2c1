//! Our own part in the set: are we at the tip, and does the chain know that we run, and by which rules we can?
//! SPEC ACT-1, VER-1.

use crate::effect::Effect;
use crate::engine::{Engine, PRESENCE_TICK_MS};
use crate::event::Timer;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Standing;
use blockchat_proto::transaction::{Body, Transaction};
use blockchat_proto::units::UnixMillis;

impl Engine {
    pub(crate) fn on_presence_timer(&mut self, now: UnixMillis) {
        self.declare_ourselves(now);
        self.ask(Effect::StartTimer { timer: Timer::Presence, after_ms: PRESENCE_TICK_MS });
    }

    /// Once a peer has told where it is and nobody is ahead, or where nobody else decides, we are at the tip. Never where we
    /// do not know the rules: the chain has gone on without us, for all we know.
    pub(crate) fn settle(&mut self) {
        let us = self.consensus.signer().map(|signer| signer.address());
        let alone = matches!(self.ledger.validators().members(), [only] if Some(only.address) == us);
        let reached = self.catch_up.highest_claim().is_some_and(|claim| claim <= self.ledger.tip().height);
        let reached = reached && !self.catch_up.has_part();
        self.settled = self.ledger.unknown_version().is_none() && (self.settled || alone || reached);
    }

    /// A node whose validator has something to declare says so, once it is at the tip.
    fn declare_ourselves(&mut self, now: UnixMillis) {
        let tip = *self.ledger.tip();
        let Some(signer) = self.consensus.signer() else {
            return;
        };
        let at_tip = self.ledger.unknown_version().is_none()
            && !self.catch_up.anyone_ahead(tip.height)
            && self.consensus.signing_allowed_at(tip.height.next());
        let Some(body) = self.declaration(&signer.address()).filter(|_| at_tip) else {
            return;
        };
        let (chain, sender) = (self.ledger.chain(), signer.address());
        let signed = Transaction { chain, sender, nonce: 0, expiry: None, body }.sign(signer);
        if let Ok(verified) = signed.verify(chain)
            && self.mempool.get(&verified.id()).is_none()
        {
            let submitted = self.mempool.submit(&self.ledger, vec![verified], now);
            self.gossip(submitted.gossip);
            self.pace(now);
        }
    }

    /// What the chain does not know of our validator: that it runs, if it has stake but is not in the set (SPEC ACT-1); else
    /// that it knows a version of the rules above what it announced and what is in force (SPEC VER-1).
    fn declaration(&self, us: &Address) -> Option<Body> {
        let account = self.ledger.account(us);
        let (known, told) = (self.ledger.known_version(), account.announced.max(self.ledger.version()));
        match account.standing {
            _ if account.stake < self.ledger.parameters().stake_min => None,
            Standing::Inactive | Standing::Jailed => {
                let recent = self.ledger.system().recent.last()?.hash;
                Some(Body::Activate { recent })
            }
            Standing::Active => (known > told).then_some(Body::Announce { version: known }),
            Standing::Barred => None,
        }
    }
}
