//! The libp2p behaviours of a node, and the swarm made of them. SPEC NET-2.
//!
//! Start reading at [`Net`].

use super::address::peer_of;
use super::codec::CanonicalCodec;
use super::config::{
    ANSWER_WITHIN, CONNECTIONS_MAX, CONNECTIONS_PER_PEER_MAX, IDLE_MAX, NetConfig, NetError, PENDING_MAX, PING_EVERY,
    PING_WITHIN, REQUEST_WIRE_MAX, RESPONSE_WIRE_MAX, STATUS_WIRE_MAX,
};
use super::dial_gate::Guarded;
use super::errand::Errands;
use super::find_node::FindNode;
use super::gate::{Gate, Gated};
use super::gossip::{self, Topics};
use super::meter::Meters;
use crate::config::Announce;
use crate::traffic::Traffic;
use blockchat_proto::genesis::Genesis;
use blockchat_proto::limits::GENESIS_BYTES_MAX;
use blockchat_proto::sync::{
    GENESIS_PROTOCOL, GOODBYE_PROTOCOL, GenesisRequest, Goodbye, STATUS_PROTOCOL, Status, SyncRequest, SyncResponse,
    sync_protocol,
};
use libp2p::allow_block_list::{self, AllowedPeers, BlockedPeers};
use libp2p::gossipsub::MetricsConfig;
use libp2p::identity::Keypair;
use libp2p::kad::store::MemoryStore;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, connection_limits, identify, kad, mdns, ping};
use std::sync::Arc;
use tracing::warn;

/// Everything that runs on a connection. Limits come first: behaviours that refuse connections must be asked first.
#[derive(NetworkBehaviour)]
pub(super) struct Net {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) blocked: allow_block_list::Behaviour<BlockedPeers>,
    /// In a private network: the configured peers.
    pub(super) allowed: Toggle<allow_block_list::Behaviour<AllowedPeers>>,
    pub(super) gossip: Gated,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    /// Answers others; we ask by ourselves (`find_node`).
    pub(super) kad: Toggle<kad::Behaviour<MemoryStore>>,
    pub(super) neighbours: request_response::Behaviour<FindNode>,
    pub(super) status: request_response::Behaviour<CanonicalCodec<Status, Status>>,
    pub(super) goodbye: request_response::Behaviour<CanonicalCodec<Goodbye, Goodbye>>,
    pub(super) errands: Errands,
    pub(super) genesis: request_response::Behaviour<CanonicalCodec<GenesisRequest, Genesis>>,
    pub(super) sync: request_response::Behaviour<CanonicalCodec<SyncRequest, SyncResponse>>,
}

/// Streams of one connection that have not said what they are for, at most.
const NEGOTIATING_MAX: usize = 16;

/// The end of the agent version: this text and a number that no other run of a node has. A different number on a second
/// connection shows that the node was restarted, and that the first connection is dead, or that its home was copied.
pub(super) const RUN_MARK: &str = " run/";

/// A swarm with the node's identity, not yet listening.
pub(super) fn swarm(
    config: &NetConfig,
    topics: &Topics,
    gate: &Arc<Gate>,
    traffic: Arc<Traffic>,
    meters: Meters,
) -> Result<Swarm<Guarded>, NetError> {
    let setup = |error: String| NetError::Setup(error);
    let key = Keypair::ed25519_from_bytes(config.identity).map_err(|error| setup(error.to_string()))?;
    let behaviour = behaviour(&key, config, topics, gate).map_err(setup)?;
    let transport = super::transport::counted(&key, traffic, meters)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_other_transport(|_| transport)
        .map_err(|error| setup(error.to_string()))?
        .with_behaviour(|_| Ok(Guarded::new(behaviour)))
        .map_err(|error| setup(error.to_string()))?
        .with_swarm_config(|swarm| {
            let swarm = swarm.with_idle_connection_timeout(IDLE_MAX);
            swarm.with_max_negotiating_inbound_streams(NEGOTIATING_MAX)
        })
        .build();
    Ok(swarm)
}

