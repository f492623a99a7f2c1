//! `init`: the homes of a new network.

use super::args::{InitArgs, InitFormat, ParameterArgs, PassphraseArg};
use super::failure::Failure;
use super::network::{self, Plan, PlannedHome, PlannedWallet, Reach, Written};
use super::output::{Format, count, table};
use super::passphrase;
use crate::clock::unix_millis;
use blockchat_proto::genesis::Parameters;
use std::path::Path;

/// Writes the homes and tells where they are.
pub(crate) fn init(args: InitArgs, format: Format) -> Result<(), Failure> {
    let InitFormat::Dir = args.format;
    let plan = plan(&args)?;
    let written = network::write(&plan, unix_millis(), || network::refuse_existing(&plan))?;
    format.print(&written, |written| shown(written, &args.dir));
    Ok(())
}

fn plan(args: &InitArgs) -> Result<Plan, Failure> {
    let dir = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
    let homes: Result<_, Failure> = (0..args.validators).map(|index| home(&dir, args.base_port, index)).collect();
    let wallet = |index: u32| {
        let name = format!("user{index}");
        PlannedWallet { path: dir.join("wallets").join(format!("{name}.pem")), name, fund: args.wallet_fund }
    };
    let wallets = (0..args.wallets).map(wallet).collect();
    // Not the environment: a passphrase meant for a wallet must not silently encrypt validator keys.
    let passphrase = match &args.passphrase_file {
        Some(_) => passphrase::given(&PassphraseArg { passphrase_file: args.passphrase_file.clone() })?,
        None => None,
    };
    Ok(Plan {
        folder: dir,
        name: args.name.clone(),
        parameters: parameters(&args.parameters),
        fund: args.fund,
        stake: args.stake,
        homes: homes?,
        wallets,
        passphrase,
    })
}

fn home(dir: &Path, base_port: u16, index: u32) -> Result<PlannedHome, Failure> {
    let name = format!("id{index}");
    let port = |offset: u32| match base_port {
        0 => Ok(0),
        base => u16::try_from(u32::from(base) + 2 * index + offset).map_err(|_| {
            let cause = format!("there are not enough ports above {base} for so many nodes");
            Failure::usage(cause, "lower --base-port, or take free ports with --base-port 0")
        }),
    };
    Ok(PlannedHome { path: dir.join(&name), name, api_port: port(0)?, p2p_port: port(1)?, reach: Reach::Everywhere })
}

fn parameters(args: &ParameterArgs) -> Parameters {
    let default = Parameters::default();
    Parameters {
        capacity: args.capacity.unwrap_or(default.capacity),
        block_interval_ms: args.block_interval.unwrap_or(default.block_interval_ms),
        idle_block_interval_ms: args.idle_block_interval.unwrap_or(default.idle_block_interval_ms),
        fee_basis_points: args.fee_basis_points.unwrap_or(default.fee_basis_points),
        fee_per_character: args.fee_per_character.unwrap_or(default.fee_per_character),
        fee_min: args.fee_min.unwrap_or(default.fee_min),
        validators_min: args.validators_min.unwrap_or(default.validators_min),
        unbonding_ms: args.unbonding.unwrap_or(default.unbonding_ms),
        evidence_window_ms: args.evidence_window.unwrap_or(default.evidence_window_ms),
        ..default
    }
}

fn shown(written: &Written, dir: &Path) -> String {
    let port = |port: u16| if port == 0 { "any".into() } else { port.to_string() };
    let row = |home: &network::WrittenHome| {
        vec![home.name.clone(), port(home.api_port), port(home.p2p_port), home.address.to_string()]
    };
    let homes = table(&["node", "api", "peers", "address"], &[1, 2], written.homes.iter().map(row).collect());
    let wallets = match written.wallets.len() {
        0 => String::new(),
        some => format!(
            "and {} in {}\n",
            count(u64::try_from(some).unwrap_or(u64::MAX), "funded wallet"),
            dir.join("wallets").display()
        ),
    };
    let first = &written.homes[0];
    format!(
        "chain {} in {}\n\n{homes}{wallets}\nstart each in a terminal of its own, or copy its folder to its machine:\n  \
         blockchat-node run --home {}\n",
        written.chain,
        dir.display(),
        first.home.display()
    )
}
