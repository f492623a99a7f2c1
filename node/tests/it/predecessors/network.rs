//! Processes of one network, and the two public doors of each: the HTTP API here, the p2p port in `stranger`.
//!
//! Owns: homes, processes, waiting for what all of them say. Does not own: what a test claims.
//! Always true: every node is the real program on a home made by `init`; all are killed when the network is dropped.
//! Start reading at [`Network`].

use crate::support::{Node, program, wait_for};
use blockchat_client::shapes::{
    AccountView, BlockView, BlocksRequest, EventTopic, HeaderView, StatusView, SubmitView, TransactionState, path,
};
use blockchat_client::{Client, ClientError, Events};
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::{Body, SignedTransaction, TransactionId};
use blockchat_proto::units::Height;
use blockchat_proto::validators::Member;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Runs a future to its end from a test, which is an ordinary function: strangers go on living beside it.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// The addresses of strangers and clients.
pub(super) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// A network: homes from the start, nodes as they are started.
pub(super) struct Network {
    nodes: BTreeMap<usize, Running>,
    pub(super) genesis: VerifiedGenesis,
    pub(super) folder: TempDir,
}

impl Network {
    /// Homes of so many validators and two rich wallets; no node runs yet.
    pub(super) fn new(validators: usize, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut init = program();
        init.args([
            "init",
            "--stake",
            "10",
            "--base-port",
            "0",
            "--faucet",
            "0",
            "--wallets",
            "2",
            "--validators",
            &validators.to_string(),
        ]);
        if !flags.contains(&"--block-interval") {
            init.args(["--block-interval", "50"]);
        }
        let made = init.args(flags).arg("--dir").arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let genesis = std::fs::read(folder.path().join("id0/genesis.json")).unwrap();
        let genesis: Genesis = serde_json::from_slice(&genesis).unwrap();
        Self { nodes: BTreeMap::new(), genesis: genesis.verify().unwrap(), folder }
    }

    /// One validator that is a chain of its own, running.
    pub(super) fn lone() -> Self {
        let mut network = Self::new(1, &["--idle-block-interval", "500"]);
        network.start(0);
        network
    }

    pub(super) fn home(&self, index: usize) -> PathBuf {
        self.folder.path().join(format!("id{index}"))
    }

    pub(super) fn chain(&self) -> Hash32 {
        self.genesis.hash()
    }

    /// The key of a validator.
    pub(super) fn validator(&self, index: usize) -> Signer {
        keystore::load(&self.home(index).join("keys/validator.pem"), None).unwrap()
    }

    /// The key of a rich account without a node.
    pub(super) fn wallet(&self, index: usize) -> Signer {
        keystore::load(&self.folder.path().join(format!("wallets/user{index}.pem")), None).unwrap()
    }

    /// Starts a node and tells it one address of those that run.
    pub(super) fn start(&mut self, index: usize) -> &Running {
        let peer = self.nodes.values().next().map(Running::address);
        let flags: Vec<_> = peer.iter().flat_map(|peer| ["--peer", peer.as_str()]).collect();
        self.start_with(index, &flags)
    }

    /// Starts a node with these flags only.
    pub(super) fn start_with(&mut self, index: usize, flags: &[&str]) -> &Running {
        let running = Running::start(&self.home(index), flags);
        self.nodes.insert(index, running);
        &self.nodes[&index]
    }

    pub(super) fn node(&self, index: usize) -> &Running {
        &self.nodes[&index]
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Running> {
        self.nodes.values()
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self, index: usize) {
        self.nodes.remove(&index).expect("it runs");
    }

    pub(super) fn kill_all(&mut self) {
        self.nodes.clear();
    }

    /// Which home has this validator's key?
    pub(super) fn index_of(&self, address: &Address) -> usize {
        let mut indices = 0..self.genesis.validators().members().len();
        indices.find(|index| self.validator(*index).address() == *address).expect("a validator of the genesis")
    }

    /// A payment with a text.
    pub(super) fn send(&self, from: &Signer, nonce: u64, to: Address, micros: u64, text: &str) -> SignedTransaction {
        let text = Some(text.to_owned()).filter(|text| !text.is_empty());
        sign::sign(from, self.chain(), nonce, sign::send_body(to, micro(micros), text))
    }

    pub(super) fn sign(&self, from: &Signer, nonce: u64, body: Body) -> SignedTransaction {
        sign::sign(from, self.chain(), nonce, body)
    }

    /// Waits until all are connected with each other: before, a killed node may be the only one that others know.
    #[track_caller]
    pub(super) fn wait_until_acquainted(&self) {
        let others = u32::try_from(self.nodes().count() - 1).expect("a handful");
        for node in self.nodes() {
            wait_for("it is connected with all others", || (node.status().peers >= others).then_some(()));
        }
    }

    /// Waits until all running nodes have the highest block that any of them has now, and it is the same one.
    #[track_caller]
    pub(super) fn wait_until_agreed(&self) -> Height {
        let highest = self.nodes().map(|node| node.status().height).max().expect("somebody runs");
        let hashes: Vec<_> = self.nodes().map(|node| node.wait_for_block(highest).hash).collect();
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "two blocks at height {highest}: {hashes:?}");
        highest
    }

