//! `kill -9` at random moments under load, again and again: nothing final is lost, nothing is signed twice.
//!
//! After each kill the files of the dead node are copied and read with the node's own store; the node then starts on what
//! is really there.

use crate::support::{Node, program, wait_for};
use blockchat_client::shapes::{ApiCode, TransactionState};
use blockchat_client::{Client, ClientError};
use blockchat_engine::journal::{GuardMark, JournalEntry, JournalRecord};
use blockchat_node::store::history::Filter;
use blockchat_node::store::{self, Opened, guard::Guard};
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::{Genesis, VerifiedGenesis};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::{Body, SignedTransaction, TransactionId};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::vote::{SignedVote, VoteKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};
use tempfile::TempDir;

const FRIEND: Address = Address([2; 32]);
/// Transactions of one load step: a few blocks' worth at 20 ms a block.
const STEP: u64 = 40;

/// Homes of a network, in a folder that goes away.
struct Network {
    folder: TempDir,
    homes: Vec<PathBuf>,
    genesis: VerifiedGenesis,
}

impl Network {
    fn new(validators: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let made = program()
            .args([
                "init",
                "--stake",
                "10",
                "--block-interval",
                "20",
                "--base-port",
                "0",
                "--validators",
                &validators.to_string(),
                "--dir",
            ])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let homes: Vec<_> = (0..validators).map(|index| folder.path().join(format!("id{index}"))).collect();
        let genesis: Genesis = serde_json::from_slice(&fs::read(homes[0].join("genesis.json")).unwrap()).unwrap();
        Self { folder, homes, genesis: genesis.verify().unwrap() }
    }

    fn signer(&self, index: usize) -> Signer {
        keystore::load(&self.homes[index].join("keys/validator.pem"), None).unwrap()
    }

    /// The files of a dead node, opened from a copy.
    fn remains(&self, index: usize) -> Opened {
        let copy = self.folder.path().join("copy");
        drop(fs::remove_dir_all(&copy));
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(self.homes[index].join("data")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        store::open(&copy, &self.genesis).unwrap()
    }
}

/// Blocks that an outside observer has seen as final: they must never change.
#[derive(Debug, Default)]
struct Witness {
    transactions: BTreeMap<TransactionId, (Height, u32)>,
    blocks: BTreeMap<Height, Hash32>,
}

impl Witness {
    fn see_transaction(&mut self, id: TransactionId, state: &TransactionState) {
        if let TransactionState::Final { height, index, .. } = state {
            let before = self.transactions.insert(id, (*height, *index));
            assert!(before.is_none_or(|before| before == (*height, *index)), "{id} has moved");
        }
    }

    fn see_block(&mut self, height: Height, hash: Hash32) {
        let before = self.blocks.insert(height, hash);
        assert!(before.is_none_or(|before| before == hash), "block {height} has changed");
    }

    fn check(&self, remains: &Opened) {
        for (id, position) in &self.transactions {
            assert_eq!(remains.history.transaction(*id).unwrap(), Some(*position), "{id}");
        }
        for (height, hash) in &self.blocks {
            let stored = remains.history.block_at(*height).unwrap().unwrap();
            assert_eq!(stored.hash, *hash, "block {height}");
        }
        check_history(remains);
    }
}

/// The history of an account names what is in the blocks, whatever of its index was not written yet.
fn check_history(remains: &Opened) {
    let mut expected = vec![];
    for height in (1..=remains.history.tip_height().unwrap().0).map(Height) {
        let block = remains.history.block_at(height).unwrap().unwrap().block;
        let sends = (0..).zip(block.transactions).filter_map(|(index, signed)| match signed.transaction.body {
            Body::Send { to, .. } if to == FRIEND => Some((height, index)),
            _ => None,
        });
        expected.extend(sends);
    }
    let (mut found, mut before) = (vec![], None);
    loop {
        let part = remains.history.account(FRIEND, Filter::default(), before, 50).unwrap();
        found.extend(part.items.iter().map(|row| row.position));
        before = part.next;
        if before.is_none() {
            break;
        }
    }
    found.reverse();
    assert_eq!(found, expected);
}

/// Messages that a validator signs once in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Proposal,
    Prevote,
    Precommit,
}

/// Everything a validator ever signed, as its journals and certificates show it.
#[derive(Debug, Default)]
struct Signed(BTreeMap<(Height, Round, Said), Option<Hash32>>);

impl Signed {
    fn add(&mut self, height: Height, round: Round, said: Said, value: Option<Hash32>) {
        let before = self.0.insert((height, round, said), value);
        let same = before.is_none_or(|before| before == value);
        assert!(same, "{said:?} of height {height}, round {round}: signed {before:?} and {value:?}");
    }

    fn add_vote(&mut self, signed: &SignedVote) {
        let said = if signed.vote.kind == VoteKind::Prevote { Said::Prevote } else { Said::Precommit };
        self.add(signed.vote.height, signed.vote.round, said, signed.vote.value);
    }

