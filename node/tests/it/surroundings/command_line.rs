//! Variables, numbers, messages and addresses as people type them.

use super::asked;
use crate::support::{Home, Node, Said, program, says, wait_for};
use blockchat_node::ready_file::Ready;
use std::net::TcpListener;
use std::process::Stdio;

/// Every variable that the program knows.
const VARIABLES: &[&str] = &[
    "BLOCKCHAT_ALLOW_HOST",
    "BLOCKCHAT_ALLOW_ORIGIN",
    "BLOCKCHAT_ANNOUNCE",
    "BLOCKCHAT_API",
    "BLOCKCHAT_API_LISTEN",
    "BLOCKCHAT_ASK_ABOVE",
    "BLOCKCHAT_EXTERNAL",
    "BLOCKCHAT_GENESIS",
    "BLOCKCHAT_GUARD",
    "BLOCKCHAT_HOME",
    "BLOCKCHAT_JOIN",
    "BLOCKCHAT_JOIN_WAIT",
    "BLOCKCHAT_LOG",
    "BLOCKCHAT_LOG_FILE",
    "BLOCKCHAT_LOG_FORMAT",
    "BLOCKCHAT_MDNS",
    "BLOCKCHAT_ONLY_PEERS",
    "BLOCKCHAT_OUTPUT",
    "BLOCKCHAT_P2P_LISTEN",
    "BLOCKCHAT_PASSPHRASE",
    "BLOCKCHAT_PASSPHRASE_FILE",
    "BLOCKCHAT_PEERS",
    "BLOCKCHAT_POD_FILES",
    "BLOCKCHAT_POD_INDEX",
    "BLOCKCHAT_READY_FILE",
    "BLOCKCHAT_SHARE",
    "BLOCKCHAT_VALIDATOR_KEY",
];

#[test]
fn a_variable_that_is_set_and_empty_is_not_set() {
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let empty = || VARIABLES.iter().map(|name| (*name, ""));
    for command in [&["wallet", "list"][..], &["wallet", "new", "eve", "--no-passphrase"], &["version"]] {
        let said: Said = asked(&home.path(), command).envs(empty()).output().unwrap().into();
        assert_eq!(said.code, 0, "{said:?}");
    }
    // The configuration counts where a variable is empty.
    home.start().stop();
    let config = home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.contains("share = false"), "{text}");
    std::fs::write(&config, text.replace("share = false", "listen = [\"/ip4/127.0.0.1/tcp/0\"]")).unwrap();
    let file = home.path().with_extension("up");
    let mut command = program();
    command.args(["run", "--api", "127.0.0.1:0", "--no-mdns"]).arg("--home").arg(home.path());
    let mut child = command
        .arg("--ready-file")
        .arg(&file)
        .envs(empty())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = wait_for("it serves", || Ready::read(&file));
    assert!(ready.listen.iter().any(|address| address.starts_with("/ip4/127.0.0.1/tcp/")), "{ready:?}");
    drop(child.kill());
    drop(child.wait());
}

#[test]
fn all_variables_of_the_help_are_tried_above() {
    let mut named = std::collections::BTreeSet::new();
    let commands: [&[&str]; 5] = [
        &["run", "--help"],
        &["send", "--help"],
        &["status", "--help"],
        &["wallet", "new", "--help"],
        &["pod-init", "--help"],
    ];
    for command in commands {
        let said: Said = program().args(command).output().unwrap().into();
        let words = said.out.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        named.extend(words.filter(|word| word.starts_with("BLOCKCHAT_")).map(str::to_owned));
    }
    assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), VARIABLES);
}

#[test]
fn a_wait_that_no_clock_can_count_is_refused_before_anything_is_sent() {
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    for wait in ["18446744073709551615", "9223372036854775807", "2592001", "-1", "1e9"] {
        for command in
            [&["send", "bob", "1", "--wait"][..], &["stake", "1", "--wait"], &["run", "--join", "--join-wait"]]
        {
            home.refused(2, &[command, &[wait]].concat());
        }
    }
    let said = home.refused(1, &["send", "bob", "1", "--wait", "2592000", "--api", "127.0.0.1:9"]);
    says(&said, &["no node answers"]);
}

#[test]
fn a_message_may_begin_with_a_dash() {
    let home = Home::new();
    let _node = home.start();
    for message in ["-1", "- milk", "--", "-:)", "--home", "-m"] {
        assert_eq!(home.json(&["send", "me", "-m", message])["message"], message);
    }
}

#[test]
fn one_port_serves_both_kinds_of_address_in_either_order() {
    let Ok(probe) = TcpListener::bind("[::1]:0") else {
        return assert!(!std::path::Path::new("/proc/net/if_inet6").exists(), "IPv6 is there, but not for us");
    };
    drop(probe);
    let home = Home::new();
    home.start().stop();
    for kinds in [["/ip4/0.0.0.0", "/ip6/::"], ["/ip6/::", "/ip4/0.0.0.0"], ["/ip4/127.0.0.1", "/ip6/::1"]] {
        // Another program may take the port before the node does.
        let ready = wait_for("a free port", || {
            let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
            let [first, second] = kinds.map(|kind| format!("{kind}/tcp/{port}"));
            let node = Node::try_start_with(&home.path(), &["--listen", &first, "--listen", &second])?;
            Some((node.ready.clone(), port))
        });
        let (ready, port) = ready;
        for kind in ["/ip4/", "/ip6/"] {
            let there = |address: &&String| address.starts_with(kind) && address.contains(&format!("/tcp/{port}"));
            assert!(ready.listen.iter().any(|address| there(&address)), "{kinds:?}: {ready:?}");
        }
    }
}

#[test]
fn a_port_that_another_node_listens_on_is_still_noticed() {
    let home = Home::new();
    let taken = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    let port = taken.local_addr().unwrap().port();
    let kind = if taken.local_addr().unwrap().is_ipv6() { "/ip6/::" } else { "/ip4/0.0.0.0" };
    let mut command = program();
    command.args(["run", "--dev", "--api", "127.0.0.1:0", "--no-mdns", "--listen", &format!("{kind}/tcp/{port}")]);
    let said: Said = command.arg("--home").arg(home.path()).output().unwrap().into();
    assert_eq!(said.code, 1);
    says(&said.err, &["cannot listen on", "in use"]);
}
