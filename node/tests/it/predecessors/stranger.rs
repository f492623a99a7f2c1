//! A peer of our own making on a node's p2p port: it speaks our protocols byte by byte, and says what the test wants.
//!
//! Owns: its connections, and a record of what it was asked. Does not own: whether what it says is true.
//! Always true: it lives on the shared runtime until dropped; nothing it sends is checked by it.
//! Start reading at [`Stranger::meet`].

use super::network::{Network, Running, run, runtime};
use super::speech::{Answers, Life, Over, Record, SAYS_MAX, Wish};
use super::wire::{frame, unframe};
use crate::support::wait_for;
use blockchat_proto::codec;
use blockchat_proto::gossip::{ConsensusEnvelope, ConsensusMessage, ENVELOPE_VERSION, Topic};
use blockchat_proto::hash::Hash32;
use blockchat_proto::sync::{CertifiedBlock, STATUS_VERSION, Status, SyncRequest, SyncResponse};
use blockchat_proto::units::{Height, UnixMillis};
use libp2p::PeerId;
use libp2p::identity::Keypair;
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// See the module's header.
pub(super) struct Stranger {
    wishes: mpsc::Sender<Wish>,
    record: Arc<Mutex<Record>>,
    chain: String,
    status: Status,
    salt: Cell<u64>,
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
        let record = Arc::new(Mutex::new(Record::default()));
        let (wishes, taken) = mpsc::channel(64);
        let (record_too, name) = (Arc::clone(&record), chain.clone());
        let task = runtime().spawn(async move {
            let chain = name;
            Life::new(&chain, Keypair::generate_ed25519(), status, record_too, answers).live(&chain, taken).await;
        });
        Self { wishes, record, chain, status, salt: Cell::new(0), task }
    }

    /// One that has met this node.
    pub(super) fn meeting(network: &Network, node: &Running) -> Self {
        let stranger = Self::new(network);
        stranger.meet(node);
        stranger
    }

    /// Two that only listen. A node disconnects a liar only while it has other peers: it keeps its last ones, even
    /// liars.
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
        let status = codec::encode(&self.status);
        let answer = self.ask(node, Over::Status, vec![frame(&status)]).expect("the node says where it is");
        let theirs: Status = codec::decode(&unframe(&answer), 1024).unwrap();
        assert_eq!(theirs.chain, self.status.chain);
    }

    /// Says bytes on a topic, as gossip.
    pub(super) fn publish(&self, topic: Topic, bytes: Vec<u8>) {
        self.wish(Wish::Publish(topic, bytes));
    }

    /// Says a consensus message as it should be said.
    pub(super) fn say(&self, message: ConsensusMessage) {
        self.salt.set(self.salt.get() + 1);
        let topic = message.topic();
        let envelope = ConsensusEnvelope { version: ENVELOPE_VERSION, salt: self.salt.get(), message };
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
        self.throw(node, Over::Gossip, writes);
    }

    /// Sends bytes instead of a request; the answer is not read.
    pub(super) fn throw(&self, node: &Running, over: Over, writes: Vec<Vec<u8>>) {
        let (nobody_waits, _) = oneshot::channel();
        self.wish(Wish::Ask(over, peer_id(node), writes, nobody_waits));
    }

    /// Asks as one should, until the node has time.
    pub(super) fn sync(&self, node: &Running, question: SyncRequest) -> SyncResponse {
        wait_for("the node has time for a question", || {
            let answer = self.ask(node, Over::Sync, vec![frame(&codec::encode(&question))])?;
            let answer = codec::decode(&unframe(&answer), SAYS_MAX).unwrap();
            (!matches!(answer, SyncResponse::Busy { .. })).then_some(answer)
        })
    }

    /// Final blocks from a height on.
    pub(super) fn blocks(&self, node: &Running, from: Height) -> Vec<CertifiedBlock> {
        match self.sync(node, SyncRequest::Blocks { from, count: 256 }) {
            SyncResponse::Blocks(blocks) => blocks,
            other => panic!("{other:?} is no answer to a question for blocks"),
        }
    }

    /// The requests it got so far.
    pub(super) fn questions(&self) -> Vec<SyncRequest> {
        self.record().questions.clone()
    }

    /// The messages it heard so far on a topic.
    pub(super) fn heard(&self, topic: Topic) -> Vec<Vec<u8>> {
        let name = topic.name(&self.chain);
        self.record().gossip.iter().filter(|(on, _)| *on == name).map(|(_, data)| data.clone()).collect()
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
