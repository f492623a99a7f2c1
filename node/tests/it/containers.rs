//! Networks in containers: what `init --format k8s|compose` writes, and what `pod-init` makes of it in a pod.

use crate::support::{Node, Said, program, says, wait_for};
use blockchat_node::ready_file::Ready;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A network as `init` wrote it.
struct Network {
    folder: TempDir,
    told: Value,
}

impl Network {
    fn new(format: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let told = json(
            program().args(["init", "--format", format, "--output", "json", "--dir"]).arg(folder.path()).args(flags),
        );
        Self { folder, told }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn pod(&self, index: usize) -> Pod {
        Pod::new(self.folder.path(), "keys", index)
    }
}

struct Pod {
    folder: TempDir,
    key: PathBuf,
}

impl Pod {
    /// As a kubelet makes it from the files of a network: all keys are readable by the group, and the key that is used lies
    /// elsewhere.
    fn new(network: &Path, keys: &str, index: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("pod-index"), index.to_string()).unwrap();
        for shared in ["genesis.json", "contacts.toml"] {
            fs::copy(network.join(shared), files.join(shared)).unwrap();
        }
        let key = folder.path().join("memory").join("validator.pem");
        let settings = fs::read_to_string(network.join("config.toml")).unwrap();
        let settings = settings.replace("/run/blockchat/validator.pem", key.to_str().unwrap());
        fs::write(files.join("config.toml"), settings).unwrap();
        for key in fs::read_dir(network.join(keys)).unwrap().map(|entry| entry.unwrap().path()) {
            let place = files.join("keys").join(key.file_stem().unwrap());
            fs::create_dir_all(&place).unwrap();
            fs::copy(&key, place.join("validator.pem")).unwrap();
            fs::set_permissions(place.join("validator.pem"), Permissions::from_mode(0o440)).unwrap();
        }
        Self { folder, key }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn run_init(&self, flags: &[&str]) -> Said {
        let mut command = program();
        command.args(["pod-init", "--output", "json", "--home"]).arg(self.home());
        command.arg("--from").arg(self.folder.path().join("files")).args(flags).output().unwrap().into()
    }

