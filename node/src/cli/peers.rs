//! `peers` and `health`.

use super::args::ApiArg;
use super::failure::{Failure, next_after};
use super::home::Home;
use super::node;
use super::output::{Format, pairs, table};
use crate::api::client::ClientError;
use blockchat_proto::api::PeerView;

/// Connected peers.
pub(crate) async fn peers(home: &Home, arg: &ApiArg, format: Format) -> Result<(), Failure> {
    let found = node::client(home, arg)?.peers().await?;
    format.print(&found, |found| shown(found));
    Ok(())
}

/// Fails with the reason unless the node takes part.
pub(crate) async fn health(home: &Home, arg: &ApiArg, format: Format) -> Result<(), Failure> {
    let ready = node::client(home, arg)?.ready().await.map_err(|error| match error {
        ClientError::Problem(problem) => {
            Failure::new(format!("not ready: {}", problem.detail), next_after(&problem.code)).coded(problem.code)
        }
        other => other.into(),
    })?;
    format.print(&ready, |ready| {
        let doing = ready["doing"].as_str().unwrap_or_default().to_owned();
        pairs(&[("ready", doing), ("block", ready["height"].to_string()), ("peers", ready["peers"].to_string())])
    });
    Ok(())
}

fn shown(found: &[PeerView]) -> String {
    if found.is_empty() {
        return "no peers: name one with `blockchat-node run --peer MULTIADDR`".into();
    }
    let row = |peer: &PeerView| {
        let latency = peer.latency_ms.map(|ms| format!("{ms} ms")).unwrap_or_default();
        let direction = if peer.inbound { "in" } else { "out" };
        let height = peer.height.to_string();
        // The peer id stands in the first column already.
        let address = peer.address.split_once("/p2p/").map_or(peer.address.as_str(), |(address, _)| address);
        vec![peer.peer_id.clone(), height, latency, direction.into(), peer.source.clone(), address.into()]
    };
    table(&["peer", "block", "latency", "", "found by", "address"], &[1, 2], found.iter().map(row).collect())
}
