//! The validator set of one height. SPEC VAL-1, VAL-2.
//!
//! Always true: never empty, sorted by address, no member without stake, at most [`limits::VALIDATORS_MAX`] members.

use crate::codec;
use crate::coins::Stake;
use crate::hash::{Hash32, hash, label};
use crate::keys::Address;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One member of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Its account, which is its key.
    pub address: Address,
    /// Its voting power, in micro-BCC; never 0.
    pub stake: Stake,
}

/// Who decides a height, with what weight. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    members: Vec<Validator>,
    total: Stake,
    hash: Hash32,
}

/// The wire form that is hashed.
#[derive(Serialize, Deserialize)]
struct MemberBytes {
    address: Address,
    stake: u64,
}

/// There must be somebody to decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a validator set cannot be empty")]
pub struct EmptySet;

impl ValidatorSet {
    /// The set of the heaviest [`limits::VALIDATORS_MAX`] candidates by (stake descending, address ascending).
    ///
    /// Candidates with no stake are left out; a repeated address keeps its first entry in that order.
    pub fn new(mut candidates: Vec<Validator>) -> Result<Self, EmptySet> {
        candidates.retain(|member| member.stake > Stake::default());
        candidates.sort_by(|a, b| b.stake.cmp(&a.stake).then(a.address.cmp(&b.address)));
        candidates.truncate(limits::VALIDATORS_MAX);
        candidates.sort_by_key(|member| member.address);
        candidates.dedup_by_key(|member| member.address);
        if candidates.is_empty() {
            return Err(EmptySet);
        }
        let total = candidates.iter().fold(Stake::default(), |sum, member| sum.plus(member.stake));
        let bytes: Vec<_> =
            candidates.iter().map(|member| MemberBytes { address: member.address, stake: member.stake.0 }).collect();
        let hash = hash(label::VALIDATORS, &codec::encode(&bytes));
        Ok(Self(Arc::new(Inner { members: candidates, total, hash })))
    }

    /// Its members, by address.
    pub fn members(&self) -> &[Validator] {
        &self.0.members
    }

    /// Sum of all stakes.
    pub fn total(&self) -> Stake {
        self.0.total
    }

    /// What headers commit to.
    pub fn hash(&self) -> Hash32 {
        self.0.hash
    }

    /// The member with this address, if any. Cost: one binary search.
    pub fn get(&self, address: &Address) -> Option<&Validator> {
        let index = self.0.members.binary_search_by_key(address, |member| member.address).ok()?;
        self.0.members.get(index)
    }
}
