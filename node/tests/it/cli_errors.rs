//! Mistakes people make: each is answered with its cause and the next step, and the right exit code.

use crate::support::{Home, program, says};

#[test]
fn a_mistyped_address_is_noticed_before_any_node_is_asked() {
    let home = Home::new();
    let address = home.json(&["wallet", "new", "bob", "--no-passphrase"])["address"].as_str().unwrap().to_owned();
    let last = if address.ends_with('q') { 'p' } else { 'q' };
    let typo = format!("{}{last}", &address[..address.len() - 1]);
    says(&home.refused(2, &["send", &typo, "1"]), &["mistyped", "next:"]);
    says(&home.refused(2, &["contacts", "add", "x", &typo]), &["mistyped"]);
}

#[test]
fn an_unknown_name_says_where_names_come_from() {
    says(&Home::new().refused(2, &["send", "nobody", "1"]), &["\"nobody\"", "contacts add"]);
}

#[test]
fn neither_amount_nor_text_is_nothing_to_send() {
    let home = Home::new();
    says(&home.refused(2, &["send", "bob"]), &["neither coins nor a message", "next:"]);
    says(&home.refused(2, &["send", "bob", "0"]), &["neither coins nor a message"]);
    says(&home.refused(2, &["send", "bob", "5", "-m", ""]), &["message is empty"]);
    says(&home.refused(2, &["send", "bob", "-m", &"x".repeat(1_025)]), &["1025 bytes", "1024"]);
}

#[test]
fn amounts_that_are_none_are_refused_with_the_reason() {
    let home = Home::new();
    says(&home.refused(2, &["send", "bob", "-5"]), &["never negative"]);
    says(&home.refused(2, &["send", "bob", "0.0000001"]), &["at most 6 decimals"]);
    says(&home.refused(2, &["send", "bob", "1e3"]), &["digits with at most one decimal point"]);
    says(&home.refused(2, &["send", "bob", "99999999999999"]), &["more than the maximum supply"]);
    says(&home.refused(2, &["stake", "-1"]), &["never negative"]);
}

#[test]
fn without_a_node_every_question_says_how_to_start_one() {
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let zeros = "0".repeat(64);
    let questions: [&[&str]; 9] = [
        &["status"],
        &["balance"],
        &["view"],
        &["inbox"],
        &["history"],
        &["peers"],
        &["health"],
        &["tx", &zeros],
        &["send", "bob", "1"],
    ];
    for question in questions {
        let said = home.refused(1, &[question, &["--api", "127.0.0.1:9"]].concat());
        says(&said, &["no node answers at http://127.0.0.1:9", "blockchat-node run"]);
    }
}

#[test]
fn an_error_is_json_where_json_was_asked_for() {
    let said = Home::new().refused(1, &["status", "--api", "127.0.0.1:9", "--output", "json"]);
    let error: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(error["code"], "no_node");
    assert!(error["next"].as_str().unwrap().contains("blockchat-node run"));
}

#[test]
fn an_unknown_key_in_the_configuration_is_refused_by_name() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(home.path().join("config.toml"), "[api]\nlistne = \"127.0.0.1:1\"\n").unwrap();
    says(&home.refused(1, &["status"]), &["config.toml", "listne", "next:"]);
}

