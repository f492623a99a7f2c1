//! The disk runs full under load: the node stops at once and says why; with room again it goes on where it was.

use crate::support::{Home, Node, PATIENCE, program, wait_for};
use blockchat_client::Client;
use blockchat_client::shapes::TransactionState;
use blockchat_node::ready_file::Ready;
use blockchat_node::wallet::{keystore, sign};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::transaction::SignedTransaction;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// No file may grow beyond this many KiB: a little more than an empty store.
const ROOM_KIB: u32 = 1_060;

/// The same as a full disk, for one process: `ulimit` counts in 512-byte blocks or in KiB, so the shell is asked for bash.
fn start_in_little_room(home: &Path, ready: &Path) -> Child {
    let node = program();
    let script = format!("trap '' XFSZ; ulimit -f {ROOM_KIB}; exec \"$0\" \"$@\"");
    Command::new("bash")
        .args(["-c", &script])
        .arg(node.get_program())
        .args(["run", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--log", "warn"])
        .arg("--home")
        .arg(home)
        .arg("--ready-file")
        .arg(ready)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash starts")
}

/// Transactions in a batch, and most batches: far more than there is room for.
const BATCH: u64 = 1_000;
const BATCHES_MAX: u64 = 30;

fn batch(chain: Hash32, signer: &Signer, nonce: u64) -> Vec<SignedTransaction> {
    let body = || sign::send_body(Address([2; 32]), Coins::from_micros(1).unwrap(), None);
    (nonce..nonce + BATCH).map(|nonce| sign::sign(signer, chain, nonce, body())).collect()
}

#[tokio::test]
async fn a_full_disk_stops_the_node_with_the_reason_and_it_goes_on_when_there_is_room() {
    let home = Home::new();
    home.start().stop();
    let signer = keystore::load(&home.path().join("keys/validator.pem"), None).unwrap();
    let ready_file = home.path().with_extension("full");
    let mut node = start_in_little_room(&home.path(), &ready_file);
    let ready = wait_for("the node serves", || Ready::read(&ready_file));
    let client = Client::new(&ready.api).unwrap();
    let chain = client.status().await.unwrap().genesis_hash;
    let mut nonce = client.account(&signer.address()).await.unwrap().pending_nonce;
    let mut all = vec![];
    while node.try_wait().unwrap().is_none() {
        assert!(nonce < BATCHES_MAX * BATCH, "the disk never runs full");
        let next = batch(chain, &signer, nonce);
        if client.submit_batch(&next).await.is_err() {
            // It is about to stop, or has just begun.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        nonce += BATCH;
        let last = next[next.len() - 1].id();
        all.extend(next);
        while client.transaction(&last).await.is_ok_and(|view| !matches!(view.state, TransactionState::Final { .. })) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // Some of this one may have been accepted.
    all.extend(batch(chain, &signer, nonce));
    let ended = wait_for("the node stops", || node.try_wait().unwrap());
    assert_eq!(ended.code(), Some(1));
    let said = std::io::read_to_string(node.stderr.take().unwrap()).unwrap();
    assert!(said.contains("cannot write") && said.contains("/data/"), "{said}");

    let node: Node = home.start();
    let client = Client::new(&node.ready.api).unwrap();
    for batch in all.chunks(usize::try_from(BATCH).unwrap()) {
        client.submit_batch(batch).await.unwrap();
    }
    let last = all[all.len() - 1].id();
    let is_final = async {
        while !matches!(client.transaction(&last).await.map(|view| view.state), Ok(TransactionState::Final { .. })) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_final).await.expect("everything becomes final");
}
