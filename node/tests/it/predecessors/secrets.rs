//! Private keys are in no repository, and in files that only their owner may read.
//!
//! A predecessor had its wallets' keys committed.

use super::network::Network;
use crate::support::program;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Spelled so that this file does not hold what it looks for.
const MARKERS: [&str; 3] = ["PRIVATE KEY-----", "OPENSSH PRIVATE", "ENCRYPTED PRIVATE"];
/// Folders that are made by tools.
const MADE: [&str; 3] = ["target", ".git", "node_modules"];
/// The one file whose tests of the format hold keys that are known to belong to no account.
const FORMAT_TESTS: &str = "node/src/wallet/keystore.rs";

/// The folders of the published networks, whose keys are public: they are for trying out, and their folders say so.
const PUBLISHED: [&str; 2] = ["k8s/overlays/testnet-5/", "k8s/overlays/testnet-10/"];
const NOT_SECRET: &str = "-NOT-SECRET/";

/// The network of a key that is published, if it is one.
fn published(inside: &str) -> Option<&'static str> {
    let network = PUBLISHED.into_iter().find(|network| inside.starts_with(network))?;
    let (folder, name) = inside.split_at(inside.rfind('/')? + 1);
    (folder.ends_with(NOT_SECRET) && name.ends_with(".pem")).then_some(network)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the node is a folder of the repository").to_owned()
}

/// All files below, but for what tools make.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the repository is readable") {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))).expect("so is its folder");
        let made = path.file_name().is_some_and(|name| MADE.iter().any(|made| name == *made));
        match kind.is_dir() {
            true if !made => files(&path, found),
            false => found.push(path),
            true => {}
        }
    }
}

/// A line of base64 after the marker: a key, and not just its name.
fn holds_a_key(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let is_base64 = |line: &str| {
        line.len() >= 32 && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    };
    while let Some(line) = lines.next() {
        if MARKERS.iter().any(|marker| line.contains(marker)) && lines.next().is_some_and(is_base64) {
            return true;
        }
    }
    false
}

fn before_its_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or(source)
}

#[test]
pub(super) fn no_private_key_is_in_the_repository() {
    let root = repository();
    let mut found = vec![];
    files(&root, &mut found);
    assert!(found.len() > 200, "only {} files were read", found.len());
    for path in found {
        let Ok(text) = std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) else {
            continue;
        };
        let inside = path.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
        if let Some(network) = published(&inside) {
            let genesis = std::fs::read_to_string(root.join(network).join("genesis.json")).unwrap();
            let address = text.lines().next().and_then(|line| line.split(' ').next_back()).unwrap();
            assert!(address.starts_with("bcc1") && genesis.contains(address), "{inside} is of no published network");
            continue;
        }
        let shipped = if inside == FORMAT_TESTS { before_its_tests(&text) } else { &text };
        assert!(!holds_a_key(shipped), "{inside} holds a private key");
        assert!(!["pem", "key", "p12", "pfx"].iter().any(|end| inside.ends_with(&format!(".{end}"))), "{inside}");
    }
}

#[test]
pub(super) fn only_keys_whose_folder_says_that_they_are_no_secret_are_published() {
    assert!(published("k8s/overlays/testnet-5/keys-NOT-SECRET/0.pem").is_some());
    for other in [
        "k8s/overlays/testnet-5/keys/0.pem",
        "k8s/overlays/mine/keys-NOT-SECRET/0.pem",
        "keys-NOT-SECRET/0.pem",
        "k8s/overlays/testnet-5/keys-NOT-SECRET/notes.txt",
        "k8s/overlays/testnet-5/keys-NOT-SECRET/more/0.pem",
    ] {
        assert!(published(other).is_none(), "{other}");
    }
}

#[test]
pub(super) fn a_key_would_be_found() {
    let pem = format!("-----BEGIN {}\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END", MARKERS[0]);
    assert!(holds_a_key(&pem) && !holds_a_key(&pem.replace("MC4C", "not ")));
    let made = Network::new(1, &[]);
    let key = std::fs::read_to_string(made.home(0).join("keys/validator.pem")).unwrap();
    assert!(holds_a_key(&key), "the files that we make are such");
}

#[cfg(unix)]
#[test]
pub(super) fn only_their_owner_may_read_key_files() {
    use std::os::unix::fs::PermissionsExt;
    let mut network = Network::new(2, &[]);
    network.start(0);
    let home = network.home(0);
    let made = program().arg("--home").arg(&home).args(["wallet", "new", "carol", "--no-passphrase"]).output().unwrap();
    assert!(made.status.success());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut keys = vec![];
    for folder in [home.join("keys"), home.join("wallets"), network.folder.path().join("wallets")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        files(&folder, &mut keys);
    }
    let names: BTreeSet<_> = keys.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let expected = ["validator.pem", "p2p.pem", "guard", "carol.pem", "user0.pem", "user1.pem"];
    assert!(expected.iter().all(|name| names.contains(name)), "{names:?}");
    for key in &keys {
        assert_eq!(mode(key), 0o600, "{}", key.display());
    }
}
