//! A peer of our own making on a node's p2p port: it speaks our protocols byte by byte, and says what the test wants.
//!
//! Owns: its connections, and a record of what it was asked. Does not own: whether what it says is true.
//! Always true: it lives on the shared runtime until dropped; nothing it sends is checked by it.
//! Start reading at [`Stranger::meet`].

use super::network::{Network, Running, run, runtime};
use super::wire::{Wire, frame, gossip_frame, unframe};
use crate::support::wait_for;
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, Topic};
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::{
    CertifiedBlock, STATUS_PROTOCOL, STATUS_VERSION, Status, SyncRequest, SyncResponse, sync_protocol,
};
use blockchat_proto::units::{Height, UnixMillis};
use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity};
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Message, OutboundRequestId, ProtocolSupport, ResponseChannel};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Longest wait for an answer: longer than a node allows itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Longest message it can say: more than any node takes.
const SAYS_MAX: usize = 16 * 1024 * 1024;

#[derive(NetworkBehaviour)]
struct Speech {
    gossip: gossipsub::Behaviour,
    status: request_response::Behaviour<Wire>,
    sync: request_response::Behaviour<Wire>,
    /// Bytes straight onto a stream of the gossip protocol, past the library that would frame them.
    bare: request_response::Behaviour<Wire>,
}

/// What it answers when asked for blocks: wire bytes, or nothing for ever.
pub(super) type Answers = Box<dyn Fn(SyncRequest) -> Option<Vec<u8>> + Send>;

/// Which protocol it asks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Over {
    Status,
    Sync,
    Gossip,
}

/// What came to pass, as far as tests ask.
#[derive(Default)]
struct Record {
    connected: BTreeSet<PeerId>,
    listening: BTreeMap<PeerId, BTreeSet<String>>,
    questions: Vec<SyncRequest>,
    partings: usize,
}

enum Wish {
    Dial(Multiaddr),
    Publish(Topic, Vec<u8>),
    Ask(Over, PeerId, Vec<Vec<u8>>, oneshot::Sender<Option<Vec<u8>>>),
}

/// The gossip protocol on a stream of its own.
const GOSSIP_PROTOCOL: &str = "/meshsub/1.1.0";

/// See the module's header.
pub(super) struct Stranger {
    wishes: mpsc::Sender<Wish>,
    record: Arc<Mutex<Record>>,
    status: Arc<Mutex<Status>>,
    counter: Cell<u64>,
    key: Keypair,
    task: JoinHandle<()>,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stranger {
    /// A peer of this chain that claims nothing and knows nothing.
    pub(super) fn new(network: &Network) -> Self {
        Self::claiming(network, Height(0), Box::new(|_| Some(frame(&codec::encode(&SyncResponse::Blocks(vec![]))))))
    }

    /// A peer that claims to be so far, and has these answers.
    pub(super) fn claiming(network: &Network, height: Height, answers: Answers) -> Self {
        let chain = network.genesis.short_name();
        let status = Status {
            version: STATUS_VERSION,
            chain: network.chain(),
            height,
            hash: Hash32([0xee; 32]),
            earliest: Height(1),
            time: UnixMillis(0),
        };
        let (status, record) = (Arc::new(Mutex::new(status)), Arc::new(Mutex::new(Record::default())));
        let (wishes, taken) = mpsc::channel(64);
        let (status_too, record_too) = (Arc::clone(&status), Arc::clone(&record));
        let key = Keypair::generate_ed25519();
        let key_too = key.clone();
        let task = runtime().spawn(async move {
            let swarm = swarm(&chain, key_too);
            let life =
                Life { swarm, record: record_too, status: status_too, answers, asked: HashMap::new(), kept: vec![] };
            life.live(chain, taken).await;
        });
        Self { wishes, record, status, counter: Cell::new(0), key, task }
    }

    /// One that has met this node.
    pub(super) fn meeting(network: &Network, node: &Running) -> Self {
        let stranger = Self::new(network);
        stranger.meet(node);
        stranger
    }

    /// Two that only listen. A node parts from a liar only while it has others: its last peers it keeps, whoever they are.
    pub(super) fn company(network: &Network, node: &Running) -> [Self; 2] {
        [Self::meeting(network, node), Self::meeting(network, node)]
    }

    /// Dials a node, and goes on until both have shaken hands and the node listens to all topics.
    #[track_caller]
    pub(super) fn meet(&self, node: &Running) {
        let id = peer_id(node);
        self.wish(Wish::Dial(node.address().parse().unwrap()));
        wait_for("the node listens to the stranger", || {
            let record = self.record();
            let heard = record.listening.get(&id).is_some_and(|topics| topics.len() == Topic::ALL.len());
            (record.connected.contains(&id) && heard).then_some(())
        });
        let status = codec::encode(&*self.status.lock().unwrap());
        let answer = self.ask(node, Over::Status, vec![frame(&status)]).expect("the node says where it is");
        let theirs: Status = codec::decode(&unframe(&answer), 1024).unwrap();
        assert_eq!(theirs.chain, self.status.lock().unwrap().chain);
    }

    /// Says bytes on a topic, as gossip.
    pub(super) fn publish(&self, topic: Topic, bytes: Vec<u8>) {
        self.wish(Wish::Publish(topic, bytes));
    }

    /// Says a consensus message as it should be said.
    pub(super) fn say(&self, message: ConsensusMessage) {
        self.counter.set(self.counter.get() + 1);
        let topic = message.topic();
        let envelope = ConsensusEnvelope { version: ENVELOPE_VERSION, counter: self.counter.get(), message };
        self.publish(topic, codec::encode(&envelope));
    }

    /// Sends bytes in so many writes instead of a question; what came back, if anything did.
    pub(super) fn ask(&self, node: &Running, over: Over, writes: Vec<Vec<u8>>) -> Option<Vec<u8>> {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Ask(over, peer_id(node), writes, answer));
        run(answered).expect("the stranger lives").filter(|bytes| !bytes.is_empty())
    }

