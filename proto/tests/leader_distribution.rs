//! The leader draw follows its rule: as often as staked, no member twice before all had a turn, cheap for any round.
//!
//! Seeds are fixed, so nothing here can fail by bad luck; thresholds are those a fair draw misses once in a million.

use blockchat_proto::coins::Stake;
use blockchat_proto::hash::{Hash32, hash};
use blockchat_proto::keys::Address;
use blockchat_proto::leader::leader_for;
use blockchat_proto::units::{Height, Round};
use blockchat_proto::validators::{Validator, ValidatorSet};
use std::collections::BTreeSet;

fn set(stakes: &[u64]) -> ValidatorSet {
    let member = |(index, stake): (usize, &u64)| {
        let byte = u8::try_from(index).expect("at most 128 members");
        Validator { address: Address([byte; 32]), stake: Stake(*stake) }
    };
    ValidatorSet::new(stakes.iter().enumerate().map(member).collect()).expect("not empty")
}

fn parent(height: u64) -> Hash32 {
    hash("test/parent", &height.to_be_bytes())
}

fn index(address: Address) -> usize {
    usize::from(address.0[0])
}

/// Sum over the members of (drawn - expected)^2 / expected.
fn chi_square(drawn: &[u64], expected: &[f64]) -> f64 {
    drawn.iter().zip(expected).map(|(drawn, expected)| (*drawn as f64 - expected).powi(2) / expected).sum()
}

#[test]
fn members_lead_as_often_as_they_are_staked() {
    // Degrees of freedom 7; 1e-6 quantile 40.5.
    let stakes = [1_000_000, 2_000_000, 3_000_000, 5_000_000, 8_000_000, 13_000_000, 21_000_000, 1_500_001];
    let (set, draws) = (set(&stakes), 40_000_u64);
    let mut drawn = [0; 8];
    for height in 1..=draws {
        drawn[index(leader_for(&set, parent(height), Height(height), Round(0)))] += 1;
    }
    let total: u64 = stakes.iter().sum();
    let expected = stakes.map(|stake| draws as f64 * stake as f64 / total as f64);
    let chi = chi_square(&drawn, &expected);
    assert!(chi < 40.5, "chi-square {chi}, drawn {drawn:?}");
}

#[test]
fn the_second_draw_is_by_stake_among_those_left() {
    // First member 0 with 1/2; then the others by 3:2:1. Degrees of freedom 2; 1e-6 quantile 27.6.
    let set = set(&[6, 3, 2, 1]);
    let mut drawn = [0; 3];
    let heights =
        (1..=40_000).filter(|height| index(leader_for(&set, parent(*height), Height(*height), Round(0))) == 0);
    for height in heights {
        drawn[index(leader_for(&set, parent(height), Height(height), Round(1))) - 1] += 1;
    }
    let draws = drawn.iter().sum::<u64>() as f64;
    let chi = chi_square(&drawn, &[draws / 2.0, draws / 3.0, draws / 6.0]);
    assert!(chi < 27.6, "chi-square {chi}, drawn {drawn:?}");
}

#[test]
fn nobody_leads_twice_in_a_height_before_everybody_led_once() {
    let set = set(&[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]);
    for height in 1..200 {
        for cycle in 0..3 {
            let rounds = (cycle * 7)..(cycle * 7 + 7);
            let leaders: BTreeSet<_> =
                rounds.map(|round| leader_for(&set, parent(height), Height(height), Round(round))).collect();
            assert_eq!(leaders.len(), 7);
        }
    }
}

#[test]
fn a_huge_round_costs_no_more_than_one_cycle() {
    // Walking four billion draws would take minutes; a thousand of these answers take a moment.
    let set = set(&[1; 128]);
    for round in (0..1_000).map(|off| Round(u32::MAX - off)) {
        assert!(set.get(&leader_for(&set, parent(1), Height(1), round)).is_some());
    }
}

#[test]
fn height_round_and_parent_all_matter() {
    let set = set(&[1; 100]);
    let leaders: BTreeSet<_> = (1..100).map(|height| leader_for(&set, parent(0), Height(height), Round(0))).collect();
    assert!(leaders.len() > 40, "the height matters");
    let leaders: BTreeSet<_> = (1..100).map(|height| leader_for(&set, parent(height), Height(1), Round(0))).collect();
    assert!(leaders.len() > 40, "the parent matters");
}

#[test]
fn the_draw_is_pinned() {
    let set = set(&[5_000_000, 1_000_000, 3_000_000, 2_000_000, 8_000_000]);
    let leader = |height, round| index(leader_for(&set, parent(height), Height(height), Round(round)));
    let drawn = [1, 2, 3, 4].map(|height| [0, 1, 2, 3, 4, 5, 6].map(|round| leader(height, round)));
    // Computed once by a program of its own from the text of SPEC LEAD-1.
    let golden = [[2, 4, 3, 0, 1, 0, 4], [4, 0, 2, 3, 1, 4, 2], [3, 0, 4, 2, 1, 4, 0], [4, 0, 2, 3, 1, 2, 4]];
    assert_eq!(drawn, golden);
}