    fn add_entry(&mut self, entry: &JournalEntry, validator: Address) {
        match &entry.record {
            JournalRecord::Proposal(signed) if signed.proposal.leader == validator => {
                let proposal = signed.proposal;
                self.add(proposal.height, proposal.round, Said::Proposal, Some(proposal.block));
            }
            JournalRecord::Vote(signed) if signed.vote.validator == validator => self.add_vote(signed),
            _ => {}
        }
    }

    /// The journal, and its precommits in the certificates of `heights`.
    fn add_remains(&mut self, remains: &Opened, validator: Address, heights: impl Iterator<Item = u64>) {
        remains.journal_entries.iter().for_each(|entry| self.add_entry(entry, validator));
        for height in heights {
            let certificate = remains.history.block_at(Height(height)).unwrap().unwrap().certificate;
            certificate.votes().filter(|vote| vote.vote.validator == validator).for_each(|vote| self.add_vote(&vote));
        }
    }

    fn highest(&self) -> Height {
        self.0.last_key_value().map_or(Height(0), |((height, _, _), _)| *height)
    }
}

/// Submits and looks until the node is dead.
async fn load(client: Client, chain: Hash32, signer: Signer, witness: Arc<Mutex<Witness>>) -> Result<(), ClientError> {
    let mut pending: Vec<TransactionId> = Vec::new();
    loop {
        let nonce = client.account(&signer.address()).await?.pending_nonce;
        let batch: Vec<_> = (nonce..nonce + STEP).map(|nonce| send(&signer, chain, nonce)).collect();
        match client.submit_batch(&batch).await {
            Ok(views) => pending.extend(views.iter().map(|view| view.id)),
            // A node that was just started refuses nothing and takes nothing until it has seen that it is at the tip.
            Err(ClientError::Problem(problem)) if problem.code == ApiCode::Starting => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            Err(dead) => return Err(dead),
        }
        for id in std::mem::take(&mut pending) {
            match client.transaction(&id).await {
                Ok(view) => match view.state {
                    TransactionState::Final { height, .. } => {
                        witness.lock().unwrap().see_transaction(id, &view.state);
                        let block = client.block(height).await?;
                        witness.lock().unwrap().see_block(block.height, block.hash);
                    }
                    TransactionState::Refused { .. } => {}
                    _ => pending.push(id),
                },
                Err(ClientError::Problem(_)) => pending.push(id),
                Err(dead) => return Err(dead),
            }
        }
    }
}

fn send(signer: &Signer, chain: Hash32, nonce: u64) -> SignedTransaction {
    let coin = Coins::from_micros(1).expect("one is below the cap");
    sign::sign(signer, chain, nonce, sign::send_body(FRIEND, coin, None))
}

/// Loads the node with transactions of `signer` on a thread of its own, until the node is dead.
fn spawn_load(node: &Node, chain: Hash32, signer: Signer, witness: &Arc<Mutex<Witness>>) -> thread::JoinHandle<()> {
    let client = Client::new(&node.ready.api).unwrap();
    let witness = Arc::clone(witness);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(load(client, chain, signer, witness));
        let dead = matches!(ended, Err(ClientError::NoNode { .. } | ClientError::HungUp { .. }));
        assert!(dead, "{ended:?}");
    })
}

fn seen_blocks(witness: &Arc<Mutex<Witness>>) -> usize {
    witness.lock().unwrap().blocks.len()
}

fn guard_of(home: &Path) -> GuardMark {
    Guard::peek(&home.join("keys/guard")).unwrap().unwrap().mark
}

#[test]
fn a_killed_validator_loses_nothing_final_and_signs_nothing_twice() {
    let network = Network::new(1);
    let (home, signer, chain) = (&network.homes[0], network.signer(0), network.genesis.hash());
    let witness = Arc::new(Mutex::new(Witness::default()));
    let mut signed = Signed::default();
    let mut checked = 0;
    for _ in 0..8 {
        let node = Node::start(home);
        let before = seen_blocks(&witness);
        let load = spawn_load(&node, chain, signer.clone(), &witness);
        wait_for("new blocks are final", || (seen_blocks(&witness) > before + 1).then_some(()));
        thread::sleep(Duration::from_millis(rand::random_range(0..200)));
        drop(node);
        load.join().unwrap();
        let remains = network.remains(0);
        witness.lock().unwrap().check(&remains);
        let tip = remains.history.tip_height().unwrap().0;
        signed.add_remains(&remains, signer.address(), checked + 1..=tip);
        checked = tip;
        assert!(guard_of(home).height >= Height(tip), "the guard knows of every precommit that counted");
        assert!(signed.highest() <= guard_of(home).height, "nothing that counts was signed without the guard");
    }
    let node = Node::start(home);
    let seen = std::mem::take(&mut *witness.lock().unwrap());
    let client = Client::new(&node.ready.api).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (id, position) in &seen.transactions {
            let TransactionState::Final { height, index, .. } = client.transaction(id).await.unwrap().state else {
                panic!("{id} is no longer final");
            };
            assert_eq!((height, index), *position);
        }
    });
    assert!(!seen.transactions.is_empty());
    assert_eq!(node.stop().0, Some(0));
}

