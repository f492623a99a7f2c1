//! Speed of the simulator: a plain network under full load, and the real time it takes.
//!
//! Start reading at [`measure`].

use super::counts::Met;
use super::dice::Dice;
use super::invariants::Violation;
use super::load::FEEDERS;
use super::network::Weather;
use super::scenario::{Scenario, UserPlan};
use super::time::Micros;
use super::world;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, GenesisAccount, Parameters};
use blockchat_proto::keys::Signer;
use std::time::Instant;

/// Transactions a block.
pub const CAPACITY: u32 = 50;

/// The measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// Decided heights.
    pub heights: u64,
    /// Final transactions.
    pub transactions: u64,
    /// Real time.
    pub seconds: f64,
}

/// One thread, this many validators, full blocks of [`CAPACITY`], no faults. Every signature is made, and checked once
/// for all receivers of the same bytes.
pub fn measure(validators: usize, heights: u64) -> Result<Speed, Violation> {
    let scenario = full_load(validators, heights);
    let begun = Instant::now();
    let outcome = world::run(scenario, false);
    let seconds = begun.elapsed().as_secs_f64();
    let (heights, transactions) = (outcome.counts.get(Met::Heights), outcome.counts.get(Met::Transactions));
    match outcome.violation {
        Some(violation) => Err(violation),
        None => Ok(Speed { heights, transactions, seconds }),
    }
}

fn full_load(validators: usize, heights: u64) -> Scenario {
    let mut scenario = Scenario::plain(0, validators, heights);
    let mut dice = Dice::of(0, "speed");
    let every = Micros(0);
    let user = |dice: &mut Dice| UserPlan {
        signer: Signer::from_seed(&dice.bytes()),
        every,
        burst_permille: 0,
        double_permille: 0,
    };
    scenario.users = (0..FEEDERS).map(|_| user(&mut dice)).collect();
    scenario.feed = u64::from(CAPACITY);
    scenario.weather = Weather { delay_max: Micros(1_000), ..Weather::calm() };
    let plain = scenario.genesis.genesis().clone();
    let mut accounts: Vec<_> = plain.accounts.into_iter().filter(|account| !account.stake.is_zero()).collect();
    let funded = |user: &UserPlan| GenesisAccount {
        address: user.signer.address(),
        balance: Coins::from_bcc(1_000_000),
        stake: Coins::ZERO,
        name: None,
    };
    accounts.extend(scenario.users.iter().map(funded));
    accounts.sort_by_key(|account| account.address);
    let parameters = Parameters { capacity: CAPACITY, ..plain.parameters };
    let genesis = Genesis { accounts, parameters, ..plain };
    scenario.genesis = genesis.verify().expect("a sound genesis");
    scenario
}
