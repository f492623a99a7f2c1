//! Keys, money and messages from the command line, against the real program.

use crate::support::{Home, program, write_secret};
use blockchat_engine::journal::{GuardState, Lock};
use blockchat_node::store::guard::Guard;
use blockchat_proto::hash::Hash32;
use blockchat_proto::units::Round;
use serde_json::Value;

#[test]
fn a_wallet_is_made_listed_and_shown() {
    let home = Home::new();
    let secret = home.path().with_extension("passphrase");
    write_secret(&secret, "correct horse\nsecond line\n");
    let made = home.json(&["wallet", "new", "bob", "--passphrase-file", secret.to_str().unwrap()]);
    assert_eq!(made["encrypted"], true);
    home.json(&["wallet", "new", "eve", "--no-passphrase"]);
    let list = home.json(&["wallet", "list"]);
    let names: Vec<_> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bob", "eve"]);
    assert_eq!(list[0]["address"], made["address"], "an encrypted key says whose it is");
    assert_eq!(home.json(&["wallet", "show", "bob"])["address"], made["address"]);
}

#[test]
fn contacts_are_added_listed_and_forgotten() {
    let home = Home::new();
    let address = Home::new().json(&["wallet", "new", "x", "--no-passphrase"])["address"].clone();
    let address = address.as_str().unwrap();
    assert_eq!(home.run(&["contacts", "add", "carol", address]).code, 0);
    assert_eq!(home.json(&["contacts", "list"])["contacts"]["carol"], address);
    assert_eq!(home.run(&["contacts", "remove", "carol"]).code, 0);
    assert!(home.refused(1, &["contacts", "remove", "carol"]).contains("\"carol\""));
}

#[test]
fn init_writes_homes_that_agree_on_everything_but_their_keys() {
    let home = Home::new();
    let dir = home.path();
    let init = ["init", "--validators", "3", "--wallets", "2", "--capacity", "10", "--fund", "100", "--stake", "7"];
    let written = home.json(&[&init[..], &["--dir", dir.to_str().unwrap()]].concat());
    let homes = written["homes"].as_array().unwrap();
    assert_eq!(homes.len(), 3);
    let geneses: Vec<_> = (0..3).map(|i| std::fs::read(dir.join(format!("id{i}/genesis.json"))).unwrap()).collect();
    assert!(geneses.windows(2).all(|pair| pair[0] == pair[1]));
    let genesis: Value = serde_json::from_slice(&geneses[0]).unwrap();
    assert_eq!(genesis["parameters"]["capacity"], 10);
    assert_eq!(genesis["accounts"].as_array().unwrap().len(), 6, "three validators, two wallets, the faucet");
    for (index, one) in homes.iter().enumerate() {
        assert_eq!(one["name"], format!("id{index}"));
        assert!(one["peer_id"].as_str().unwrap().starts_with("12D3Koo"));
        let account = genesis["accounts"].as_array().unwrap().iter().find(|a| a["address"] == one["address"]).unwrap();
        assert_eq!((account["balance"].as_str(), account["stake"].as_str()), (Some("93.000000"), Some("7.000000")));
        let config = std::fs::read_to_string(dir.join(format!("id{index}/config.toml"))).unwrap();
        let others = homes.iter().filter(|other| other["name"] != one["name"]);
        assert!(others.map(|other| other["peer_id"].as_str().unwrap()).all(|peer| config.contains(peer)));
    }
    assert!(dir.join("wallets/user1.pem").exists());
}

#[test]
fn homes_for_machines_by_name_know_each_other_and_say_how_they_are_moved() {
    let home = Home::new();
    let dir = home.path();
    let hosts = "a.example,192.168.1.7,fd00::1";
    let written = home.json(&["init", "--hosts", hosts, "--dir", dir.to_str().unwrap()]);
    let ports =
        written["homes"].as_array().unwrap().iter().map(|one| (one["api_port"].as_u64(), one["p2p_port"].as_u64()));
    assert!(ports.clone().all(|ports| ports == (Some(7474), Some(7475))), "{written}");
    let read = |path: &str| std::fs::read_to_string(dir.join(path)).unwrap();
    let config = read("id0/config.toml");
    for part in
        ["external = [\"/dns/a.example/tcp/7475\"]", "/ip4/192.168.1.7/tcp/7475/p2p/", "/ip6/fd00::1/tcp/7475/p2p/"]
    {
        assert!(config.contains(part), "{part}: {config}");
    }
    let readme = read("id1/README");
    for part in ["192.168.1.7", "Move it", "do not copy", "TCP port 7475", "run --home id1"] {
        assert!(readme.contains(part), "{part}: {readme}");
    }
    assert!(home.refused(2, &["init", "--hosts", "a:1", "--dir", "x"]).contains("without a port"));
    let both = ["init", "--hosts", "a", "--base-port", "0", "--dir", "x"];
    assert!(home.refused(2, &both).contains("--base-port"));
}

