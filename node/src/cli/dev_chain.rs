//! A development chain: made by `run` when there is none.

use super::failure::Failure;
use super::home::Home;
use super::network::{self, FAUCET, Plan, PlannedHome, PlannedWallet, Reach};
use super::output::note;
use crate::clock::unix_millis;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Parameters, VerifiedGenesis};

/// Coins of its validator.
const FUND: Coins = Coins::from_bcc(10_000);
/// Of these, staked.
const STAKE: Coins = Coins::from_bcc(1_000);
/// Coins of its faucet, for newcomers.
const FAUCET_FUND: Coins = Coins::from_bcc(1_000_000);

/// Coins that newcomers may claim without asking.
const TREASURY: Coins = Coins::from_bcc(10_000);
/// Of its stake, what grants of one day may take, in 1/10,000: all of it, so that a class can join on one day.
const GRANT_CAP: u32 = 10_000;

/// Writes a chain with one validator into an unused home, and a wallet with coins to give away. Unless it is shared, it
/// listens for peers on this machine only.
pub(crate) fn create(home: &Home, share: bool) -> Result<VerifiedGenesis, Failure> {
    let own = PlannedHome {
        name: "dev".into(),
        path: home.path().into(),
        api_port: 0,
        p2p_port: 0,
        reach: Reach::Usual { share },
        host: None,
    };
    let faucet = PlannedWallet { name: FAUCET.into(), path: home.wallet_path(FAUCET)?, fund: FAUCET_FUND };
    let plan = Plan {
        folder: home.path().into(),
        name: "dev".into(),
        parameters: Parameters { grant_cap_basis_points: GRANT_CAP, ..Parameters::default() },
        fund: FUND,
        stake: STAKE,
        treasury: TREASURY,
        homes: vec![own],
        wallets: vec![faucet],
        passphrase: None,
    };
    let written = network::write(&plan, unix_millis(), || refuse_used(home))?;
    note(&format!("made a development chain of your own, {}, in {}", written.chain, home.path().display()));
    home.genesis()?.ok_or_else(|| {
        Failure::new("the genesis that was just written is gone", "is another program at work in this folder?")
    })
}

/// A home that was in use and lost its genesis must not silently become another chain.
pub(crate) fn refuse_used(home: &Home) -> Result<(), Failure> {
    let used = ["config.toml", "keys", "data"].map(|name| home.path().join(name));
    match used.iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(found) => {
            let cause = format!("{} exists, but {} does not", found.display(), home.genesis_path().display());
            let next = "copy genesis.json from another node of the chain, or run in an empty --home DIR";
            Err(Failure::new(cause, next).coded("no_genesis"))
        }
    }
}
