//! A peer that speaks our protocols byte by byte, and not as it should.

use crate::net::gate::Gate;
use crate::net::gossip::{self, Gossip, Topics};
use futures::StreamExt;
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Codec, Message, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, noise, tcp, yamux};
use std::io;
use std::sync::Arc;
use tokio::time::timeout;

/// Sends and receives bytes as they are.
#[derive(Clone, Default)]
pub(super) struct Bytes {
    /// Does it leave answers unread, on a stream that stays open?
    never_reads: bool,
}

impl Codec for Bytes {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut prefix = [0; 4];
        io.read_exact(&mut prefix).await?;
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(prefix)).unwrap()];
        io.read_exact(&mut bytes).await.map(|()| bytes)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        if self.never_reads {
            std::future::pending::<()>().await;
        }
        let mut bytes = vec![];
        io.read_to_end(&mut bytes).await.map(|_| bytes)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await?;
        io.close().await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await?;
        io.close().await
    }
}

#[derive(NetworkBehaviour)]
pub(super) struct Liar {
    pub(super) gossip: Gossip,
    pub(super) identify: identify::Behaviour,
    pub(super) asks: request_response::Behaviour<Bytes>,
}

/// A swarm of a liar that speaks one protocol beside gossip; it answers every question with `answer`.
pub(super) struct RawPeer {
    pub(super) swarm: Swarm<Liar>,
    pub(super) topics: Topics,
    answer: Vec<u8>,
}

impl RawPeer {
    pub(super) fn new(protocol: String, chain: &str, answer: Vec<u8>) -> Self {
        Self::speaking(vec![protocol], chain, answer)
    }

    /// The same with several protocols; it asks over the first.
    pub(super) fn speaking(protocols: Vec<String>, chain: &str, answer: Vec<u8>) -> Self {
        Self::with(Bytes::default(), protocols, chain, answer)
    }

    /// The same, but it reads no answer to what it asks.
    pub(super) fn that_never_reads(protocols: Vec<String>, chain: &str, answer: Vec<u8>) -> Self {
        Self::with(Bytes { never_reads: true }, protocols, chain, answer)
    }

    fn with(codec: Bytes, protocols: Vec<String>, chain: &str, answer: Vec<u8>) -> Self {
        let key = Keypair::generate_ed25519();
        let topics = Topics::new(chain);
        let name = |protocol| (StreamProtocol::try_from_owned(protocol).unwrap(), ProtocolSupport::Full);
        let protocols = protocols.into_iter().map(name);
        let behaviour = Liar {
            gossip: gossip::behaviour(&topics, Arc::new(Gate::new(1))).unwrap(),
            identify: identify::Behaviour::new(identify::Config::new("/raw/1".into(), key.public())),
            asks: request_response::Behaviour::with_codec(codec, protocols, request_response::Config::default()),
        };
        let swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Ok(behaviour))
            .unwrap()
            .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(super::world::PATIENCE))
            .build();
        Self { swarm, topics, answer }
    }

    /// Dials, and goes on until the connection stands.
    pub(super) async fn connect(&mut self, address: &str) -> PeerId {
        self.swarm.dial(address.parse::<Multiaddr>().unwrap()).unwrap();
        self.until("connected", |event| match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => Some(*peer_id),
            _ => None,
        })
        .await
    }

    /// Lives on until something happens.
    pub(super) async fn until<T>(&mut self, what: &str, see: impl Fn(&SwarmEvent<LiarEvent>) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.swarm.select_next_some().await;
                if let Some(found) = see(&event) {
                    return found;
                }
                if let SwarmEvent::Behaviour(LiarEvent::Asks(request_response::Event::Message {
                    message: Message::Request { channel, .. },
                    ..
                })) = event
                {
                    drop(self.swarm.behaviour_mut().asks.send_response(channel, self.answer.clone()));
                }
            }
        };
        timeout(super::world::PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
    }

    /// Lives on for ever.
    pub(super) async fn live(&mut self) {
        self.until("the end of the test", |_| None).await
    }

    /// Lives on until the other side closes the connection.
    pub(super) async fn closed(&mut self) {
        self.until("the connection is closed", |event| {
            matches!(event, SwarmEvent::ConnectionClosed { .. }).then_some(())
        })
        .await;
    }

    /// Sends bytes instead of a question; what came back, if anything did.
    pub(super) async fn ask(&mut self, peer: &PeerId, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let number = self.swarm.behaviour_mut().asks.send_request(peer, bytes);
        self.until("an answer or none", |event| match event {
            SwarmEvent::Behaviour(LiarEvent::Asks(request_response::Event::Message {
                message: Message::Response { request_id, response },
                ..
            })) if *request_id == number => Some(Some(response.clone()).filter(|bytes| !bytes.is_empty())),
            SwarmEvent::Behaviour(LiarEvent::Asks(request_response::Event::OutboundFailure { request_id, .. }))
                if *request_id == number =>
            {
                Some(None)
            }
            _ => None,
        })
        .await
    }
}

/// A frame as it should be: length and bytes.
pub(super) fn frame(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}
