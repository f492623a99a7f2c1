//! Our own part in the set: are we at the tip, and does the chain know that our validator runs, and which rules it
//! knows? SPEC ACT-1, VER-1.

use crate::effect::Effect;
use crate::engine::{Engine, PRESENCE_TICK_MS};
use crate::event::Timer;
use blockchat_proto::coins::is_honest_share;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::Standing;
use blockchat_proto::transaction::{Body, Transaction};
use blockchat_proto::units::UnixMillis;

impl Engine {
    pub(crate) fn on_presence_timer(&mut self, now: UnixMillis) {
        let connected = self.catch_up.has_peers();
        self.with_consensus(now, |consensus, turn| consensus.tick(turn, connected));
        self.silent = self.look_for_silent(now);
        self.clocks_ahead_ms = self.consensus.clocks_ahead_ms(&self.ledger);
        self.declare_ourselves(now);
        self.tell_evidence(now);
        self.start_presence_timer();
    }

    pub(crate) fn start_presence_timer(&mut self) {
        let after_ms = self.consensus.tick_soon().unwrap_or(PRESENCE_TICK_MS);
        self.ask(Effect::StartTimer { timer: Timer::Presence, after_ms });
    }

    /// Have we been at the tip? Alone we are; otherwise see [`crate::catch_up::CatchUp::at_tip`]. Never under unknown
    /// rules: the chain may have continued without us.
    pub(crate) fn note_tip_reached(&mut self) {
        let known = self.ledger.unknown_version().is_none();
        self.reached_tip = known && (self.reached_tip || self.has_arrived());
    }

    /// Do we decide alone?
    pub(crate) fn is_alone(&self) -> bool {
        let us = self.consensus.signer().map(|signer| signer.address());
        matches!(self.ledger.validators().members(), [only] if Some(only.address) == us)
    }

    fn has_arrived(&self) -> bool {
        self.is_at_tip() && !self.catch_up.has_news(self.ledger.tip().height)
    }

    fn is_at_tip(&self) -> bool {
        if self.is_alone() {
            return true;
        }
        let spoken = is_honest_share(self.consensus.spoken_for(&self.ledger), self.ledger.validators().total());
        self.catch_up.at_tip(self.ledger.tip().height, spoken)
    }

    /// Announces what our validator has to announce, once at the tip.
    fn declare_ourselves(&mut self, now: UnixMillis) {
        let tip = *self.ledger.tip();
        let Some(signer) = self.consensus.signer() else {
            return;
        };
        let at_tip = self.ledger.unknown_version().is_none()
            && self.is_at_tip()
            && self.consensus.signing_allowed_at(tip.height.next());
        let Some(body) = self.declaration(&signer.address()).filter(|_| at_tip) else {
            return;
        };
        let (chain, sender) = (self.ledger.chain(), signer.address());
        let signed = Transaction { chain, sender, nonce: 0, expiry: None, body }.sign(signer);
        if let Ok(verified) = signed.verify(chain)
            && self.mempool.get(&verified.id()).is_none()
        {
            let submitted = self.mempool.submit(&self.ledger, vec![verified], None, now);
            self.gossip(submitted.gossip);
            self.pace(now);
        }
    }

    /// A fact about our validator that the chain lacks: that it runs, if it has stake but is not in the set (SPEC
    /// ACT-1); else that it knows a version of the rules above the one it announced and the one in force (SPEC VER-1).
    fn declaration(&self, us: &Address) -> Option<Body> {
        let account = self.ledger.account(us);
        let (known, told) = (self.ledger.known_version(), account.announced.max(self.ledger.version()));
        match account.standing {
            _ if account.stake < self.ledger.parameters().stake_min => None,
            Standing::Inactive | Standing::Jailed if self.ledger.tip().time.plus(1) < account.may_activate_at() => None,
            Standing::Inactive | Standing::Jailed => {
                let recent = self.ledger.system().recent.last()?.hash;
                Some(Body::Activate { recent })
            }
            Standing::Active => (known > told).then_some(Body::Announce { version: known }),
            Standing::Barred => None,
        }
    }
}
