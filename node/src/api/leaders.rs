//! How often each validator leads, and whether chance explains it; the queue of stake that waits for power.
//!
//! Owns: the sum of chances, for people to look at. Does not own: any rule, which is why it may use floating point numbers.
//! Start reading at [`chance_of`].

use blockchat_client::shapes::{LedView, QueuedView};
use blockchat_proto::ledger::{Led, Waiting};

/// Less likely than this: not by chance. With 128 members and a look at every block, chance gets there once in years.
const SUSPECT_BELOW: f64 = 1e-9;

/// As the API shows it.
pub(in crate::api) fn leaders(led: &[Led]) -> Vec<LedView> {
    led.iter().map(leader).collect()
}

fn leader(led: &Led) -> LedView {
    let share = millionths(led.stake.0, led.total.0);
    let chance = chance_of(led.led, led.blocks, share);
    let Led { address, led, blocks, .. } = *led;
    LedView { address, led, blocks, chance: format!("{chance:.1e}"), suspect: chance < SUSPECT_BELOW }
}

/// As the API shows it.
pub(in crate::api) fn queue(waiting: &[Waiting]) -> Vec<QueuedView> {
    let view = |one: &Waiting| QueuedView {
        address: one.address,
        waiting: one.waiting,
        since: one.since,
        done_at: one.done_at,
    };
    waiting.iter().map(view).collect()
}

/// `part` of `total`, exact to a millionth: more than enough here.
fn millionths(part: u64, total: u64) -> f64 {
    let millionths = u128::from(part) * 1_000_000 / u128::from(total.max(1));
    f64::from(u32::try_from(millionths).unwrap_or(1_000_000)) / 1e6
}

/// The probability that at least `led` of `blocks` draws hit, each with this chance. The upper tail of the binomial
/// distribution.
pub(super) fn chance_of(led: u32, blocks: u32, share: f64) -> f64 {
    if led == 0 || share >= 1.0 {
        return 1.0;
    }
    // Logarithms: the terms are far below the smallest number that a float can hold.
    let share = share.max(1e-6);
    let mut term = f64::from(blocks) * (1.0 - share).ln();
    let mut sum = 0.0;
    for count in 1..=blocks {
        term += (f64::from(blocks - count + 1) / f64::from(count)).ln() + (share / (1.0 - share)).ln();
        if count >= led {
            sum += term.exp();
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Stake;
    use blockchat_proto::keys::Address;

    #[test]
    fn the_chance_is_that_of_the_binomial_distribution() {
        let check = |led, blocks, share, expected: f64| {
            let found = chance_of(led, blocks, share);
            assert!((found / expected - 1.0).abs() < 1e-3, "{led} of {blocks} at {share}: {found:e}, not {expected:e}");
        };
        check(1, 1, 0.25, 0.25);
        check(2, 3, 0.5, 0.5);
        check(10, 100, 0.1, 0.548_710);
        check(100, 100, 0.1, 1e-100);
        check(1, 100, 0.01, 1.0 - 0.99_f64.powi(100));
        assert!((chance_of(0, 100, 0.1) - 1.0).abs() < 1e-9);
        assert!((chance_of(5, 0, 0.1)).abs() < 1e-9, "nobody led what is not there");
    }

    #[test]
    fn a_grinder_is_named_and_an_honest_member_is_not() {
        let led = |led, stake| {
            leader(&Led { address: Address([1; 32]), led, blocks: 100, stake: Stake(stake), total: Stake(1_000) })
        };
        assert!(led(90, 100).suspect, "{:?}", led(90, 100));
        assert!(!led(25, 100).suspect, "{:?}", led(25, 100));
        assert!(!led(100, 1_000).suspect);
        assert_eq!(led(0, 100).chance, "1.0e0");
    }
}
