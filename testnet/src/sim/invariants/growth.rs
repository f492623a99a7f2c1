//! The checker's own books over power: it grows slowly for every buyer. SPEC VAL-6.
//!
//! Always true of a sound chain: in any `churn_ms` of block time not more than two spans serve, so the power of all grows by
//! two eighths of the largest total in that time at most, what comes back from jail aside.
//! Start reading at [`Growth::block`].

use super::Violation;
use blockchat_engine::effect::FinalBlock;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::LedgerAct;
use blockchat_proto::units::UnixMillis;
use std::collections::{BTreeMap, VecDeque};

/// See the module.
#[derive(Debug)]
pub(super) struct Growth {
    churn_ms: u64,
    stake_min: u64,
    validators_min: usize,
    powers: BTreeMap<Address, u64>,
    /// Of the blocks of the last `churn_ms`: time, growth, total.
    lately: VecDeque<(UnixMillis, u64, u64)>,
}

impl Growth {
    /// Of a chain at its genesis.
    pub(super) fn new(genesis: &VerifiedGenesis) -> Self {
        let inner = genesis.genesis();
        let parameters = &inner.parameters;
        Self {
            churn_ms: parameters.churn_ms,
            stake_min: parameters.stake_min.micros(),
            validators_min: usize::try_from(parameters.validators_min).unwrap_or(usize::MAX),
            powers: inner.accounts.iter().map(|account| (account.address, account.stake.micros())).collect(),
            lately: VecDeque::new(),
        }
    }

    /// A new final block, the first time.
    pub(super) fn block(&mut self, final_block: &FinalBlock) -> Result<(), Violation> {
        let FinalBlock { block, applied, .. } = final_block;
        let (height, time) = (block.height(), block.header().time);
        let mut grown = 0;
        for (address, account) in applied.accounts() {
            // An account outside the set weighs nothing, and comes back with its former stake.
            let power = account.power.micros();
            let before = self.powers.insert(*address, power).unwrap_or(0);
            grown += power.saturating_sub(before);
        }
        let goes = |act: &&LedgerAct| matches!(act, LedgerAct::Jailed { .. } | LedgerAct::Barred { .. });
        let gone = applied.acts().iter().filter(goes).count();
        if applied.validators().members().len() < self.validators_min + gone {
            return Ok(());
        }
        self.lately.push_back((time, grown, applied.validators().total().0));
        while self.lately.front().is_some_and(|(at, ..)| time.since(*at) >= self.churn_ms) {
            self.lately.pop_front();
        }
        let found = self.lately.iter().map(|(_, grown, _)| grown).sum();
        let total = self.lately.iter().map(|(.., total)| *total).max().unwrap_or(0);
        let most = 2 * (total / 8).max(self.stake_min);
        if found <= most { Ok(()) } else { Err(Violation::Grown { height, found, most }) }
    }
}
