//! Accounts without coins that claim a welcome grant: work by the terms of any node, submitted there, and now and then
//! other work to another node at the same time. SPEC CLAIM-1 to CLAIM-7.
//!
//! Always true: claimants do not remember a grant; a paid one claims in vain later. Start reading at [`World::claim`].

use super::counts::Met;
use super::dice::Dice;
use super::time::Micros;
use super::world::{Happening, World};
use blockchat_proto::claim::{Found, Search};
use blockchat_proto::hash::Hash32;
use blockchat_proto::transaction::{Body, VerifiedTransaction};

/// Maximum pause between two claims.
const AGAIN_MAX: u64 = 4_000;
/// More numbers than any search here takes.
const NUMBERS_MAX: u64 = 1_000_000;

impl World {
    pub(super) fn begin_claims(&mut self) {
        for claimant in 0..self.scenario.claimants.len() {
            self.claim_later(claimant);
        }
    }

    /// With dice of their own, so that the choice of payers stays the same.
    fn claim_later(&mut self, claimant: usize) {
        let mut dice = self.dice_of(claimant);
        let at = self.now.plus(Micros::from_ms(dice.range(200..=AGAIN_MAX)));
        self.push(at, Happening::Claim(claimant));
    }

    fn dice_of(&self, claimant: usize) -> Dice {
        let turn = u64::try_from(claimant).expect("few").wrapping_mul(1 << 40).wrapping_add(self.now.0);
        Dice::of(self.scenario.seed.wrapping_add(turn), "claims")
    }

    /// One claim, by what a node says it takes; sometimes with too little work, or at two nodes.
    pub(super) fn claim(&mut self, claimant: usize) {
        if self.is_done() {
            return;
        }
        self.claim_later(claimant);
        let mut dice = self.dice_of(claimant);
        let up: Vec<_> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_up()).collect();
        let places = if dice.permille(300) { 2 } else { 1 };
        for place in 0..places {
            let Some(node) = dice.pick(&up) else { return };
            let (first, lazy) = (place * NUMBERS_MAX, dice.permille(100));
            if let Some(claim) = self.worked(node, claimant, first, lazy) {
                self.hand_in(node, vec![claim]);
            }
        }
    }

    fn worked(&mut self, node: usize, claimant: usize, first: u64, lazy: bool) -> Option<VerifiedTransaction> {
        let ledger = self.nodes[node].engine.as_ref()?.engine.ledger();
        let terms = ledger.grant_terms(ledger.tip().time);
        let signer = self.scenario.claimants[claimant].clone();
        // If the treasury is empty, any work will do.
        let tries = terms.tries.filter(|_| terms.closed.is_none() && !lazy).map_or(1, |tries| tries.count());
        let recent = terms.recent.map_or(Hash32::ZERO, |block| block.hash);
        let search = Search::new(self.scenario.genesis.hash(), signer.address(), recent);
        let most = Found(u64::MAX / tries);
        let work = (first..first + NUMBERS_MAX).find(|work| search.attempt(*work) <= most)?;
        if terms.closed.is_some() || ledger.account(&signer.address()).claimed {
            self.counts.met(Met::ClaimsRefused);
        }
        self.sign(&signer, 0, None, Body::Claim { recent, work })
    }
}
