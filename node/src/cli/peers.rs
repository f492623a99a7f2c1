//! `peers` and `health`.

use super::args::{ApiArg, PeersArgs};
use super::failure::Failure;
use super::home::Home;
use super::node;
use super::output::{Format, pairs, printable, table};
use blockchat_client::ClientError;
use blockchat_client::shapes::{KnownPeerView, Page, PeerView, Phase};

/// Connected peers, or all that are known.
pub(crate) async fn peers(home: &Home, args: &PeersArgs, format: Format) -> Result<(), Failure> {
    let client = node::client(home, &args.api)?;
    if args.known {
        format.print(&Page::whole(client.peers_known().await?), |known| shown_known(&known.items));
    } else {
        format.print(&Page::whole(client.peers().await?), |found| shown(&found.items));
    }
    Ok(())
}

/// Fails with the reason unless the node takes part.
pub(crate) async fn health(home: &Home, arg: &ApiArg, format: Format) -> Result<(), Failure> {
    let ready = node::client(home, arg)?.ready().await.map_err(|error| match error {
        ClientError::Problem(problem) => {
            Failure::refused(format!("not ready: {}", printable(&problem.detail)), &problem.code, problem.retry)
        }
        other => other.into(),
    })?;
    format.print(&ready, |ready| {
        pairs(&[
            ("ready", doing(&ready.phase)),
            ("block", ready.height.to_string()),
            ("peers", ready.peers.to_string()),
        ])
    });
    Ok(())
}

/// What a node does that takes part, in a few words.
fn doing(phase: &Phase) -> String {
    match phase {
        Phase::Idle => "at the tip",
        Phase::Deciding => "deciding a block",
        Phase::CatchingUp { .. } | Phase::UpdateNeeded { .. } | Phase::WaitingForStake { .. } | Phase::Unknown => {
            "see `blockchat-node status`"
        }
    }
    .into()
}

fn shown(found: &[PeerView]) -> String {
    if found.is_empty() {
        return "no peers: name one with `blockchat-node run --peer MULTIADDR`".into();
    }
    let row = |peer: &PeerView| {
        let latency = latency(peer).unwrap_or_default();
        let direction = if peer.inbound { "in" } else { "out" };
        let height = peer.height.to_string();
        // The peer id stands in the first column already.
        let address = peer.address.split_once("/p2p/").map_or(peer.address.as_str(), |(address, _)| address);
        vec![peer.peer_id.clone(), height, latency, direction.into(), peer.source.to_string(), address.into()]
    };
    table(&["peer", "block", "latency", "", "found by", "address"], &[1, 2], found.iter().map(row).collect())
}

/// Below 10 ms with two decimals: peers on one machine are some hundred µs apart.
fn latency(peer: &PeerView) -> Option<String> {
    match (peer.latency_us, peer.latency_ms) {
        (Some(us), _) if us < 10_000 => Some(format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10)),
        (_, ms) => ms.map(|ms| format!("{ms} ms")),
    }
}

fn shown_known(known: &[KnownPeerView]) -> String {
    if known.is_empty() {
        return "no peers are known: name one with `blockchat-node run --peer MULTIADDR`".into();
    }
    let row = |peer: &KnownPeerView| {
        let state = if peer.connected { "connected" } else { "" };
        vec![peer.peer_id.clone(), state.into(), peer.source.to_string(), peer.addresses.join(" ")]
    };
    table(&["peer", "", "found by", "addresses"], &[], known.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_client::shapes::PeerSource;
    use blockchat_proto::units::Height;

    #[test]
    fn a_latency_is_shown_as_exactly_as_it_is_known() {
        let shown = |latency_us, latency_ms| {
            latency(&PeerView {
                peer_id: String::new(),
                address: String::new(),
                inbound: false,
                height: Height(0),
                latency_ms,
                latency_us,
                source: PeerSource::Book,
            })
        };
        assert_eq!(shown(Some(345), Some(0)).as_deref(), Some("0.34 ms"));
        assert_eq!(shown(Some(23_456), Some(23)).as_deref(), Some("23 ms"));
        assert_eq!(shown(None, Some(7)).as_deref(), Some("7 ms"), "of a node that tells no more");
        assert_eq!(shown(None, None), None, "not pinged yet");
    }
}