    /// Waits until the chain has grown by `blocks`, on every running node alike.
    #[track_caller]
    pub(super) fn wait_for_growth(&self, blocks: u64) {
        let highest = self.nodes().map(|node| node.status().height).max().expect("somebody runs");
        self.nodes().for_each(|node| drop(node.wait_for_block(Height(highest.0 + blocks))));
        self.wait_until_agreed();
    }
}

/// One process of the program, and a client of its API.
pub(super) struct Running {
    node: Node,
    pub(super) client: Client,
}

impl Running {
    pub(super) fn start(home: &Path, flags: &[&str]) -> Self {
        let node = Node::start_with(home, flags);
        let client = Client::new(&node.ready.api).unwrap();
        Self { node, client }
    }

    /// The address at which peers dial it.
    pub(super) fn address(&self) -> String {
        self.node.ready.listen[0].clone()
    }

    /// The port of that address.
    pub(super) fn port(&self) -> u16 {
        self.address().split('/').nth(4).and_then(|port| port.parse().ok()).expect("/ip4/IP/tcp/PORT")
    }

    pub(super) fn peer_id(&self) -> &str {
        &self.node.ready.peer_id
    }

    pub(super) fn pid(&self) -> u32 {
        self.node.ready.pid
    }

    pub(super) fn status(&self) -> StatusView {
        run(self.client.status()).unwrap()
    }

    pub(super) fn account(&self, address: Address) -> AccountView {
        run(self.client.account(&address)).unwrap()
    }

    pub(super) fn block(&self, height: Height) -> BlockView {
        run(self.client.block(height)).unwrap()
    }

    /// Headers of these heights, newest first; at most as many as one part of the list holds.
    pub(super) fn headers(&self, from: Height, to: Height) -> Vec<HeaderView> {
        let wanted = BlocksRequest { from: Some(from), to: Some(to), limit: Some(500), ..BlocksRequest::default() };
        run(self.client.headers(&wanted)).unwrap().items
    }

    pub(super) fn members(&self, set: Hash32) -> Vec<Member> {
        run(self.client.validator_set(&set)).unwrap()
    }

    /// Events from now on.
    pub(super) fn listen(&self, topics: &[EventTopic]) -> Events {
        run(self.client.listen(topics, None)).unwrap()
    }

    #[track_caller]
    pub(super) fn wait_for_block(&self, height: Height) -> BlockView {
        wait_for("the block is here", || run(self.client.block(height)).ok())
    }

    /// Hands in, also while the node still starts; where the transaction is, or the code of the refusal.
    pub(super) fn submit(&self, signed: &SignedTransaction) -> Result<SubmitView, String> {
        wait_for("the node takes transactions", || match run(self.client.submit(signed)) {
            Ok(view) => Some(Ok(view)),
            Err(ClientError::Problem(problem)) if problem.status == 503 => None,
            Err(ClientError::Problem(problem)) => Some(Err(problem.code.to_string())),
            Err(other) => panic!("{other}"),
        })
    }

    /// The same for many; refusals are among the answers.
    pub(super) fn submit_batch(&self, signed: &[SignedTransaction]) -> Vec<SubmitView> {
        wait_for("the node takes transactions", || match run(self.client.submit_batch(signed)) {
            Ok(views) => Some(views),
            Err(ClientError::Problem(problem)) if problem.status == 503 => None,
            Err(other) => panic!("{other}"),
        })
    }

    /// The place of a transaction, if this node knows it.
    pub(super) fn place(&self, id: TransactionId) -> Option<TransactionState> {
        run(self.client.transaction(&id)).ok().map(|view| view.state)
    }

    /// Waits until it is final here; in which block.
    #[track_caller]
    pub(super) fn wait_until_final(&self, id: TransactionId) -> Height {
        wait_for("the transaction is final", || match self.place(id) {
            Some(TransactionState::Final { height, .. }) => Some(height),
            _ => None,
        })
    }

    /// Hands in a transaction and waits until it is final.
    #[track_caller]
    pub(super) fn submit_and_wait(&self, signed: &SignedTransaction) -> Height {
        self.submit(signed).expect("it is accepted");
        self.wait_until_final(signed.id())
    }

    /// Posts these bytes to the API; the HTTP status and what came with it.
    pub(super) fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(format!("{}{path}", self.client.url())).header("content-type", kind).body(body);
        run(async {
            let response = request.send().await.expect("the node answers");
            let status = response.status().as_u16();
            (status, response.json().await.unwrap_or_default())
        })
    }

    /// Posts a transaction as JSON text.
    pub(super) fn post_json(&self, json: impl Into<reqwest::Body>) -> (u16, Value) {
        self.post(path::TRANSACTIONS, "application/json", json)
    }

    /// Stops it in the middle of whatever it does.
    pub(super) fn freeze(&self) {
        kill_process(self.process(), Signal::STOP).expect("it runs");
    }

    /// Lets it go on.
    pub(super) fn thaw(&self) {
        kill_process(self.process(), Signal::CONT).expect("it is there");
    }

    fn process(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.pid()).expect("process ids are small")).expect("a process")
    }
}

/// So many micro-BCC.
pub(super) fn micro(micros: u64) -> Coins {
    Coins::from_micros(micros).expect("below the cap")
}

/// An unknown account.
pub(super) fn nobody(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32])
}
