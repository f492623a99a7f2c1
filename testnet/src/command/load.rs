//! `load`: a light load on a running network, until Ctrl-C. The nodes keep running.
//!
//! Always true: each line is signed with the next nonce that its own node reports, and only while that node answers; lines of
//! a node that is gone stay unsent.

use crate::args::LoadArgs;
use crate::command::up::runtime;
use crate::processes::homes;
use crate::processes::launch::connections;
use crate::processes::network_file::{NetworkFile, NodeEntry};
use anyhow::{Result, ensure};
use blockchat_client::{Client, Connections};
use blockchat_host::signals::Signals;
use blockchat_host::stream::note;
use blockchat_host::text;
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::{Body, Payload, Transaction};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Sends until Ctrl-C.
pub fn run(args: &LoadArgs) -> Result<ExitCode> {
    let file = NetworkFile::read(&args.dir)?;
    let genesis = homes::genesis(&file.nodes[0].home)?;
    let users = file.nodes.iter().map(|node| homes::validator_key(&node.home)).collect::<Result<Vec<_>>>()?;
    runtime()?.block_on(drip(&args.dir, &genesis, &users, args.every()))
}

async fn drip(dir: &Path, genesis: &VerifiedGenesis, users: &[Signer], every: Duration) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let connections = connections();
    let mut sends = vec![true; users.len()];
    let (mut taken, mut turn) = (0_u64, 0);
    let mut often = interval(every);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    note(&format!("a line every {}; Ctrl-C ends the load, and the nodes run on", humantime::format_duration(every)));
    let ended = loop {
        tokio::select! {
            told = signals.next() => break told,
            _ = often.tick() => {}
        }
        // Nodes may come back at other ports.
        let file = NetworkFile::read(dir)?;
        ensure!(file.nodes.len() == users.len(), "the network in {} is another one now", dir.display());
        let node = turn % users.len();
        let to = file.nodes[(node + 1) % users.len()].address;
        turn += 1;
        let sent = send(&connections, &file.nodes[node], genesis, &users[node], to, turn).await;
        taken += u64::from(sent.is_ok());
        if sent.is_ok() != sends[node] {
            sends[node] = sent.is_ok();
            let name = &file.nodes[node].name;
            note(
                &sent.map_or_else(|error| format!("{name} is left out: {error:#}"), |()| format!("{name} sends again")),
            );
        }
    };
    note(&format!("{taken} of {turn} lines were taken; the nodes run on: blockchat-testnet down --dir {}", shown(dir)));
    Ok(ExitCode::from(ended.exit_code()))
}

fn shown(dir: &Path) -> String {
    text::quoted(&dir.display().to_string())
}

async fn send(
    connections: &Connections,
    node: &NodeEntry,
    genesis: &VerifiedGenesis,
    user: &Signer,
    to: Address,
    number: usize,
) -> Result<()> {
    let client: Client = connections.to_port(node.api_port);
    let account = client.account(&user.address()).await?;
    let body = Body::Send { to, amount: Coins::ZERO, payload: Payload::Plain(format!("line {number}")) };
    let (chain, sender, nonce) = (genesis.hash(), user.address(), account.pending_nonce);
    client.submit(&Transaction { chain, sender, nonce, expiry: None, body }.sign(user)).await?;
    Ok(())
}
