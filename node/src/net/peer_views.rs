//! The API's views of peers: built on request from the knowledge of all parts.
//!
//! Start reading at [`Task::peer_views`].

use super::peer_score::PeerFault;
use super::peers::Peer;
use super::swarm_task::Task;
use crate::clock::unix_millis;
use blockchat_client::shapes::{self, PeerFaultView, PeerScoreView, PeerTopicView, PeerView, TrafficView};
use blockchat_proto::gossip::Topic;
use blockchat_proto::sync::Status;
use blockchat_proto::units::UnixMillis;
use libp2p::PeerId;
use std::time::Duration;
use tokio::time::Instant;

impl Task {
    /// The connected peers of our chain, by peer id.
    pub(super) fn peer_views(&self) -> Vec<PeerView> {
        let now = Now { instant: Instant::now(), unix: unix_millis() };
        let greeted = self.membership.peers.iter().filter_map(|(id, peer)| Some((id, peer, peer.status()?)));
        greeted.map(|(id, peer, status)| self.peer_view(id, peer, &status, now)).collect()
    }

    fn peer_view(&self, id: &PeerId, peer: &Peer, status: &Status, now: Now) -> PeerView {
        let first = peer.first();
        PeerView {
            peer_id: id.to_string(),
            address: first.address.to_string(),
            inbound: first.inbound,
            height: status.height,
            latency_ms: peer.latency.and_then(|latency| u64::try_from(latency.as_millis()).ok()),
            latency_us: peer.latency.and_then(|latency| u64::try_from(latency.as_micros()).ok()),
            source: first.source.told(),
            client: peer.client.clone(),
            connected_since: Some(now.at(first.since)),
            other_run: peer.other_run.as_ref().map(|(at, _)| at.to_string()),
            connections: u32::try_from(peer.connections.len()).unwrap_or(u32::MAX),
            topics: self.peer_topics(id),
            score: self.peer_score(id, now),
            traffic: self.traffic_of(peer),
        }
    }

    /// Over its open connections.
    fn traffic_of(&self, peer: &Peer) -> TrafficView {
        let counted = peer.connections.iter().filter_map(|connection| self.traffics.get(&connection.id));
        counted.fold(TrafficView::default(), |sum, traffic| {
            let so_far = traffic.so_far();
            TrafficView {
                received_bytes: sum.received_bytes + so_far.received_bytes,
                sent_bytes: sum.sent_bytes + so_far.sent_bytes,
            }
        })
    }

    /// Our topics that it listens to, and whether it is in our mesh of each.
    fn peer_topics(&self, id: &PeerId) -> Vec<PeerTopicView> {
        let gossip = &self.swarm.behaviour().gossip;
        let listens = gossip.all_peers().find(|(peer, _)| *peer == id).map(|(_, topics)| topics).unwrap_or_default();
        let of = |topic: &Topic| {
            let hash = self.relay.topic_hash(*topic);
            listens.contains(&&hash).then(|| PeerTopicView {
                topic: name(*topic).into(),
                mesh: gossip.mesh_peers(&hash).any(|peer| peer == id),
            })
        };
        Topic::ALL.iter().filter_map(of).collect()
    }

    fn peer_score(&self, id: &PeerId, now: Now) -> PeerScoreView {
        let (points, faults) = self.membership.scores.of(id, now.instant);
        let fault = |(fault, times, last)| PeerFaultView { fault: told(fault), times, last: now.at(last) };
        PeerScoreView {
            gossip_milli: self.swarm.behaviour().gossip.peer_score(id).map(|score| (score * 1_000.0).round() as i64),
            points_milli: (points * 1_000.0).round() as u64,
            faults: faults.map(fault).collect(),
        }
    }
}

/// One moment on both clocks.
#[derive(Clone, Copy)]
struct Now {
    instant: Instant,
    unix: UnixMillis,
}

impl Now {
    /// An earlier moment on the wall clock.
    fn at(self, earlier: Instant) -> UnixMillis {
        let ago: Duration = self.instant.saturating_duration_since(earlier);
        UnixMillis(self.unix.0.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)))
    }
}

fn name(topic: Topic) -> &'static str {
    match topic {
        Topic::Transactions => "transactions",
        Topic::Blocks => "blocks",
        Topic::Votes => "votes",
        Topic::Evidence => "evidence",
    }
}

fn told(fault: PeerFault) -> shapes::PeerFault {
    match fault {
        PeerFault::Question => shapes::PeerFault::Question,
        PeerFault::Gossip => shapes::PeerFault::Gossip,
        PeerFault::Answer => shapes::PeerFault::Answer,
        PeerFault::Blocks => shapes::PeerFault::Blocks,
    }
}
