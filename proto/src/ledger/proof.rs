//! Proofs of one account for a reader that trusts only a state root. SPEC STATE-3.
//!
//! Start reading at [`AccountProof::verify`].

use super::account::Account;
use super::leaves;
use super::root::{bit, inner_hash, leaf_hash};
use crate::hash::Hash32;
use crate::keys::Address;
use serde::{Deserialize, Serialize};

/// The content of one account, with the hashes from it to the state root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountProof {
    /// Its address.
    pub address: Address,
    /// Its content; the default account if it is not in the state.
    pub account: Account,
    /// Sibling hashes along its path, from the root down.
    pub siblings: Vec<Hash32>,
    /// The other leaf at the end of its path, if the account is not in the state and the path does not end in an empty
    /// subtree.
    pub neighbour: Option<Neighbour>,
}

/// The leaf that occupies the place of an absent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Its key.
    pub key: Hash32,
    /// Its value hash.
    pub value: Hash32,
}

impl AccountProof {
    /// Does the state with this root contain exactly this account (or, for the default account, none)?
    ///
    /// Take the root from a header whose block has a valid certificate. Cost: one hash per sibling; at most 256.
    pub fn verify(&self, state_root: Hash32) -> bool {
        let key = leaves::account_key(&self.address);
        if self.siblings.len() > 256 {
            return false;
        }
        let end = match (leaves::account_value(&self.account), self.neighbour) {
            (Some(value), None) => leaf_hash(&key, &value),
            (None, None) => Hash32::ZERO,
            (None, Some(other)) if self.is_in_the_way(&key, &other.key) => leaf_hash(&other.key, &other.value),
            (_, Some(_)) => return false,
        };
        let climb = |below: Hash32, (depth, sibling): (usize, &Hash32)| {
            if bit(&key, depth) { inner_hash(sibling, &below) } else { inner_hash(&below, sibling) }
        };
        self.siblings.iter().enumerate().rev().fold(end, climb) == state_root
    }

    /// Is the neighbour a different key on the same path, as far as the path goes?
    fn is_in_the_way(&self, key: &Hash32, neighbour: &Hash32) -> bool {
        key != neighbour && (0..self.siblings.len()).all(|depth| bit(key, depth) == bit(neighbour, depth))
    }
}
