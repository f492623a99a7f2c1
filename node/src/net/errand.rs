//! Work on one certain connection to a peer: libp2p's other behaviours choose among several by themselves.
//!
//! Two errands: is it alive, and goodbye (SPEC SYNC-6). Needed where two connections to one peer lead to two programs: one
//! that was restarted, or a home that was copied.
//!
//! Always true: each errand is answered once, within [`ERRAND_WITHIN`], unless its connection closes first. Nothing is
//! taken in here: others' goodbyes come through `goodbye`.
//! Start reading at [`Errands::run`].

use super::codec;
use super::config::STATUS_WIRE_MAX;
use super::membership::Fact;
use super::swarm_task::Task;
use blockchat_proto::codec::encode;
use blockchat_proto::sync::{GOODBYE_PROTOCOL, GOODBYE_VERSION, Goodbye, Parting};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{DeniedUpgrade, ReadyUpgrade};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, Stream, StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol, ping};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// An errand is given up after this.
pub(super) const ERRAND_WITHIN: Duration = Duration::from_secs(2);

/// The work to do on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Find out whether the other side answers.
    Probe,
    /// Say that this connection has to go, and why.
    Goodbye(Parting),
}

/// The result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) peer: PeerId,
    pub(super) connection: ConnectionId,
    pub(super) errand: Errand,
    /// Did the other side answer?
    pub(super) answered: bool,
}

/// See the module's header.
#[derive(Default)]
pub(super) struct Errands {
    todo: VecDeque<(PeerId, ConnectionId, Errand)>,
    done: VecDeque<Done>,
}

impl Errands {
    pub(super) fn run(&mut self, peer: PeerId, connection: ConnectionId, errand: Errand) {
        self.todo.push_back((peer, connection, errand));
    }
}

impl Task {
    pub(super) fn on_errand(&mut self, done: &Done) {
        let Done { peer: id, connection, errand, answered } = *done;
        match errand {
            Errand::Probe => self.decide(Fact::Probed { id, connection, alive: answered }),
            Errand::Goodbye(_) => _ = self.swarm.close_connection(connection),
        }
    }
}

impl NetworkBehaviour for Errands {
    type ConnectionHandler = Handler;
    type ToSwarm = Done;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        (errand, answered): THandlerOutEvent<Self>,
    ) {
        self.done.push_back(Done { peer, connection, errand, answered });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(done) = self.done.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(done));
        }
        match self.todo.pop_front() {
            Some((peer_id, connection, event)) => {
                Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event })
            }
            None => Poll::Pending,
        }
    }
}

/// The errands of one connection.
#[derive(Default)]
pub(super) struct Handler {
    todo: VecDeque<Errand>,
    done: VecDeque<(Errand, bool)>,
    /// Goodbyes under way.
    saying: FuturesUnordered<BoxFuture<'static, (Errand, bool)>>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Errand;
    type ToBehaviour = (Errand, bool);
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Errand;

    fn listen_protocol(&self) -> SubstreamProtocol<DeniedUpgrade> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn on_behaviour_event(&mut self, errand: Errand) {
        self.todo.push_back(errand);
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, Errand, (Errand, bool)>> {
        while let Poll::Ready(Some(said)) = self.saying.poll_next_unpin(context) {
            self.done.push_back(said);
        }
        if let Some(done) = self.done.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(done));
        }
        let Some(errand) = self.todo.pop_front() else {
            return Poll::Pending;
        };
        let name = match errand {
            Errand::Probe => ping::PROTOCOL_NAME,
            Errand::Goodbye(_) => StreamProtocol::new(GOODBYE_PROTOCOL),
        };
        let protocol = SubstreamProtocol::new(ReadyUpgrade::new(name), errand).with_timeout(ERRAND_WITHIN);
        Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, DeniedUpgrade, ReadyUpgrade<StreamProtocol>, (), Errand>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info }) => {
                match info {
                    // It agreed to the protocol: that is answer enough.
                    Errand::Probe => self.done.push_back((info, true)),
                    Errand::Goodbye(why) => {
                        self.saying.push(say(stream, why).map(move |answered| (info, answered)).boxed());
                    }
                }
            }
            // One that does not speak the protocol says so.
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                self.done.push_back((info, matches!(error, StreamUpgradeError::NegotiationFailed)));
            }
            _ => {}
        }
    }
}

/// Says goodbye, and waits until it is said back.
async fn say(mut stream: Stream, why: Parting) -> bool {
    let goodbye = Goodbye { version: GOODBYE_VERSION, why };
    let exchange = async {
        codec::write(&mut stream, &encode(&goodbye), STATUS_WIRE_MAX).await?;
        codec::read::<_, Goodbye>(&mut stream, STATUS_WIRE_MAX).await
    };
    matches!(timeout(ERRAND_WITHIN, exchange).await, Ok(Ok(_)))
}
