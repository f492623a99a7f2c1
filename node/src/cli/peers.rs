//! `peers` and `health`.

use super::args::{ApiArg, PeersArgs};
use super::failure::Failure;
use super::home::Home;
use super::node;
use super::output::{Format, pairs, printable, table};
use crate::clock::unix_millis;
use blockchat_client::ClientError;
use blockchat_client::shapes::{KnownPeerView, Page, PeerSource, PeerView, Phase};
use blockchat_proto::units::UnixMillis;

/// Connected peers, or all that are known.
pub(crate) async fn peers(home: &Home, args: &PeersArgs, format: Format) -> Result<(), Failure> {
    let client = node::client(home, &args.api).await?;
    if args.known {
        format.print(&Page::whole(client.peers_known().await?), |known| shown_known(&known.items));
    } else {
        let found = Page::whole(client.peers().await?);
        let in_vain = match (format, found.items.is_empty()) {
            (Format::Table, true) => in_vain(client.peers_known().await?),
            _ => vec![],
        };
        format.print(&found, |found| shown(&found.items, &in_vain));
    }
    Ok(())
}

/// Fails with the reason unless the node takes part.
pub(crate) async fn health(home: &Home, arg: &ApiArg, format: Format) -> Result<(), Failure> {
    let ready = node::client(home, arg).await?.ready().await.map_err(|error| match error {
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

/// The activity of a node that takes part, in a few words.
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

/// The number of connected peers, and whether configured ones are missing.
pub(super) fn count_of(connected: u32, known: &[KnownPeerView]) -> String {
    let named = |peer: &&KnownPeerView| matches!(peer.source, PeerSource::Peer | PeerSource::Dns);
    let missing = known.iter().filter(named).filter(|peer| !peer.connected && peer.problem.is_some()).count();
    match missing {
        0 => connected.to_string(),
        _ => format!("{connected}; {missing} of those named not reached: see `blockchat-node peers --known`"),
    }
}

/// Those that are known and were not reached.
fn in_vain(known: Vec<KnownPeerView>) -> Vec<KnownPeerView> {
    known.into_iter().filter(|peer| !peer.connected && peer.problem.is_some()).collect()
}

fn shown(found: &[PeerView], in_vain: &[KnownPeerView]) -> String {
    if found.is_empty() && !in_vain.is_empty() {
        return format!("no peers are connected; not reached so far:\n\n{}", shown_known(in_vain));
    }
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
    let now = unix_millis();
    let row = |peer: &KnownPeerView| {
        let id = peer.peer_id.clone().unwrap_or_else(|| "not yet known".into());
        let addresses = peer.addresses.iter().map(|address| printable(address)).collect::<Vec<_>>();
        vec![id, state_of(peer, now), peer.source.to_string(), addresses.join(" ")]
    };
    table(&["peer", "", "found by", "addresses"], &[], known.iter().map(row).collect())
}

/// The state of a peer, in a few words: people look for the problem.
fn state_of(peer: &KnownPeerView, now: UnixMillis) -> String {
    let wait = peer.next_try.map(|next| next.0.saturating_sub(now.0).div_ceil(1_000));
    let again = wait.map(|wait| format!("next try in {wait} s"));
    match (peer.connected, &peer.problem, again) {
        (true, ..) => "connected".into(),
        (false, Some(problem), Some(again)) => format!("{}; {again}", printable(problem)),
        (false, Some(problem), None) => printable(problem),
        (false, None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_of_a_peer_is_said_with_the_next_try() {
        let known = |connected, problem: Option<&str>, next| KnownPeerView {
            peer_id: None,
            addresses: vec!["/ip4/10.0.0.1/tcp/1".into()],
            source: PeerSource::Peer,
            connected,
            problem: problem.map(str::to_owned),
            next_try: next,
        };
        let state = |view: &KnownPeerView| state_of(view, UnixMillis(10_000));
        let refused = known(false, Some("connection refused"), Some(UnixMillis(13_500)));
        assert_eq!(state(&refused), "connection refused; next try in 4 s");
        assert_eq!(state(&known(true, Some("connection refused"), None)), "connected");
        assert_eq!(state(&known(false, None, Some(UnixMillis(1)))), "");
        assert_eq!(count_of(2, &[]), "2");
        assert!(count_of(0, std::slice::from_ref(&refused)).starts_with("0; 1 of those named"));
        assert!(shown_known(&[refused]).contains("not yet known"));
    }

    #[test]
    fn a_latency_is_shown_as_exactly_as_it_is_known() {
        let shown = |latency_us, latency_ms| latency(&PeerView { latency_ms, latency_us, ..PeerView::default() });
        assert_eq!(shown(Some(345), Some(0)).as_deref(), Some("0.34 ms"));
        assert_eq!(shown(Some(23_456), Some(23)).as_deref(), Some("23 ms"));
        assert_eq!(shown(None, Some(7)).as_deref(), Some("7 ms"), "of a node that tells no more");
        assert_eq!(shown(None, None), None, "not pinged yet");
    }
}
