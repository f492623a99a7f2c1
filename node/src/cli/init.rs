//! `init`: the homes of a new network.

use super::args::{InitArgs, InitFormat, ParameterArgs, PassphraseArg};
use super::containers;
use super::failure::Failure;
use super::network::{self, FAUCET, Plan, PlannedHome, PlannedWallet, Reach, Written};
use super::output::{Format, bcc, count, note, quoted, table};
use super::passphrase;
use crate::clock::unix_millis;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::Parameters;
use std::path::Path;

/// Writes the homes and tells where they are.
pub(crate) fn init(args: InitArgs, format: Format) -> Result<(), Failure> {
    let plan = plan(&args)?;
    warning(&args).iter().for_each(|warning| note(&format!("warning: {warning}")));
    if args.format != InitFormat::Dir {
        if !args.hosts.is_empty() {
            let cause = "--hosts is for machines; in containers the nodes find each other by their service";
            return Err(Failure::usage(cause, "leave --hosts away, or write folders: --format dir"));
        }
        return containers::write(&plan, &args, format);
    }
    refuse_container_flags(&args)?;
    let written = network::write(&plan, unix_millis(), || network::refuse_existing(&plan))?;
    format.print(&written, |written| shown(written, &args.dir));
    Ok(())
}

/// A flag that would do nothing is a mistake.
fn refuse_container_flags(args: &InitArgs) -> Result<(), Failure> {
    if args.base.is_some() || args.image.is_some() || args.not_secret {
        let cause = "--base, --image and --not-secret are for networks in containers";
        return Err(Failure::usage(cause, "add --format k8s or --format compose, or leave them away"));
    }
    Ok(())
}

fn plan(args: &InitArgs) -> Result<Plan, Failure> {
    let dir = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
    let homes: Result<_, Failure> = match args.hosts.as_slice() {
        [] => (0..args.validators).map(|index| home(&dir, args.base_port, index)).collect(),
        hosts => hosts.iter().zip(0..).map(|(host, index)| home_for(host, &dir, args.base_port, index)).collect(),
    };
    let wallets = dir.join(containers::wallets_folder(args));
    let wallet = |index: u32| {
        let name = format!("user{index}");
        PlannedWallet { path: wallets.join(format!("{name}.pem")), name, fund: args.wallet_fund }
    };
    let faucet = PlannedWallet { name: FAUCET.into(), path: wallets.join("faucet.pem"), fund: args.faucet };
    let faucet = Some(faucet).filter(|_| !args.faucet.is_zero());
    let wallets = faucet.into_iter().chain((0..args.wallets).map(wallet)).collect();
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
        stake: stake(args),
        treasury: args.treasury,
        homes: homes?,
        wallets,
        passphrase,
    })
}

/// Most of the coins, unless something else is wanted: what is not staked can be staked by one of many later.
fn stake(args: &InitArgs) -> Coins {
    args.stake.unwrap_or_else(|| args.fund.share(9_000))
}

/// Facts about a network with these coins.
fn warning(args: &InitArgs) -> Option<String> {
    let (stake, fund) = (stake(args), args.fund);
    let free = fund.checked_sub(stake)?;
    (args.validators > 1 && free > stake).then(|| {
        format!(
            "each validator keeps {} and stakes {}: one that stakes the rest outweighs the others within hours. Stake most of \
             it, such as with --stake {}",
            bcc(free),
            bcc(stake),
            fund.share(9_000)
        )
    })
}

fn home(dir: &Path, base_port: u16, index: u32) -> Result<PlannedHome, Failure> {
    let name = format!("id{index}");
    let port = |offset: u32| match base_port {
        0 => Ok(0),
        base => u16::try_from(u32::from(base) + 2 * index + offset).map_err(|_| {
            let cause = format!("there are not enough ports above {base} for this number of nodes");
            Failure::usage(cause, "lower --base-port, or take free ports with --base-port 0")
        }),
    };
    let (path, reach, host) = (dir.join(&name), Reach::Everywhere, None);
    Ok(PlannedHome { path, name, api_port: port(0)?, p2p_port: port(1)?, reach, host })
}

/// For a machine of its own: the same ports on each.
fn home_for(host: &str, dir: &Path, base_port: u16, index: u32) -> Result<PlannedHome, Failure> {
    if base_port == 0 {
        let cause = "with --base-port 0 the other machines would not know the ports";
        return Err(Failure::usage(cause, "name a port, or leave --base-port away"));
    }
    let alone = home(dir, base_port, 0)?;
    let name = format!("id{index}");
    Ok(PlannedHome { path: dir.join(&name), name, host: Some(host.to_owned()), ..alone })
}

fn parameters(args: &ParameterArgs) -> Parameters {
    let default = Parameters::default();
    Parameters {
        capacity: args.capacity.unwrap_or(default.capacity),
        block_interval_ms: args.block_interval.unwrap_or(default.block_interval_ms),
        grant: args.grant.unwrap_or(default.grant),
        grant_cap_basis_points: args.grant_cap.unwrap_or(default.grant_cap_basis_points),
        idle_block_interval_ms: args.idle_block_interval.unwrap_or(default.idle_block_interval_ms),
        fee_basis_points: args.fee_basis_points.unwrap_or(default.fee_basis_points),
        fee_per_character: args.fee_per_character.unwrap_or(default.fee_per_character),
        fee_min: args.fee_min.unwrap_or(default.fee_min),
        validators_min: args.validators_min.unwrap_or(default.validators_min),
        churn_ms: args.churn.unwrap_or(default.churn_ms),
        unbonding_ms: args.unbonding.unwrap_or(default.unbonding_ms),
        evidence_window_ms: args.evidence_window.unwrap_or(default.evidence_window_ms),
        ..default
    }
}

fn shown(written: &Written, dir: &Path) -> String {
    let port = |port: u16| if port == 0 { "any".into() } else { port.to_string() };
    let row = |home: &network::WrittenHome| {
        let host = home.host.clone().unwrap_or_default();
        vec![home.name.clone(), host, port(home.api_port), port(home.p2p_port), home.address.to_string()]
    };
    let homes = table(&["node", "host", "api", "peers", "address"], &[2, 3], written.homes.iter().map(row).collect());
    let wallets = match written.wallets.len() {
        0 => String::new(),
        some => format!(
            "and {} in {}\n",
            count(u64::try_from(some).unwrap_or(u64::MAX), "funded wallet"),
            dir.join("wallets").display()
        ),
    };
    let first = &written.homes[0];
    let home = quoted(&first.home.display().to_string());
    let next = match first.host {
        Some(_) => "move each folder to its host, as the README in it says, and start it there:\n  blockchat-node run --home FOLDER\n".into(),
        None => format!(
            "start each in a terminal of its own, or move its folder to its machine:\n  blockchat-node run --home {home}\n"
        ),
    };
    let faucet = dir.join("wallets").join(format!("{FAUCET}.pem"));
    let has_faucet = written.wallets.iter().any(|wallet| wallet.name == FAUCET);
    let give = match has_faucet {
        true => format!(
            "give coins to people who join:\n  blockchat-node send ADDRESS 100 --wallet {} --home {home}\n",
            quoted(&faucet.display().to_string())
        ),
        false => String::new(),
    };
    let claim = match written.treasury.is_zero() {
        true => String::new(),
        false => format!(
            "who joins can claim coins without asking, of {} in the treasury:\n  blockchat-node wallet claim\n",
            bcc(written.treasury)
        ),
    };
    format!("chain {} in {}\n\n{homes}{wallets}\n{next}{give}{claim}", written.chain, dir.display())
}
