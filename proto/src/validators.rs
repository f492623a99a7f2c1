//! The validator set of one height. SPEC VAL-1, VAL-2.
//!
//! Always true: never empty, sorted by address, no member without stake, at most [`limits::VALIDATORS_MAX`] members.

use crate::codec;
use crate::coins::{Coins, Stake};
use crate::hash::{Hash32, hash, label};
use crate::keys::Address;
use crate::limits;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One member of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Its account address, which is its public key.
    pub address: Address,
    /// Its voting power, in micro-BCC; never 0.
    pub stake: Stake,
}

/// The members that decide a height, with their weights. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    members: Vec<Validator>,
    total: Stake,
    hash: Hash32,
}

/// A member in hashed form, also for readers that know only the hash. SPEC VAL-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its account address, which is its public key.
    pub address: Address,
    /// Its voting power; never 0.
    pub stake: Coins,
}

/// The members do not form a set: out of order, repeated, without stake, or too many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these are not the members of a set: sorted by address, each once, with stake, 1 to 128 of them")]
pub struct NoSuchSet;

/// The set would be empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a validator set cannot be empty")]
pub struct EmptySet;

impl Member {
    fn of(validator: &Validator) -> Self {
        let stake = Coins::from_micros(validator.stake.0).expect("a stake is part of the supply");
        Self { address: validator.address, stake }
    }
}

impl ValidatorSet {
    /// The set of the heaviest [`limits::VALIDATORS_MAX`] candidates by (stake descending, address ascending).
    ///
    /// Candidates without stake are left out; a repeated address keeps its first entry in that order.
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
        let bytes: Vec<_> = candidates.iter().map(Member::of).collect();
        let hash = hash(label::VALIDATORS, &codec::encode(&bytes));
        Ok(Self(Arc::new(Inner { members: candidates, total, hash })))
    }

    /// The set of exactly these members.
    pub fn of_members(members: &[Member]) -> Result<Self, NoSuchSet> {
        let supply = members.iter().try_fold(Coins::ZERO, |sum, member| sum.checked_add(member.stake));
        supply.ok_or(NoSuchSet)?;
        let of = |member: &Member| Validator { address: member.address, stake: member.stake.into() };
        let set = Self::new(members.iter().map(of).collect()).map_err(|EmptySet| NoSuchSet)?;
        if set.as_members() == members { Ok(set) } else { Err(NoSuchSet) }
    }

    /// Its members in hashed form.
    pub fn as_members(&self) -> Vec<Member> {
        self.members().iter().map(Member::of).collect()
    }

    /// Its members, by address.
    pub fn members(&self) -> &[Validator] {
        &self.0.members
    }

    /// Sum of all stakes.
    pub fn total(&self) -> Stake {
        self.0.total
    }

    /// The hash in headers.
    pub fn hash(&self) -> Hash32 {
        self.0.hash
    }

    /// The member with this address, if any. Cost: one binary search.
    pub fn get(&self, address: &Address) -> Option<&Validator> {
        let index = self.0.members.binary_search_by_key(address, |member| member.address).ok()?;
        self.0.members.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(address: u8, bcc: u64) -> Member {
        Member { address: Address([address; 32]), stake: Coins::from_bcc(bcc) }
    }

    /// SPEC VAL-2.
    #[test]
    fn a_set_comes_back_from_its_members_and_from_nothing_else() {
        let members = [member(1, 5), member(2, 3)];
        let set = ValidatorSet::of_members(&members).unwrap();
        assert_eq!(set.as_members(), members);
        assert_eq!(ValidatorSet::of_members(&set.as_members()).map(|again| again.hash()), Ok(set.hash()));
        let many: Vec<_> = (0..=128).map(|address| member(address, 1)).collect();
        let huge = [Member { stake: Coins::MAX, ..member(1, 0) }, member(2, 1)];
        for wrong in
            [&[][..], &[member(2, 3), member(1, 5)], &[member(1, 5), member(1, 5)], &[member(1, 0)], &many, &huge]
        {
            assert_eq!(ValidatorSet::of_members(wrong), Err(NoSuchSet));
        }
    }
}
