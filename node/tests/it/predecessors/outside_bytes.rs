//! Bytes from the network are data: they are decoded within limits or refused, and never run.
//!
//! A predecessor unpickled what peers sent, which runs whatever they like.

use super::forged::batch;
use super::network::{Network, Running};
use super::speech::Over;
use super::stranger::Stranger;
use super::wire::frame;
use crate::support::wait_for;
use blockchat_client::shapes::{BATCH_CONTENT_TYPE, PageRequest, path};
use blockchat_proto::gossip::Topic;
use blockchat_proto::keys::Address;
use blockchat_proto::units::Height;
use std::path::Path;

const BOB: Address = Address([2; 32]);

/// Bytes that have undone others: pickles that run a command, depth without end, lengths that no memory holds.
fn poison(marker: &Path) -> Vec<Vec<u8>> {
    let command = format!("touch {}", marker.display());
    let pickle = format!("cposix\nsystem\n(S'{command}'\ntR.").into_bytes();
    let newer = [b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c", &[u8::try_from(command.len()).unwrap()][..]].concat();
    let newer = [&newer[..], command.as_bytes(), b"\x85R."].concat();
    vec![
        pickle,
        newer,
        format!("!!python/object/apply:os.system ['{command}']").into_bytes(),
        vec![0x81; 16_000],
        vec![0x9f; 16_000],
        vec![0xd9; 16_000],
        [0xa1, 0x61, 0x61].repeat(5_000),
        vec![0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x7a, 0xff, 0xff, 0xff, 0xff, 0x20],
        vec![0; 16_000],
        vec![0xff; 16_000],
        vec![],
    ]
}

/// The same process, doing what nodes do.
#[track_caller]
fn is_well(network: &Network, node: &Running, pid: u32, nonce: u64) {
    node.submit_and_wait(&network.send(&network.wallet(0), nonce, BOB, 1, ""));
    assert_eq!((node.pid(), network.node(0).account(BOB).next_nonce), (pid, 0));
}

#[test]
pub(super) fn bytes_from_peers_are_data_only() {
    let network = Network::lone();
    let (node, marker) = (network.node(0), network.folder.path().join("poisoned"));
    let _company = Stranger::company(&network, node);
    for topic in Topic::ALL {
        for bytes in poison(&marker).into_iter().filter(|bytes| !bytes.is_empty()) {
            // Each from a new stranger: one that sends such a thing is soon not heard any more.
            let liar = Stranger::meeting(&network, node);
            let last = bytes.len() - 1;
            let salt = std::cell::Cell::new(0_u8);
            liar.publish(topic, bytes.clone());
            liar.insist(|liar| {
                salt.set(salt.get() + 1);
                let mut other = bytes.clone();
                other[last] ^= salt.get();
                liar.publish(topic, other);
            });
        }
    }
    for over in [Over::Status, Over::Sync] {
        for bytes in poison(&marker) {
            let liar = Stranger::meeting(&network, node);
            assert_eq!(liar.ask(node, over, vec![frame(&bytes)]), None, "{:?}", &bytes[..bytes.len().min(8)]);
            assert_eq!(liar.ask(node, over, vec![bytes]), None);
        }
    }
    is_well(&network, node, node.pid(), 0);
    let friend = Stranger::meeting(&network, node);
    let signed = network.send(&network.wallet(0), 1, BOB, 1, "");
    friend.publish(Topic::Transactions, batch(std::slice::from_ref(&signed)));
    node.wait_until_final(signed.id());
    assert!(!marker.exists(), "somebody's command was run");
}

/// A node that asks is at the mercy of its answers, too.
#[test]
pub(super) fn answers_of_peers_are_data_only() {
    let network = Network::lone();
    let (node, marker) = (network.node(0), network.folder.path().join("poisoned"));
    let (pid, far) = (node.pid(), Height(1_000_000));
    let answers = poison(&marker).into_iter().flat_map(|bytes| [frame(&bytes), bytes]);
    let liars = answers.map(|bytes| Stranger::claiming(&network, far, Box::new(move |_| Some(bytes.clone()))));
    for liar in liars {
        liar.meet(node);
        wait_for("the node asks the liar", || (!liar.questions().is_empty()).then_some(()));
    }
    is_well(&network, node, pid, 0);
    network.wait_for_growth(2);
    assert!(!marker.exists(), "somebody's command was run");
}

#[test]
pub(super) fn bytes_from_clients_are_data_only() {
    let network = Network::lone();
    let (node, marker) = (network.node(0), network.folder.path().join("poisoned"));
    let pid = node.pid();
    let json = ["[".repeat(8_000), "{\"transaction\":".repeat(1_000), "1e999".into(), "\"\\ud800\"".into()];
    let texts = json.into_iter().map(String::into_bytes).chain(poison(&marker));
    for bytes in texts {
        let (status, _) = node.post_json(bytes.clone());
        assert_eq!(status, 400, "{:?}", &bytes[..bytes.len().min(20)]);
        let (status, _) = node.post(path::TRANSACTIONS_BATCH, BATCH_CONTENT_TYPE, bytes.clone());
        assert_eq!(status, 400, "{:?}", &bytes[..bytes.len().min(20)]);
    }
    is_well(&network, node, pid, 0);
    assert!(!marker.exists(), "somebody's command was run");
}

/// A chain stores its payload, and does nothing else with it.
#[test]
pub(super) fn a_message_is_text_whatever_it_says() {
    let network = Network::lone();
    let (node, marker) = (network.node(0), network.folder.path().join("poisoned"));
    let texts = [
        format!("$(touch {})", marker.display()),
        "'; DROP TABLE blocks; --".into(),
        "<script>alert(1)</script>".into(),
        "\u{1b}[2J\u{202e}\0".into(),
    ];
    for (nonce, text) in (0..).zip(&texts) {
        node.submit_and_wait(&network.send(&network.wallet(0), nonce, BOB, 0, text));
    }
    let kept = wait_for("the messages are indexed", || {
        let found = super::network::run(node.client.messages(&BOB, &PageRequest::first(10))).unwrap().items;
        (found.len() == texts.len()).then_some(found)
    });
    let kept: Vec<_> = kept.into_iter().rev().map(|message| message.text.unwrap()).collect();
    assert_eq!(kept, texts);
    assert!(!marker.exists(), "somebody's command was run");
}