#[test]
fn a_setting_out_of_range_names_its_key() {
    let home = initialised();
    let config = home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap() + "\n[rounds]\npropose_ms = 0\n";
    std::fs::write(&config, text).unwrap();
    says(&home.refused(1, &["run"]), &["rounds.propose_ms", "1 to 60000"]);
    says(&home.refused(1, &["run", "--peer", "localhost:7475"]), &["p2p.peers", "localhost:7475"]);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let home = Home::new();
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(home.path().join("config.toml"), "[api]\nlisten = \"127.0.0.1:1\"\n").unwrap();
    let asked = |environment: Option<&str>, flags: &[&str]| {
        let mut command = program();
        command.arg("--home").arg(home.path()).arg("status").args(flags);
        environment.map(|value| command.env("BLOCKCHAT_API", value));
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    says(&asked(None, &[]), &["at http://127.0.0.1:1:"]);
    says(&asked(Some("127.0.0.1:2"), &[]), &["at http://127.0.0.1:2:"]);
    says(&asked(Some("127.0.0.1:2"), &["--api", "127.0.0.1:3"]), &["at http://127.0.0.1:3:"]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let path = home.path().join("wallets").join("bob.pem");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = home.refused(1, &["wallet", "show", "bob"]);
    says(&said, &["can be read by others (mode 0044)", &format!("chmod 600 {}", path.display())]);
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = initialised();
    let said = home.run(&["run", "--api", &address, "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"]);
    assert_eq!(said.code, 1);
    says(&said.err, &[&format!("cannot listen on {address}"), "in use", "--api"]);
}

#[test]
fn a_home_that_lost_its_genesis_does_not_become_another_chain() {
    let home = initialised();
    std::fs::remove_file(home.path().join("genesis.json")).unwrap();
    says(&home.refused(1, &["run"]), &["genesis.json does not", "copy genesis.json"]);
}

#[test]
fn init_overwrites_nothing_and_refuses_what_is_no_chain() {
    let home = Home::new();
    let dir = home.path().display().to_string();
    home.json(&["init", "--dir", &dir]);
    says(&home.refused(1, &["init", "--dir", &dir]), &["already exists"]);
    let other = format!("{dir}-2");
    let refused = |flags: &[&str]| home.refused(2, &[&["init", "--dir", &other], flags].concat());
    says(&refused(&["--stake", "2000"]), &["higher than the 1000", "--stake"]);
    says(&refused(&["--name", "My Chain"]), &["chain name"]);
    says(&refused(&["--capacity", "0"]), &["capacity", "1 to 20000"]);
    says(&refused(&["--validators", "129"]), &["129"]);
    says(&refused(&["--base-port", "65530", "--validators", "4"]), &["not enough ports"]);
    assert!(!std::path::Path::new(&other).exists(), "a refused plan writes nothing");
}

#[test]
fn names_of_wallets_cannot_leave_their_folder_or_hide_one_another() {
    let home = Home::new();
    for wrong in ["a b", "Bob", "bcc1x", "me", "../bob"] {
        let said = home.refused(2, &["wallet", "new", wrong, "--no-passphrase"]);
        says(&said, &["choose another name"]);
    }
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    says(&home.refused(1, &["wallet", "new", "bob", "--no-passphrase"]), &["never overwritten"]);
    let address = home.json(&["wallet", "show", "bob"])["address"].as_str().unwrap().to_owned();
    says(&home.refused(2, &["contacts", "add", "bob", &address]), &["one of your keys"]);
}

#[test]
fn a_new_key_without_a_terminal_asks_for_a_passphrase_file() {
    says(&Home::new().refused(2, &["wallet", "new", "bob"]), &["--passphrase-file", "--no-passphrase"]);
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for args in [
        vec![],
        vec!["walk"],
        vec!["view", "../status"],
        vec!["tx", "abc"],
        vec!["status", "--api", "https://x"],
        vec!["dashboard", "--api", "http://127.0.0.1:9", "--api", "https://x"],
        vec!["dashboard", "--wallet", "nobody"],
    ] {
        let said = program().args(["--home", "/nonexistent"]).args(&args).output().unwrap();
        assert_eq!(said.status.code(), Some(2), "{args:?}");
    }
}

fn initialised() -> Home {
    let home = Home::new();
    let parent = home.path().parent().unwrap().join("net");
    home.json(&["init", "--dir", &parent.display().to_string(), "--base-port", "0"]);
    std::fs::rename(parent.join("id0"), home.path()).unwrap();
    home
}
