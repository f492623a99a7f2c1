//! The stake-weighted leader draw. SPEC LEAD-1 to LEAD-4.

use crate::coins::Stake;
use crate::hash::{Hash32, Hasher, label};
use crate::keys::Address;
use crate::units::{Height, Round};
use crate::validators::{Validator, ValidatorSet};

/// The validator that may build the block of this height and round.
///
/// Draw i (for i = 0..=round) takes the first 8 bytes, big endian, of `H("blockchat/leader/v1", parent hash, height as
/// u64be, i as u32be)`: x. `(x * total) >> 64` picks one of the validators not yet drawn in this height, with
/// probability stake / their total stake (with an error below total / 2^64), in address order, so every node agrees.
/// After all n were drawn, the draws start again. Stakes are in micro-BCC.
///
/// Never fails: a [`ValidatorSet`] is never empty and has no member without stake. Cost: O((round mod n + 1) * n),
/// however large a round a peer claims. SPEC LEAD-1 to LEAD-3. A block's author can influence the next draw by choosing
/// the contents; SPEC LEAD-4 says how much, and why we accept it. This is the only function to change for another seed.
pub fn leader_for(validators: &ValidatorSet, parent: Hash32, height: Height, round: Round) -> Address {
    let mut left: Vec<Validator> = validators.members().to_vec();
    // SPEC LEAD-2: draws depend only on those since the last multiple of n.
    let members = u32::try_from(left.len()).expect("a set has at most 128 members");
    let cycle_start = round.0 - round.0 % members;
    for draw in cycle_start..round.0 {
        let drawn = pick(&left, parent, height, draw);
        left.remove(drawn);
    }
    left[pick(&left, parent, height, round.0)].address
}

/// Index of the validator that draw `draw` picks among `left`.
fn pick(left: &[Validator], parent: Hash32, height: Height, draw: u32) -> usize {
    let total = left.iter().fold(Stake::default(), |sum, member| sum.plus(member.stake));
    let digest =
        Hasher::new(label::LEADER).part(&parent.0).part(&height.0.to_be_bytes()).part(&draw.to_be_bytes()).finish();
    let x = u64::from_be_bytes(*digest.0.first_chunk().expect("a hash has more than 8 bytes"));
    let mut point = (u128::from(x) * u128::from(total.0)) >> 64;
    for (index, member) in left.iter().enumerate() {
        match point.checked_sub(u128::from(member.stake.0)) {
            Some(rest) => point = rest,
            None => return index,
        }
    }
    unreachable!("the point lies below the total of the stakes walked")
}