fn behaviour(key: &Keypair, config: &NetConfig, topics: &Topics, gate: &Arc<Gate>) -> Result<Net, String> {
    let own_id = key.public().to_peer_id();
    let chain = &config.genesis.short_name();
    let looks_around = !config.only_peers;
    let gossip = gossip::behaviour(topics, Arc::clone(gate))?;
    let gossip = config.metrics.enter_others(|registry| {
        gossip.with_metrics(registry.sub_registry_with_prefix("gossipsub"), MetricsConfig::default())
    });
    Ok(Net {
        limits: connection_limits::Behaviour::new(connection_limits()),
        blocked: allow_block_list::Behaviour::default(),
        allowed: Toggle::from(config.only_peers.then(|| only(&config.peers))),
        gossip: Gated::new(gossip, Arc::clone(gate)),
        identify: identify::Behaviour::new(identity(key, chain, config.announce)),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_WITHIN)),
        mdns: Toggle::from((looks_around && config.mdns).then(|| start_mdns(own_id)).flatten()),
        kad: Toggle::from(looks_around.then(|| kademlia(own_id, chain)).transpose()?),
        neighbours: neighbours(chain)?,
        status: ask(StreamProtocol::new(STATUS_PROTOCOL), STATUS_WIRE_MAX, STATUS_WIRE_MAX),
        goodbye: ask(StreamProtocol::new(GOODBYE_PROTOCOL), STATUS_WIRE_MAX, STATUS_WIRE_MAX),
        errands: Errands::default(),
        genesis: ask(StreamProtocol::new(GENESIS_PROTOCOL), STATUS_WIRE_MAX, GENESIS_BYTES_MAX),
        sync: ask(protocol(sync_protocol(chain))?, REQUEST_WIRE_MAX, RESPONSE_WIRE_MAX),
    })
}

/// A backstop: the membership decides which peers stay, and the transport limits inbound connections that are being
/// made. Of established ones only inbound ones are limited here: a crowd of callers must not keep us from dialling.
fn connection_limits() -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_established_incoming(Some(CONNECTIONS_MAX))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX))
        .with_max_pending_outgoing(Some(PENDING_MAX))
}

/// Only the peers at these addresses. An address without an id admits no peer: the settings refuse it.
fn only(peers: &[String]) -> allow_block_list::Behaviour<AllowedPeers> {
    let mut allowed = allow_block_list::Behaviour::default();
    let named = peers.iter().filter_map(|address| peer_of(&address.parse().ok()?));
    named.for_each(|peer| _ = allowed.allow_peer(peer));
    allowed
}

fn identity(key: &Keypair, chain: &str, announce: Announce) -> identify::Config {
    let run: u64 = rand::random();
    identify::Config::new(format!("/blockchat/{chain}/1"), key.public())
        .with_agent_version(format!("blockchat-node/{}{RUN_MARK}{run:016x}", env!("CARGO_PKG_VERSION")))
        .with_push_listen_addr_updates(true)
        .with_hide_listen_addrs(announce != Announce::All)
}

/// Nodes of the chain only, entered by us after their handshake. Always a server: nothing confirms addresses on a
/// laptop or in a cluster, and without servers no node answers. We need no records, so peers may not store any with us.
/// The gate denies its own dials.
fn kademlia(own_id: libp2p::PeerId, chain: &str) -> Result<kad::Behaviour<MemoryStore>, String> {
    let mut config = kad::Config::new(kademlia_protocol(chain)?);
    config.set_kbucket_inserts(kad::BucketInserts::Manual).set_record_filtering(kad::StoreInserts::FilterBoth);
    config.set_periodic_bootstrap_interval(None);
    let mut kad = kad::Behaviour::with_config(own_id, MemoryStore::new(own_id), config);
    kad.set_mode(Some(kad::Mode::Server));
    Ok(kad)
}

/// Asks others, and is never asked: Kademlia itself answers.
fn neighbours(chain: &str) -> Result<request_response::Behaviour<FindNode>, String> {
    let config = request_response::Config::default().with_request_timeout(ANSWER_WITHIN);
    let protocols = [(kademlia_protocol(chain)?, ProtocolSupport::Outbound)];
    Ok(request_response::Behaviour::with_codec(FindNode, protocols, config))
}

/// Name of the Kademlia of a chain.
pub(super) fn kademlia_protocol(chain: &str) -> Result<StreamProtocol, String> {
    protocol(format!("/blockchat/{chain}/kad/1"))
}

fn protocol(name: String) -> Result<StreamProtocol, String> {
    StreamProtocol::try_from_owned(name).map_err(|error| error.to_string())
}

/// mDNS needs an interface other than loopback; without one the node works all the same.
fn start_mdns(own_id: libp2p::PeerId) -> Option<mdns::tokio::Behaviour> {
    let started = mdns::tokio::Behaviour::new(mdns::Config::default(), own_id);
    started.inspect_err(|error| warn!(%error, "no mDNS peer discovery on the local network")).ok()
}

/// Questions and answers of two types, over one protocol.
pub(super) fn ask<Q, R>(
    protocol: StreamProtocol,
    request_max: usize,
    response_max: usize,
) -> request_response::Behaviour<CanonicalCodec<Q, R>>
where
    CanonicalCodec<Q, R>: request_response::Codec<Protocol = StreamProtocol> + Clone + Send + 'static,
{
    let config = request_response::Config::default().with_request_timeout(ANSWER_WITHIN);
    let protocols = [(protocol, ProtocolSupport::Full)];
    request_response::Behaviour::with_codec(CanonicalCodec::new(request_max, response_max), protocols, config)
}