#[test]
fn version_names_the_sources_of_the_rules() {
    let said = program().args(["version", "--output", "json"]).output().unwrap();
    let version: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(version["sources"], blockchat_engine::SOURCES);
    let long = String::from_utf8(program().arg("--version").output().unwrap().stdout).unwrap();
    assert!(long.contains(blockchat_engine::SOURCES));
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = program().args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(said.stdout).unwrap();
        assert!(said.status.success() && script.contains("blockchat-node") && script.len() > 200, "{shell}: {script}");
    }
}

#[test]
fn without_any_files_a_chain_of_ones_own_pays_and_talks() {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);

    let sent = home.json(&["send", "bob", "5", "-m", "Hello Bob"]);
    assert_eq!((sent["fee"].as_str(), sent["total"].as_str()), (Some("9.150000"), Some("14.150000")));
    assert_eq!(sent["state"], "final");
    let id = sent["id"].as_str().unwrap();

    assert_eq!(home.json(&["balance", "bob"])["balance"], "5.000000");
    let own = home.json(&["balance"]);
    assert_eq!(
        (own["balance"].as_str(), own["standing"].as_str()),
        (Some("8995.000000"), Some("active")),
        "its own leader"
    );
    let found = home.json(&["tx", id]);
    assert_eq!((found["state"].as_str(), found["height"].clone()), (Some("final"), sent["height"].clone()));
    let block = home.json(&["view", &sent["height"].to_string()]);
    assert_eq!(block["transactions"][0]["id"], id);
    assert_eq!(home.json(&["view", block["hash"].as_str().unwrap()]), block);
    let inbox = home.json(&["inbox", "bob"]);
    assert_eq!((inbox["items"][0]["text"].as_str(), inbox["items"][0]["id"].as_str()), (Some("Hello Bob"), Some(id)));
    let history = home.json(&["history", "bob"]);
    let came = &history["items"][0];
    assert_eq!(
        (came["direction"].as_str(), came["amount"].as_str(), came["id"].as_str()),
        (Some("in"), Some("5.000000"), Some(id))
    );
    let sent = home.json(&["history", "--direction", "out", "--kind", "message"]);
    assert_eq!(
        (sent["items"][0]["fee"].as_str(), sent["items"][0]["text"].as_str()),
        (Some("9.150000"), Some("Hello Bob"))
    );
    let earned = home.json(&["history", "validator", "--kind", "fees"]);
    assert_eq!((earned["items"][0]["amount"].as_str(), earned["next"].is_null()), (Some("9.150000"), true));
    assert_eq!(home.json(&["status"])["peers"], 0);
    assert_eq!(home.json(&["health"])["ready"], true);

    let (code, out) = node.stop();
    assert_eq!(code, Some(0));
    for part in ["dev-", "http://127.0.0.1:", "bcc1", home.path().to_str().unwrap(), "blockchat-node send bob 5"] {
        assert!(out.contains(part), "{part:?} is missing in: {out}");
    }
}

#[test]
fn the_same_payment_made_ten_times_at_once_is_paid_ten_times() {
    let home = Home::new();
    let _node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let pay = || {
        let mut command = program();
        command.arg("--home").arg(home.path()).args(["send", "bob", "1"]);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let payments: Vec<_> = (0..10).map(|_| pay()).collect();
    for mut payment in payments {
        assert!(payment.wait().unwrap().success());
    }
    assert_eq!(home.json(&["balance", "bob"])["balance"], "10.000000");
}

#[test]
fn a_restarted_node_still_knows_what_was_final() {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["send", "bob", "5"]);
    assert_eq!(node.stop().0, Some(0));
    assert!(home.refused(1, &["balance", "bob"]).contains("no node answers"));
    let _node = home.start();
    assert_eq!(home.json(&["balance", "bob"])["balance"], "5.000000");
}

