//! The leaves of the state tree: the state that decides validity, as keys and value hashes. SPEC STATE-1.
//!
//! One leaf per account that differs from the default (key: `"account"` and its address), and one each for `"system"`,
//! `"parameters"`, `"clock"` (height, time and parent of the last block) and `"validators"` (hash of the set that
//! decided the last block, hash of the set that decides the next). Keys cannot collide: only those of accounts are 39
//! bytes long.

use super::System;
use super::account::Account;
use crate::codec;
use crate::genesis::Parameters;
use crate::hash::{Hash32, Hasher, hash, label};
use crate::keys::Address;
use crate::units::{Height, UnixMillis};
use crate::validators::ValidatorSet;
use serde::Serialize;

/// A key of the state tree and its new value hash; `None` removes the leaf.
pub(super) type LeafUpdate = (Hash32, Option<Hash32>);

/// The key of an account's leaf.
pub(super) fn account_key(address: &Address) -> Hash32 {
    Hasher::new(label::STATE_KEY).part(b"account").part(&address.0).finish()
}

/// The value hash of an account; the default account has no leaf.
pub(super) fn account_value(account: &Account) -> Option<Hash32> {
    (*account != Account::default()).then(|| value(account))
}

/// One account.
pub(super) fn account(address: &Address, account: &Account) -> LeafUpdate {
    (account_key(address), account_value(account))
}

/// Treasury and recent blocks.
pub(super) fn system(system: &System) -> LeafUpdate {
    (key(b"system"), Some(value(system)))
}

/// The parameters of the chain: they never change, and a proof against any state root shows them.
pub(super) fn parameters(parameters: &Parameters) -> LeafUpdate {
    (key(b"parameters"), Some(value(parameters)))
}

/// Height, time and parent of the last block.
pub(super) fn clock(height: Height, time: UnixMillis, parent: Hash32) -> LeafUpdate {
    (key(b"clock"), Some(value(&(height, time, parent))))
}

/// The two sets needed to check the next block.
pub(super) fn validators(decided: &ValidatorSet, next: &ValidatorSet) -> LeafUpdate {
    (key(b"validators"), Some(value(&(decided.hash(), next.hash()))))
}

fn key(name: &[u8]) -> Hash32 {
    hash(label::STATE_KEY, name)
}

fn value(content: &impl Serialize) -> Hash32 {
    hash(label::STATE_VALUE, &codec::encode(content))
}