/// A first node, then the others with its address.
fn start_all(homes: &[PathBuf]) -> Vec<Node> {
    let first = Node::start(&homes[0]);
    let peer = format!("{}/p2p/{}", first.ready.listen[0], first.ready.peer_id);
    let others: Vec<_> = homes[1..].iter().map(|home| Node::start_with(home, &["--peer", &peer])).collect();
    std::iter::once(first).chain(others).collect()
}

/// The worst moment is the one between the votes and the write of the block: a voter must still have the block and its vote.
#[test]
fn four_validators_killed_at_once_agree_and_go_on() {
    let network = Network::new(4);
    let (signers, chain): (Vec<_>, _) = ((0..4).map(|index| network.signer(index)).collect(), network.genesis.hash());
    let witness = Arc::new(Mutex::new(Witness::default()));
    let mut signed: Vec<_> = (0..4).map(|_| Signed::default()).collect();
    let mut checked = [0; 4];
    for _ in 0..3 {
        let nodes = start_all(&network.homes);
        let before = seen_blocks(&witness);
        let load: Vec<_> = [0, 1]
            .map(|index| spawn_load(&nodes[index], chain, signers[index].clone(), &witness))
            .into_iter()
            .collect();
        wait_for("new blocks are final", || (seen_blocks(&witness) > before + 2).then_some(()));
        thread::sleep(Duration::from_millis(rand::random_range(0..200)));
        drop(nodes);
        load.into_iter().for_each(|load| load.join().unwrap());
        for index in 0..4 {
            let remains = network.remains(index);
            let tip = remains.history.tip_height().unwrap();
            signed[index].add_remains(&remains, signers[index].address(), checked[index] + 1..=tip.0);
            checked[index] = tip.0;
            let mut seen = witness.lock().unwrap();
            for height in seen.blocks.keys().copied().filter(|height| *height <= tip).collect::<Vec<_>>() {
                let stored = remains.history.block_at(height).unwrap().unwrap();
                seen.see_block(height, stored.hash);
            }
        }
    }
    let seen = std::mem::take(&mut *witness.lock().unwrap());
    let highest = *seen.blocks.last_key_value().unwrap().0;
    let nodes = start_all(&network.homes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for node in &nodes {
        let client = Client::new(&node.ready.api).unwrap();
        let height = || runtime.block_on(client.status()).unwrap().height;
        wait_for("it is beyond what was final", || (height() > highest).then_some(()));
        for (height, hash) in &seen.blocks {
            assert_eq!(runtime.block_on(client.block(height)).unwrap().hash, *hash);
        }
    }
}

/// The guard says what was signed, so nothing is signed there again; what others decided since comes from them.
#[test]
fn a_validator_whose_disk_was_wiped_catches_up_and_votes_again() {
    let network = Network::new(4);
    let (signer, chain) = (network.signer(0), network.genesis.hash());
    let witness = Arc::new(Mutex::new(Witness::default()));
    let mut nodes = start_all(&network.homes);
    let load = spawn_load(&nodes[0], chain, signer, &witness);
    wait_for("blocks are final", || (seen_blocks(&witness) > 3).then_some(()));
    drop(nodes.pop());
    let home = &network.homes[3];
    let signed = guard_of(home).height;
    fs::remove_dir_all(home.join("data")).unwrap();
    let peer = format!("{}/p2p/{}", nodes[0].ready.listen[0], nodes[0].ready.peer_id);
    let wiped = Node::start_with(home, &["--peer", &peer]);
    let client = Client::new(&wiped.ready.api).unwrap();
    let address = network.signer(3).address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    wait_for("its vote counts again", || {
        let last = runtime.block_on(client.block("last")).ok()?;
        (last.height > signed && last.signers.contains(&address)).then_some(())
    });
    drop((wiped, nodes));
    load.join().unwrap();
}

/// Half of the stake loses its data folders in the middle of a height that it could not decide. By its guards it knows what it
/// signed there and that nothing is locked: it goes on in the next round, and the others follow it.
#[test]
fn two_of_four_wiped_in_mid_height_do_not_halt_the_chain() {
    let network = Network::new(4);
    let chain = network.genesis.hash();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let height = |node: &Node| runtime.block_on(Client::new(&node.ready.api).unwrap().status()).unwrap().height;
    let mut nodes = start_all(&network.homes);
    let submit = |node: &Node, nonce| {
        let transaction = send(&network.signer(0), chain, nonce);
        runtime.block_on(Client::new(&node.ready.api).unwrap().submit_batch(&[transaction])).unwrap();
    };
    submit(&nodes[0], 0);
    wait_for("a block is final everywhere", || nodes.iter().all(|node| height(node) >= Height(1)).then_some(()));
    nodes.truncate(2);
    let last = nodes.iter().map(height).max().unwrap();
    submit(&nodes[0], 1);
    wait_for("both have signed where two cannot decide", || {
        (0..2).all(|index| guard_of(&network.homes[index]).height > last).then_some(())
    });
    drop(nodes);
    for home in &network.homes[..2] {
        fs::remove_dir_all(home.join("data")).unwrap();
    }
    let nodes = start_all(&network.homes);
    wait_for("the height ends", || nodes.iter().all(|node| height(node) > last).then_some(()));
}