    #[track_caller]
    fn init(&self, flags: &[&str]) -> Value {
        let said = self.run_init(flags);
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    /// Starts its node; its peers are not found by a name here.
    fn start(&self, peer: Option<&Ready>) -> Node {
        let peer = peer.map_or(String::new(), |ready| ready.listen[0].clone());
        Node::start_with(&self.home(), &["--peer", &peer])
    }

    fn lose_volume(&self) {
        fs::remove_dir_all(self.home()).unwrap();
        fs::remove_file(&self.key).unwrap();
    }
}

#[track_caller]
fn json(command: &mut std::process::Command) -> Value {
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn status(node: &Ready) -> Value {
    json(program().args(["status", "--output", "json", "--api", &node.api]))
}

fn height(node: &Ready) -> u64 {
    status(node)["height"].as_u64().unwrap()
}

/// The address and port of an API, as `--ask` wants it.
fn asked(node: &Ready) -> String {
    node.api.trim_start_matches("http://").to_owned()
}

#[test]
fn a_kustomization_has_the_chain_one_secret_a_validator_and_a_base() {
    let network = Network::new("k8s", &["--validators", "3", "--wallets", "1"]);
    let text = network.read("kustomization.yaml");
    says(
        &text,
        &[
            "- base",
            "count: 3",
            "name: blockchat-key-2",
            "validator.pem=keys/2.pem",
            "keys/2/validator.pem",
            "immutable: true",
        ],
    );
    assert!(!text.contains("not-secret") && !text.contains("images:"), "{text}");
    for index in 0..3 {
        let key = network.path(&format!("keys/{index}.pem"));
        assert_eq!(mode(&key), 0o600);
        says(&fs::read_to_string(key).unwrap(), &[network.told["accounts"][index]["address"].as_str().unwrap()]);
    }
    let named = |account: &&Value| ["faucet", "user0"].iter().any(|name| account["name"] == *name);
    assert_eq!(network.told["accounts"].as_array().unwrap().iter().filter(named).count(), 2);
    says(&text, &["name: blockchat-wallets", "wallets/faucet.pem", "wallets/user0.pem"]);
    says(&network.read("base/stateful-set.yaml"), &["podManagementPolicy: Parallel"]);
    says(&network.read("config.toml"), &["/dns4/blockchat/tcp/7475", "0.0.0.0:7474", "mdns = false"]);
    says(network.told["next"].as_str().unwrap(), &["kubectl apply -k "]);
}

#[test]
fn an_overlay_builds_on_a_base_that_is_there_and_says_of_its_keys_that_they_are_no_secret() {
    let flags =
        ["--validators", "1", "--base", "../../base", "--not-secret", "--image", "example.org:5000/chat/node:2"];
    let network = Network::new("k8s", &flags);
    let text = network.read("kustomization.yaml");
    says(
        &text,
        &[
            "- ../../base",
            "blockchat-key-0-not-secret",
            "keys-NOT-SECRET/0.pem",
            "newName: example.org:5000/chat/node",
            "newTag: \"2\"",
        ],
    );
    assert!(!network.path("base").exists() && network.path("keys-NOT-SECRET/0.pem").exists());
}

#[test]
fn a_compose_file_gives_each_container_its_own_key_only() {
    let network = Network::new("compose", &["--validators", "2", "--base-port", "9000"]);
    let text = network.read("compose.yaml");
    says(
        &text,
        &[
            "  id0:\n",
            "  id1:\n",
            "./keys/1.pem:/etc/blockchat/keys/1/validator.pem:ro",
            "127.0.0.1:9002:7474",
            "aliases: [blockchat]",
        ],
    );
    assert!(!text.contains("depends_on") && !text.contains("container_name"), "{text}");
    // The user of the container reads it through a mount; the folder is closed to all others.
    assert_eq!([mode(&network.path("keys/0.pem")), mode(&network.path("keys"))], [0o644, 0o700]);
}

#[test]
fn nothing_of_a_network_that_is_there_is_overwritten_and_flags_of_containers_need_a_container() {
    let network = Network::new("k8s", &["--validators", "1"]);
    let again = program().args(["init", "--format", "k8s", "--dir"]).arg(network.folder.path()).output().unwrap();
    let said = Said::from(again);
    assert_eq!(said.code, 1);
    says(&said.err, &["already exists"]);
    let said = Said::from(program().args(["init", "--not-secret", "--dir", "x"]).output().unwrap());
    assert_eq!(said.code, 2);
    says(&said.err, &["--format k8s"]);
}

#[test]
fn a_pod_gets_the_key_of_its_number_and_doing_it_again_changes_nothing() {
    let network = Network::new("k8s", &["--validators", "3"]);
    let pod = network.pod(1);
    let told = pod.init(&[]);
    assert_eq!((&told["pod"], &told["role"]), (&1.into(), &"validator".into()));
    assert_eq!(told["address"], network.told["accounts"][1]["address"]);
    assert_eq!(told["genesis_hash"], network.told["genesis_hash"]);
    assert_eq!([mode(&pod.key), mode(&pod.home().join("keys/guard"))], [0o600, 0o600]);
    assert!(!pod.home().join("keys/validator.pem").exists(), "the key is in memory only");
    says(&fs::read_to_string(pod.home().join("contacts.toml")).unwrap(), &["id0", "id1", "id2"]);
    // Memory is lost with every restart, and a kubelet opens what is on the volume to its group.
    fs::remove_file(&pod.key).unwrap();
    fs::write(pod.home().join("keys/p2p.pem"), "").unwrap();
    fs::set_permissions(pod.home().join("keys/p2p.pem"), Permissions::from_mode(0o660)).unwrap();
    let again = pod.init(&[]);
    assert_eq!((&again["address"], &again["guard"]), (&told["address"], &"on the volume".into()));
    assert_eq!([mode(&pod.key), mode(&pod.home().join("keys/p2p.pem"))], [0o600, 0o600]);
}

#[test]
fn a_pod_beyond_the_validators_makes_a_key_of_its_own_once() {
    let network = Network::new("k8s", &["--validators", "2"]);
    let pod = network.pod(2);
    let told = pod.init(&[]);
    assert_eq!((&told["role"], &told["guard"]), (&"observer".into(), &"new, as the key is".into()));
    fs::remove_file(&pod.key).unwrap();
    let again = pod.init(&[]);
    assert_eq!((&again["address"], &again["guard"]), (&told["address"], &"on the volume".into()));
    fs::remove_file(pod.home().join("keys/guard")).unwrap();
    says(pod.init(&[])["guard"].as_str().unwrap(), &["lost", "guard reset"]);
}

#[test]
fn the_published_networks_are_of_the_rules_that_this_program_knows() {
    for (name, validators) in [("testnet-5", 5), ("testnet-10", 10)] {
        let overlay = Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s/overlays").join(name);
        let genesis: Value = serde_json::from_str(&fs::read_to_string(overlay.join("genesis.json")).unwrap()).unwrap();
        let staked = |address: &Value| {
            let mut accounts = genesis["accounts"].as_array().unwrap().iter();
            accounts.any(|account| account["address"] == *address && account["stake"] != "0.000000")
        };
        for index in 0..validators {
            let told = Pod::new(&overlay, "keys-NOT-SECRET", index).init(&[]);
            assert!(told["role"] == "validator" && staked(&told["address"]), "{name} {told}");
        }
    }
}

#[test]
fn a_volume_of_another_chain_and_files_that_are_missing_are_refused_with_the_cause() {
    let (one, other) = (Network::new("k8s", &[]), Network::new("k8s", &[]));
    let pod = one.pod(0);
    pod.init(&[]);
    fs::copy(other.path("genesis.json"), pod.folder.path().join("files/genesis.json")).unwrap();
    let said = pod.run_init(&[]);
    assert_eq!(said.code, 1);
    says(&said.err, &["belongs to chain", "\"other_chain\"", "delete its volume claims"]);
    let pod = one.pod(0);
    fs::write(pod.folder.path().join("files/pod-index"), "blockchat-0").unwrap();
    says(&pod.run_init(&[]).err, &["bad_pod_index", "apps.kubernetes.io/pod-index"]);
    fs::remove_file(pod.folder.path().join("files/pod-index")).unwrap();
    says(&pod.run_init(&[]).err, &["pod-index", "pod_files"]);
    fs::write(pod.folder.path().join("files/keys/0/validator.pem"), "no key").unwrap();
    says(&pod.run_init(&["--index", "0"]).err, &["no PRIVATE KEY block"]);
}

/// SPEC FILE-2: a node that cannot know what it has signed signs nothing.
#[test]
fn a_validator_that_lost_its_volume_gets_no_guard_from_a_chain_that_has_its_votes() {
    let network = Network::new("k8s", &["--validators", "1", "--idle-block-interval", "200"]);
    let (voter, observer) = (network.pod(0), network.pod(1));
    assert_eq!(voter.init(&["--ask", "127.0.0.1:1"])["guard"], "new: the chain begins, or nobody answered");
    observer.init(&[]);
    let first = voter.start(None);
    let second = observer.start(Some(&first.ready));
    wait_for("the observer has a block", || (height(&second.ready) > 0).then_some(()));
    drop(first);
    voter.lose_volume();
    says(voter.init(&["--ask", &asked(&second.ready)])["guard"].as_str().unwrap(), &["lost", "guard reset"]);
    assert!(!voter.home().join("keys/guard").exists());
    let again = voter.start(Some(&second.ready));
    wait_for("it says why it is silent", || {
        status(&again.ready)["silence"].as_str().filter(|silence| silence.contains("guard reset")).map(drop)
    });
}

#[test]
fn a_validator_that_comes_late_to_its_first_start_votes_above_what_was_decided_without_it() {
    let network = Network::new("k8s", &["--validators", "4", "--idle-block-interval", "200"]);
    let pods: Vec<_> = (0..4).map(|index| network.pod(index)).collect();
    pods[..3].iter().for_each(|pod| drop(pod.init(&[])));
    let first = pods[0].start(None);
    let _others = [pods[1].start(Some(&first.ready)), pods[2].start(Some(&first.ready))];
    wait_for("three decide without the fourth", || (height(&first.ready) > 2).then_some(()));
    let nobody = pods[3].init(&["--ask", &asked(&first.ready), "--no-new-guard"]);
    says(nobody["guard"].as_str().unwrap(), &["lost"]);
    let told = pods[3].init(&["--ask", &asked(&first.ready)]);
    says(told["guard"].as_str().unwrap(), &["new: the chain is at ", "has never voted"]);
    let late = pods[3].start(Some(&first.ready));
    let address = told["address"].as_str().unwrap();
    wait_for("it signs a block", || {
        let block = program().args(["view", "--output", "json", "--api", &late.ready.api]).output().unwrap();
        let block: Value = serde_json::from_slice(&block.stdout).ok()?;
        let signed = block["signers"].as_array()?.iter().any(|signer| signer == address);
        (signed || block["leader"] == address).then_some(())
    });
}
