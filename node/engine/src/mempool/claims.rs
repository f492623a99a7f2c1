//! Claims that wait for a block: a few, those with the most work.
//!
//! A block pays one, and claims cost no coins. So there is little room, and work decides which stay and which go first:
//! an attacker that fills it keeps out only claims with less work, and their senders may work more. Always true:
//! bounded; one per sender; both indexes agree. Start reading at [`Claims::displaced_by`].

use blockchat_proto::claim::Found;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::transaction::VerifiedTransaction;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number. Each is checked again after every block, for one hash.
pub(super) const CLAIMS_MAX: usize = 32;

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct Claims {
    waiting: BTreeMap<Address, (Found, VerifiedTransaction)>,
    /// The smallest hash, which is the most work, first.
    ranking: BTreeSet<(Found, Address)>,
}

impl Claims {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn get(&self, sender: &Address) -> Option<&VerifiedTransaction> {
        self.waiting.get(sender).map(|(_, claim)| claim)
    }

    /// By sender.
    pub(super) fn between(
        &self,
        first: Address,
        last: Address,
    ) -> impl Iterator<Item = (&Address, &VerifiedTransaction)> {
        self.waiting.range(first..=last).map(|(sender, (_, claim))| (sender, claim))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VerifiedTransaction> {
        self.waiting.values().map(|(_, claim)| claim)
    }

    /// The one with the most work.
    pub(super) fn best(&self) -> Option<&VerifiedTransaction> {
        self.ranking.first().and_then(|(_, sender)| self.get(sender))
    }

    /// The claim that one of this sender with this work displaces: its own earlier one, or the weakest if there is no
    /// room. Refused if that one has at least as much work.
    pub(super) fn displaced_by(&self, sender: Address, found: Found) -> Result<Option<Address>, TxRejected> {
        let own = self.waiting.get(&sender).map(|(found, _)| (*found, sender));
        let weakest = self.ranking.last().copied().filter(|_| self.len() >= CLAIMS_MAX);
        match own.or(weakest) {
            None => Ok(None),
            Some((other, whose)) if found < other => Ok(Some(whose)),
            Some(_) if own.is_some() => Err(TxRejected::NonceTaken { nonce: 0 }),
            Some(_) => Err(TxRejected::PoolFull),
        }
    }

    /// Adds one; the displaced one is already removed.
    pub(super) fn insert(&mut self, found: Found, claim: VerifiedTransaction) {
        let sender = claim.sender();
        self.ranking.insert((found, sender));
        self.waiting.insert(sender, (found, claim));
    }

    pub(super) fn take(&mut self, sender: &Address) -> Option<VerifiedTransaction> {
        let (found, claim) = self.waiting.remove(sender)?;
        self.ranking.remove(&(found, *sender));
        Some(claim)
    }

    /// Panics unless the invariants in the header hold. For tests.
    pub(super) fn check_invariants(&self) {
        assert!(self.len() <= CLAIMS_MAX, "claims are bounded");
        assert_eq!(self.ranking.len(), self.len(), "each is ranked once");
        for (sender, (found, claim)) in &self.waiting {
            assert!(self.ranking.contains(&(*found, *sender)) && claim.sender() == *sender);
            assert_eq!(claim.transaction().work_found(), Some(*found));
        }
    }
}
