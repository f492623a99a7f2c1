//! The gate that every dial passes: ours, and no other.
//!
//! Why: libp2p's behaviours dial by themselves. Kademlia dials all that a stranger names, in order to ask them; others dial
//! those they want to send something to, at whatever addresses some behaviour remembers. Nothing limits where, how often
//! and on whose word. So what is dialled is decided in one place, the membership, and what was not announced by
//! [`Guarded::expect`] is denied.
//!
//! Always true: addresses of a dial are those that we chose; behaviours add none, because a dial with addresses takes none
//! of theirs.
//! Start reading at [`Guarded`].

use super::behaviour::{Net, NetEvent};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

/// All behaviours of a node, behind the gate.
pub(super) struct Guarded {
    net: Net,
    expected: BTreeSet<ConnectionId>,
}

/// A behaviour wanted to dial by itself.
#[derive(Debug, thiserror::Error)]
#[error("only dials that the node decided on are made")]
struct Uninvited;

impl Guarded {
    pub(super) fn new(net: Net) -> Self {
        Self { net, expected: BTreeSet::new() }
    }

    /// The next thing that happens is this dial of ours.
    pub(super) fn expect(&mut self, connection: ConnectionId) {
        self.expected.insert(connection);
    }
}

impl Deref for Guarded {
    type Target = Net;

    fn deref(&self) -> &Net {
        &self.net
    }
}

impl DerefMut for Guarded {
    fn deref_mut(&mut self) -> &mut Net {
        &mut self.net
    }
}

impl NetworkBehaviour for Guarded {
    type ConnectionHandler = <Net as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = NetEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.net.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.net.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if !self.expected.remove(&connection) {
            return Err(ConnectionDenied::new(Uninvited));
        }
        self.net.handle_pending_outbound_connection(connection, peer, addresses, role).map(|_| vec![])
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.net.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::DialFailure(failure) = &event {
            self.expected.remove(&failure.connection_id);
        }
        self.net.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.net.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.net.poll(context)
    }
}
