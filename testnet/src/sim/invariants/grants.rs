//! The checker's own books over welcome grants: one an account, one a block, each out of the treasury. SPEC CLAIM-1, CLAIM-5,
//! CLAIM-7.
//!
//! Start reading at [`Grants::block`].

use super::Violation;
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Address;
use blockchat_proto::transaction::{Body, VerifiedTransaction};
use std::collections::BTreeSet;

/// See the module.
#[derive(Debug)]
pub(super) struct Grants {
    grant: u64,
    /// The expected treasury.
    treasury: u64,
    paid: BTreeSet<Address>,
}

impl Grants {
    /// Of a chain at its genesis.
    pub(super) fn new(genesis: &VerifiedGenesis) -> Self {
        let inner = genesis.genesis();
        let (grant, treasury) = (inner.parameters.grant.micros(), inner.treasury.micros());
        Self { grant, treasury, paid: BTreeSet::new() }
    }

    /// A new final block, the first time.
    pub(super) fn block(&mut self, final_block: &FinalBlock) -> Result<(), Violation> {
        let FinalBlock { block, applied, .. } = final_block;
        let height = block.height();
        let claims = |one: &&VerifiedTransaction| matches!(one.transaction().body, Body::Claim { .. });
        for (before, claim) in block.transactions().iter().filter(claims).enumerate() {
            let account = claim.sender();
            if before > 0 || !self.paid.insert(account) {
                return Err(Violation::GrantedTwice { height, account });
            }
            let left = self.treasury.checked_sub(self.grant);
            self.treasury = left.ok_or(Violation::Treasury { height, expected: self.treasury, found: 0 })?;
        }
        let found = applied.system().treasury.micros();
        if found == self.treasury {
            Ok(())
        } else {
            Err(Violation::Treasury { height, expected: self.treasury, found })
        }
    }
}
