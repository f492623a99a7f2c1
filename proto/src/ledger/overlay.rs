//! Accounts changed by a block, on top of the unchanged ones.
//!
//! Always true: the accounts underneath never change; dropping the overlay undoes everything.

use super::account::Account;
use crate::coins::Coins;
use crate::keys::Address;
use std::collections::BTreeMap;

/// Copies of the touched accounts over a borrowed base.
#[derive(Debug)]
pub(super) struct Overlay<'a> {
    base: &'a BTreeMap<Address, Account>,
    touched: BTreeMap<Address, Account>,
}

impl<'a> Overlay<'a> {
    /// Nothing touched yet.
    pub(super) fn new(base: &'a BTreeMap<Address, Account>) -> Self {
        Self { base, touched: BTreeMap::new() }
    }

    /// The current account, if it was ever more than the default.
    pub(super) fn get(&self, address: &Address) -> Option<&Account> {
        self.touched.get(address).or_else(|| self.base.get(address))
    }

    /// The account before the block.
    pub(super) fn base(&self, address: &Address) -> Option<&Account> {
        self.base.get(address)
    }

    /// The account, to change it.
    pub(super) fn edit(&mut self, address: Address) -> &mut Account {
        let base = self.base;
        self.touched.entry(address).or_insert_with(|| base.get(&address).cloned().unwrap_or_default())
    }

    /// The accounts touched so far, changed or not.
    pub(super) fn touched(&self) -> &BTreeMap<Address, Account> {
        &self.touched
    }

    /// The accounts that differ from the base. `granted`: what the treasury paid into them; `burned`: what evidence
    /// burned in them.
    ///
    /// Panics if the sum of coins does not match: no sequence of transactions may do that, so it is our bug, and
    /// stopping is better than minting. SPEC MONEY-3.
    pub(super) fn into_changes(self, granted: Coins, burned: Coins) -> BTreeMap<Address, Account> {
        let Self { base, mut touched } = self;
        let unknown = Account::default();
        let (mut before, mut after) = (0_u128, 0_u128);
        touched.retain(|address, account| {
            let old = base.get(address).unwrap_or(&unknown);
            before += old.total_micros();
            after += account.total_micros();
            old != account
        });
        let before = before + u128::from(granted.micros());
        assert_eq!(before, after + u128::from(burned.micros()), "a block mints nothing and burns what evidence says");
        touched
    }
}