#[test]
fn a_stake_that_no_node_stands_behind_is_warned_about() {
    let home = Home::new();
    let _node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["send", "bob", "50"]);
    let staked = home.json(&["stake", "20", "--wallet", "bob"]);
    assert_eq!(staked["state"], "final");
    assert!(staked["warnings"][0].as_str().unwrap().contains("no node stands behind"));
    let account = home.json(&["balance", "bob"]);
    assert_eq!((account["stake"].as_str(), account["standing"].as_str()), (Some("20.000000"), Some("inactive")));
    assert!(home.refused(1, &["stake", "20", "--wallet", "bob"]).contains("already"));
}

#[test]
fn too_little_money_is_refused_with_both_numbers() {
    let home = Home::new();
    let _node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["send", "bob", "1"]);
    let said = home.refused(1, &["send", "me", "1", "--wallet", "bob"]);
    assert!(said.contains("1.03 BCC") && said.contains("1 BCC") && said.contains("next:"), "{said}");
}

#[test]
fn an_encrypted_wallet_spends_with_its_passphrase_only() {
    let home = Home::new();
    let _node = home.start();
    let right = home.path().with_extension("right");
    let wrong = home.path().with_extension("wrong");
    write_secret(&right, "correct horse");
    write_secret(&wrong, "battery staple");
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    home.json(&["wallet", "new", "bob", "--passphrase-file", right]);
    home.json(&["send", "bob", "10"]);
    let pay = ["send", "me", "1", "--wallet", "bob"];
    assert!(home.refused(1, &pay).contains("encrypted"));
    assert!(home.refused(1, &[&pay[..], &["--passphrase-file", wrong]].concat()).contains("does not open"));
    assert_eq!(home.json(&[&pay[..], &["--passphrase-file", right]].concat())["state"], "final");
}

#[test]
fn a_node_of_another_chain_is_not_signed_for() {
    let (home, other) = (Home::new(), Home::new());
    let _node = home.start();
    let node = other.start();
    let said = home.refused(1, &["send", "me", "1", "--api", &node.ready.api]);
    assert!(said.contains("is on chain dev-") && said.contains("--api"), "{said}");
}

#[test]
fn a_whole_guard_is_shown_and_not_replaced() {
    let home = Home::new();
    let node = home.start();
    home.json(&["send", "me", "1"]);
    let mark = home.json(&["guard", "show"]);
    assert!(mark["mark"]["height"].as_u64().unwrap() >= 1, "it can be looked at while the node runs");
    assert_eq!(node.stop().0, Some(0));
    assert!(home.refused(1, &["guard", "reset", "--height", "0"]).contains("whole"));
}

#[test]
fn a_lost_guard_silences_the_key_until_it_is_reset() {
    let home = Home::new();
    let node = home.start();
    home.json(&["send", "me", "1"]);
    node.stop();
    std::fs::remove_file(home.path().join("keys").join("guard")).unwrap();
    let node = home.start();
    assert_eq!(home.json(&["status"])["voting"], false);
    home.json(&["guard", "reset"]);
    node.stop();
    let _node = home.start();
    assert_eq!(home.json(&["send", "me", "1"])["state"], "final");
}

#[test]
fn a_lock_is_given_up_only_where_there_is_one_and_what_was_signed_stays() {
    let home = Home::new();
    let node = home.start();
    home.json(&["send", "me", "1"]);
    let drop_lock = ["guard", "reset", "--drop-lock"];
    node.stop();
    let path = home.path().join("keys/guard");
    let state = Guard::peek(&path).unwrap().unwrap();
    let (round, block) = (Round(0), Hash32([7; 32]));
    for lock in [Lock::On { round, block }, Lock::Unknown] {
        Guard::reset(&path, &GuardState { lock, ..state }).unwrap();
        let said = home.json(&drop_lock);
        assert_eq!(said["mark"]["height"].as_u64(), Some(state.mark.height.0));
        assert_eq!(
            Guard::peek(&path).unwrap(),
            Some(GuardState { lock: Lock::None, ..state }),
            "only the lock is gone"
        );
        assert!(home.refused(1, &drop_lock).contains("no lock"));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(home.refused(1, &drop_lock).contains("missing"));
    assert!(!path.exists(), "it makes no guard");
}
