//! The voice of a stranger: its swarm, and the task that drives it.
//!
//! Owns: protocols and their streams. Does not own: what is said (`stranger`, and the tests). Always true: a question that
//! its answers leave open stays open; bytes go out as they came in.
//! Start reading at [`Life::live`].

use super::wire::{Wire, frame};
use blockchat_proto::codec;
use blockchat_proto::gossip::Topic;
use blockchat_proto::sync::{STATUS_PROTOCOL, Status, SyncRequest, sync_protocol};
use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, OutboundRequestId, ProtocolSupport, ResponseChannel};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Longest wait for an answer: longer than a node allows itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Longest message it can say: more than any node takes.
pub(super) const SAYS_MAX: usize = 16 * 1024 * 1024;

#[derive(NetworkBehaviour)]
pub(super) struct Speech {
    gossip: gossipsub::Behaviour,
    status: request_response::Behaviour<Wire>,
    sync: request_response::Behaviour<Wire>,
    /// Bytes straight onto a stream of the gossip protocol, past the library that would frame them.
    bare: request_response::Behaviour<Wire>,
}

/// Its answer to a request for blocks: wire bytes, or none for ever.
pub(super) type Answers = Box<dyn Fn(SyncRequest) -> Option<Vec<u8>> + Send>;

/// Which protocol it asks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Over {
    Status,
    Sync,
    Gossip,
}

/// Events that tests ask for.
#[derive(Default)]
pub(super) struct Record {
    pub(super) connected: BTreeSet<PeerId>,
    pub(super) listening: BTreeMap<PeerId, BTreeSet<String>>,
    pub(super) questions: Vec<SyncRequest>,
    pub(super) partings: usize,
    /// Topics and data of all gossip.
    pub(super) gossip: Vec<(String, Vec<u8>)>,
}

/// Commands of a test.
pub(super) enum Wish {
    Dial(Multiaddr),
    Publish(Topic, Vec<u8>),
    Ask(Over, PeerId, Vec<Vec<u8>>, oneshot::Sender<Option<Vec<u8>>>),
}

/// The gossip protocol on a stream of its own.
const GOSSIP_PROTOCOL: &str = "/meshsub/1.1.0";

fn swarm(chain: &str, key: Keypair) -> Swarm<Speech> {
    let over = |protocol: String, support| {
        let name = StreamProtocol::try_from_owned(protocol).unwrap();
        let config = request_response::Config::default().with_request_timeout(ANSWER_WITHIN);
        request_response::Behaviour::new([(name, support)], config)
    };
    let gossip = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| {
            let id = Sha256::new().chain_update(message.topic.as_str()).chain_update(&message.data).finalize();
            MessageId::new(&id[..20])
        })
        .max_transmit_size(SAYS_MAX)
        .flood_publish(true)
        .build()
        .unwrap();
    let speech = Speech {
        gossip: gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, gossip).unwrap(),
        status: over(STATUS_PROTOCOL.into(), ProtocolSupport::Full),
        sync: over(sync_protocol(chain), ProtocolSupport::Full),
        bare: over(GOSSIP_PROTOCOL.into(), ProtocolSupport::Outbound),
    };
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Ok(speech))
        .unwrap()
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(Duration::from_secs(3_600)))
        .build()
}

impl Speech {
    fn over(&mut self, over: Over) -> &mut request_response::Behaviour<Wire> {
        match over {
            Over::Status => &mut self.status,
            Over::Sync => &mut self.sync,
            Over::Gossip => &mut self.bare,
        }
    }
}

/// The part that runs.
pub(super) struct Life {
    swarm: Swarm<Speech>,
    record: Arc<Mutex<Record>>,
    status: Status,
    answers: Answers,
    asked: HashMap<(Over, OutboundRequestId), oneshot::Sender<Option<Vec<u8>>>>,
    /// Questions that are never answered: dropping one would be an answer.
    kept: Vec<ResponseChannel<Vec<u8>>>,
}

impl Life {
    pub(super) fn new(chain: &str, key: Keypair, status: Status, record: Arc<Mutex<Record>>, answers: Answers) -> Self {
        Self { swarm: swarm(chain, key), record, status, answers, asked: HashMap::new(), kept: vec![] }
    }

    /// Listens to all topics, does what the test wishes, and records the events, until the test is over.
    pub(super) async fn live(mut self, chain: &str, mut wishes: mpsc::Receiver<Wish>) {
        for topic in Topic::ALL {
            self.swarm.behaviour_mut().gossip.subscribe(&IdentTopic::new(topic.name(chain))).unwrap();
        }
        loop {
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(wish) => self.fulfil(chain, wish),
                    None => return,
                },
                event = self.swarm.select_next_some() => self.see(event),
            }
        }
    }

    fn fulfil(&mut self, chain: &str, wish: Wish) {
        let speech = self.swarm.behaviour_mut();
        match wish {
            Wish::Dial(address) => self.swarm.dial(address).unwrap(),
            Wish::Publish(topic, bytes) => {
                // A node has the right to hang up; the test notices.
                drop(speech.gossip.publish(IdentTopic::new(topic.name(chain)), bytes));
            }
            Wish::Ask(over, peer, writes, answer) => {
                let number = speech.over(over).send_request(&peer, writes);
                self.asked.insert((over, number), answer);
            }
        }
    }

    fn see(&mut self, event: SwarmEvent<SpeechEvent>) {
        let mut record = self.record.lock().unwrap();
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => drop(record.connected.insert(peer_id)),
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                record.connected.remove(&peer_id);
                record.partings += 1;
            }
            SwarmEvent::Behaviour(SpeechEvent::Gossip(gossipsub::Event::Subscribed { peer_id, topic })) => {
                record.listening.entry(peer_id).or_default().insert(topic.into_string());
            }
            SwarmEvent::Behaviour(SpeechEvent::Gossip(gossipsub::Event::Message { message, .. })) => {
                record.gossip.push((message.topic.into_string(), message.data));
            }
            SwarmEvent::Behaviour(SpeechEvent::Status(event)) => {
                drop(record);
                self.hear(Over::Status, event);
            }
            SwarmEvent::Behaviour(SpeechEvent::Sync(event)) => {
                drop(record);
                self.hear(Over::Sync, event);
            }
            SwarmEvent::Behaviour(SpeechEvent::Bare(event)) => {
                drop(record);
                self.hear(Over::Gossip, event);
            }
            _ => {}
        }
    }

    fn hear(&mut self, over: Over, event: request_response::Event<Vec<Vec<u8>>, Vec<u8>>) {
        use request_response::Event;
        match event {
            Event::Message { message: Message::Request { request, channel, .. }, .. } => {
                self.reply(over, &request.concat(), channel);
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.asked.remove(&(over, request_id)).map(|answer| answer.send(Some(response)));
            }
            Event::OutboundFailure { request_id, .. } => {
                self.asked.remove(&(over, request_id)).map(|answer| answer.send(None));
            }
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    fn reply(&mut self, over: Over, question: &[u8], channel: ResponseChannel<Vec<u8>>) {
        let reply = match over {
            Over::Status => Some(frame(&codec::encode(&self.status))),
            Over::Gossip => None,
            Over::Sync => {
                let question: SyncRequest = codec::decode(question, 1024).expect("nodes ask as they should");
                self.record.lock().unwrap().questions.push(question);
                (self.answers)(question)
            }
        };
        match reply {
            Some(bytes) => drop(self.swarm.behaviour_mut().over(over).send_response(channel, bytes)),
            None => self.kept.push(channel),
        }
    }
}