    /// Writes bytes onto a gossip stream of their own, in so many writes; nothing comes back on it.
    pub(super) fn stream_gossip(&self, node: &Running, writes: Vec<Vec<u8>>) {
        let (nobody_waits, _) = oneshot::channel();
        self.wish(Wish::Ask(Over::Gossip, peer_id(node), writes, nobody_waits));
    }

    /// A gossip message of this peer, with its length before it, as it is on the stream.
    pub(super) fn gossip_frame(&self, topic: &str, data: &[u8]) -> Vec<u8> {
        self.counter.set(self.counter.get() + 1);
        let author = self.key.public().to_peer_id().to_bytes();
        gossip_frame(&self.key, &author, self.counter.get(), topic, data)
    }

    /// Asks for blocks as one should.
    pub(super) fn blocks(&self, node: &Running, from: Height) -> Vec<CertifiedBlock> {
        let question = codec::encode(&SyncRequest::Blocks { from, count: 256 });
        wait_for("the node has time for a question", || {
            let answer = self.ask(node, Over::Sync, vec![frame(&question)])?;
            match codec::decode(&unframe(&answer), SAYS_MAX).unwrap() {
                SyncResponse::Blocks(blocks) => Some(blocks),
                _ => None,
            }
        })
    }

    /// What it was asked so far.
    pub(super) fn questions(&self) -> Vec<SyncRequest> {
        self.record().questions.clone()
    }

    /// Waits until a node has shown it the door.
    #[track_caller]
    pub(super) fn wait_until_parted(&self) {
        wait_for("the node parts from the stranger", || (self.record().partings > 0).then_some(()));
    }

    /// Says something again and again, until the node has had enough of it.
    #[track_caller]
    pub(super) fn insist(&self, say: impl Fn(&Self)) {
        wait_for("the node parts from the stranger", || {
            say(self);
            std::thread::sleep(Duration::from_millis(100));
            (self.record().partings > 0).then_some(())
        });
    }

    pub(super) fn is_connected(&self, node: &Running) -> bool {
        self.record().connected.contains(&peer_id(node))
    }

    fn wish(&self, wish: Wish) {
        run(self.wishes.send(wish)).unwrap_or_else(|_| panic!("the stranger lives"));
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }
}

fn peer_id(node: &Running) -> PeerId {
    node.peer_id().parse().unwrap()
}

fn swarm(chain: &str, key: Keypair) -> Swarm<Speech> {
    let over = |protocol: String, support| {
        let name = StreamProtocol::try_from_owned(protocol).unwrap();
        let config = request_response::Config::default().with_request_timeout(ANSWER_WITHIN);
        request_response::Behaviour::new([(name, support)], config)
    };
    let gossip = gossipsub::ConfigBuilder::default().max_transmit_size(SAYS_MAX).flood_publish(true).build().unwrap();
    let speech = Speech {
        gossip: gossipsub::Behaviour::new(MessageAuthenticity::Signed(key.clone()), gossip).unwrap(),
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
struct Life {
    swarm: Swarm<Speech>,
    record: Arc<Mutex<Record>>,
    status: Arc<Mutex<Status>>,
    answers: Answers,
    asked: HashMap<(Over, OutboundRequestId), oneshot::Sender<Option<Vec<u8>>>>,
    /// Questions that are never answered: dropping one would be an answer.
    kept: Vec<ResponseChannel<Vec<u8>>>,
}

impl Life {
    async fn live(mut self, chain: String, mut wishes: mpsc::Receiver<Wish>) {
        for topic in Topic::ALL {
            self.swarm.behaviour_mut().gossip.subscribe(&IdentTopic::new(topic.name(&chain))).unwrap();
        }
        loop {
            tokio::select! {
                wish = wishes.recv() => match wish {
                    Some(wish) => self.fulfil(&chain, wish),
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
                // Nobody left to hear it is a node's right, and for the test to notice.
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
            Over::Status => Some(frame(&codec::encode(&*self.status.lock().unwrap()))),
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
