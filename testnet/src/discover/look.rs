//! The answers of all nodes at one moment, and the missing links: pure, except for [`NodeLook::take`].

use blockchat_client::shapes::{KnownPeerView, PeerSource, PeerView, StatusView};
use blockchat_client::{Client, ClientError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The answers of one node.
#[derive(Clone, Debug)]
pub struct NodeLook {
    /// `idN`.
    pub name: String,
    /// Its status.
    pub status: StatusView,
    /// Its connected peers.
    pub peers: Vec<PeerView>,
    /// The peers it knows, by peer id.
    pub known: BTreeSet<String>,
}

impl NodeLook {
    /// Asks a node. An error names the node.
    pub async fn take(name: String, client: &Client) -> Result<Self, String> {
        let ask = async {
            let (status, peers) = (client.status().await?, client.peers().await?);
            let known: Vec<KnownPeerView> = client.peers_known().await?;
            Ok::<_, ClientError>((status, peers, known))
        };
        let (status, peers, known) = ask.await.map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name, status, peers, known: known.into_iter().filter_map(|peer| peer.peer_id).collect() })
    }
}

/// The answers of all nodes.
#[derive(Clone, Debug)]
pub struct Look(pub Vec<NodeLook>);

/// Minimum, mean and maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The mean, with one decimal.
    pub mean: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The statistics of these values; zeros without values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let Some(min) = values.iter().copied().reduce(f64::min) else {
            return Self::default();
        };
        let max = values.iter().copied().fold(min, f64::max);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { min, mean: (mean * 10.0).round() / 10.0, max }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} / {:.1} / {:.0}", self.min, self.mean, self.max)
    }
}

/// Connections per node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Connections {
    /// All.
    pub all: Spread,
    /// Inbound connections.
    pub inbound: Spread,
    /// Outbound connections.
    pub outbound: Spread,
}

impl Look {
    /// The first reason why not all know all, in words.
    pub fn unknown(&self) -> Option<String> {
        let ids: BTreeMap<_, _> = self.0.iter().map(|node| (&node.status.peer_id, &node.name)).collect();
        for node in &self.0 {
            let missing = ids.iter().find(|(id, _)| ***id != node.status.peer_id && !node.known.contains(**id));
            if let Some((_, name)) = missing {
                return Some(format!("{} does not know {name}", node.name));
            }
        }
        let reached = self.reached_from_the_first();
        let lost = self.0.iter().find(|node| !reached.contains(&node.status.peer_id));
        lost.map(|node| format!("{} is not connected with {}, not even through others", node.name, self.0[0].name))
    }

    /// The reason why there is not one tip above this height, in words.
    pub fn apart(&self, above: u64) -> Option<String> {
        let first = &self.0.first()?.status;
        let other = self.0.iter().find(|node| (node.status.height, node.status.tip) != (first.height, first.tip));
        match other {
            Some(node) => {
                let (name, height) = (&self.0[0].name, first.height);
                Some(format!("{name} is at block {height}, {} at block {}", node.name, node.status.height))
            }
            None if first.height.0 <= above => Some(format!("no block came after block {above}")),
            None => None,
        }
    }

    /// The highest block of any node.
    pub fn height(&self) -> u64 {
        self.0.iter().map(|node| node.status.height.0).max().unwrap_or(0)
    }

    /// Connections per node.
    pub fn connections(&self) -> Connections {
        let count = |wanted: fn(&PeerView) -> bool| {
            Spread::of(self.0.iter().map(|node| node.peers.iter().filter(|peer| wanted(peer)).count() as f64))
        };
        Connections { all: count(|_| true), inbound: count(|peer| peer.inbound), outbound: count(|peer| !peer.inbound) }
    }

    /// How the dialling sides had found the others: connections by source.
    pub fn sources(&self) -> BTreeMap<PeerSource, usize> {
        let mut sources = BTreeMap::new();
        for peer in self.0.iter().flat_map(|node| &node.peers).filter(|peer| !peer.inbound) {
            *sources.entry(peer.source).or_default() += 1;
        }
        sources
    }

    /// Round trips of all connections, in ms.
    pub fn latency_ms(&self) -> Spread {
        let peers = self.0.iter().flat_map(|node| &node.peers);
        Spread::of(peers.filter_map(|peer| peer.latency_us).map(|us| us as f64 / 1_000.0))
    }

    /// The nodes that can be reached over connections, beginning with the first one. A connection counts if either end
    /// shows it.
    fn reached_from_the_first(&self) -> BTreeSet<&String> {
        let mut neighbours: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for node in &self.0 {
            for peer in &node.peers {
                neighbours.entry(&node.status.peer_id).or_default().insert(&peer.peer_id);
                neighbours.entry(&peer.peer_id).or_default().insert(&node.status.peer_id);
            }
        }
        let mut reached = BTreeSet::new();
        let mut next: Vec<_> = self.0.first().map(|node| &node.status.peer_id).into_iter().collect();
        while let Some(id) = next.pop() {
            if reached.insert(id) {
                next.extend(neighbours.get(id).into_iter().flatten().copied());
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, height: u64, knows: &[&str], connected: &[&str]) -> NodeLook {
        let zero = "0".repeat(64);
        let status = json!({
            "chain": "t", "genesis_hash": zero, "version": "", "sources": "", "peer_id": name, "listen": [],
            "validator": null, "height": height, "tip": format!("{height:064x}"), "state_root": zero, "tip_time": 0,
            "supply": "0", "phase": { "is": "idle" }, "round": 0, "rules": { "version": 1, "known": 1, "next_begins": null },
            "leader": null, "voting": false, "peers": 0,
            "pool_transactions": 0, "pool_bytes": 0, "validators": [], "started": 0,
        });
        let peer = |id: &&str| PeerView {
            peer_id: (*id).into(),
            latency_us: Some(500),
            source: PeerSource::Kademlia,
            ..PeerView::default()
        };
        NodeLook {
            name: name.into(),
            status: serde_json::from_value(status).unwrap(),
            peers: connected.iter().map(peer).collect(),
            known: knows.iter().map(|id| (*id).into()).collect(),
        }
    }

    #[test]
    fn all_know_all_if_nobody_is_unknown_to_anybody_and_there_is_one_piece() {
        let all = |c_connected: &[&str]| {
            Look(vec![
                node("a", 1, &["b", "c"], &["b"]),
                node("b", 1, &["a", "c"], &[]),
                node("c", 1, &["a", "b"], c_connected),
            ])
        };
        assert_eq!(all(&["b"]).unknown(), None, "through b, and one end is enough");
        assert_eq!(all(&[]).unknown().unwrap(), "c is not connected with a, not even through others");
        let mut missing = all(&["b"]);
        missing.0[1].known.remove("c");
        assert_eq!(missing.unknown().unwrap(), "b does not know c");
    }

    #[test]
    fn one_tip_is_one_that_moves() {
        let at = |heights: [u64; 2]| Look(vec![node("a", heights[0], &[], &[]), node("b", heights[1], &[], &[])]);
        assert_eq!(at([5, 5]).apart(4), None);
        assert!(at([5, 5]).apart(5).unwrap().contains("no block came"));
        assert!(at([5, 6]).apart(4).unwrap().contains("b at block 6"));
    }

    #[test]
    fn a_spread_of_nothing_is_zero() {
        assert_eq!(Spread::of([]), Spread::default());
        assert_eq!(Spread::of([1.0, 2.0, 6.0]), Spread { min: 1.0, mean: 3.0, max: 6.0 });
        assert_eq!(Look(vec![]).connections(), Connections::default());
    }
}
