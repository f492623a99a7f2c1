//! Validators as the API's JSON shapes, and how likely chance is. Pure.
//!
//! Start reading at [`validator`].

use super::leaders::chance_of;
use blockchat_client::shapes::{COUNTED_MAX, ValidatorRowView};
use blockchat_engine::engine_view::{DECIDED_MAX, ValidatorFacts};

const _: () = assert!(DECIDED_MAX == COUNTED_MAX as usize);

/// Millionths in a whole.
const MILLION: f64 = 1_000_000.0;

/// One validator; `suspect` if it leads more than chance explains.
pub(super) fn validator(facts: &ValidatorFacts, suspect: bool) -> ValidatorRowView {
    let counted = facts.counted.max(1);
    let fair_ppm = facts.fair_ppm_blocks / u64::from(counted);
    let led_ppm = u64::from(facts.led) * 1_000_000 / u64::from(counted);
    let stake_ppm = facts.weight.map_or(0, |(own, total)| u128::from(own.0) * 1_000_000 / u128::from(total.0.max(1)));
    ValidatorRowView {
        address: facts.address,
        stake: facts.stake,
        standing: facts.standing.into(),
        member: facts.weight.is_some(),
        stake_ppm: u32::try_from(stake_ppm).unwrap_or(u32::MAX),
        counted: facts.counted,
        led: facts.led,
        led_ppm: u32::try_from(led_ppm).unwrap_or(u32::MAX),
        fair_ppm: u32::try_from(fair_ppm).unwrap_or(u32::MAX),
        chance_ppm: (led_ppm > fair_ppm).then(|| chance_ppm(facts.led, facts.counted, fair_ppm)),
        suspect,
        missed: facts.missed,
        missed_in_a_row: facts.missed_in_a_row,
        absent: facts.absent,
        last_present: facts.last_present,
    }
}

/// The probability, in millionths, that a validator that leads each of `of` blocks with the chance `fair_ppm` leads at
/// least `led` of them.
fn chance_ppm(led: u32, of: u32, fair_ppm: u64) -> u32 {
    if led > 0 && fair_ppm == 0 {
        return 0;
    }
    (chance_of(led, of, fair_ppm as f64 / MILLION) * MILLION).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_is_that_of_coins_and_dice() {
        assert_eq!(chance_ppm(1, 1, 500_000), 500_000);
        assert_eq!(chance_ppm(10, 10, 500_000), 977, "ten heads in a row: one in 1,024");
        assert_eq!(chance_ppm(8, 10, 500_000), 54_688, "8, 9 or 10 heads: 56 of 1,024");
        assert_eq!(chance_ppm(0, 10, 200_000), 1_000_000);
        assert_eq!(chance_ppm(5, 10, 0), 0, "without stake nobody leads");
        assert_eq!(chance_ppm(5, 10, 1_000_000), 1_000_000, "alone one leads everything");
    }

    #[test]
    fn what_is_usual_over_many_blocks_is_likely_and_a_grinder_is_not() {
        assert!(chance_ppm(220, 1_024, 200_000) > 100_000, "a little more than a fifth");
        assert_eq!(chance_ppm(900, 1_024, 200_000), 0, "less than one in a million");
        assert!((400_000..600_000).contains(&chance_ppm(512, 1_024, 500_000)), "half or more of half");
    }
}
