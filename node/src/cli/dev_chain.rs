//! A chain of one's own: what `run` makes when there is none.

use super::failure::Failure;
use super::home::Home;
use super::network::{self, Plan, PlannedHome, Reach};
use super::output::note;
use crate::clock::unix_millis;
use crate::config::API_LISTEN_DEFAULT;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Parameters, VerifiedGenesis};
use std::net::SocketAddr;

/// Coins of its only account.
const FUND: Coins = Coins::from_bcc(10_000);
/// Of these, staked.
const STAKE: Coins = Coins::from_bcc(1_000);

/// Writes a chain with one validator into an unused home. It listens for peers on this machine only: nobody else has
/// its genesis.
pub(crate) fn create(home: &Home) -> Result<VerifiedGenesis, Failure> {
    let api: SocketAddr = API_LISTEN_DEFAULT.parse().expect("the default is an address and port");
    let own = PlannedHome {
        name: "dev".into(),
        path: home.path().into(),
        api_port: api.port(),
        p2p_port: 0,
        reach: Reach::Machine,
    };
    let plan = Plan {
        folder: home.path().into(),
        name: "dev".into(),
        parameters: Parameters::default(),
        fund: FUND,
        stake: STAKE,
        homes: vec![own],
        wallets: vec![],
        passphrase: None,
    };
    let written = network::write(&plan, unix_millis(), || refuse_used(home))?;
    note(&format!("made a development chain of your own, {}, in {}", written.chain, home.path().display()));
    home.genesis()?.ok_or_else(|| {
        Failure::new("the genesis that was just written is gone", "is another program at work in this folder?")
    })
}

/// A home that was in use and lost its genesis must not silently become another chain.
fn refuse_used(home: &Home) -> Result<(), Failure> {
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
