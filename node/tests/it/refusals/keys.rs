//! Key files that must not be used, each through a command that would sign with it.

use super::json_error;
use crate::support::{Home, Said, program, says, write_secret};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A home with a wallet that has this passphrase, or none.
fn with_wallet(passphrase: Option<&str>) -> (Home, PathBuf) {
    let home = Home::new();
    match passphrase {
        None => drop(home.json(&["wallet", "new", "bob", "--no-passphrase"])),
        Some(text) => {
            let file = home.path().with_extension("passphrase");
            write_secret(&file, text);
            home.json(&["wallet", "new", "bob", "--passphrase-file", &file.display().to_string()]);
        }
    }
    let path = home.path().join("wallets/bob.pem");
    (home, path)
}

/// `run` opens the key before anything else: no node is needed to see how it is refused.
fn open(home: &Home, key: &Path, flags: &[&str]) -> Said {
    let mut command = program();
    command.args(["run", "--no-mdns", "--output", "json", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    command.arg("--validator-key").arg(key).arg("--home").arg(home.path()).args(flags);
    command.output().unwrap().into()
}

/// A chain around the wallet, so that `run` has one.
fn with_chain(home: &Home) {
    let chain = super::initialised(&[]);
    for name in ["genesis.json", "config.toml"] {
        fs::copy(chain.path().join(name), home.path().join(name)).unwrap();
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used_until_it_is_closed() {
    let (home, path) = with_wallet(None);
    with_chain(&home);
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = json_error(&open(&home, &path, &[]), 1, "key_open");
        assert_eq!(error["next"], format!("chmod 600 {}", path.display()));
        let error = json_error(&home.run(&["wallet", "show", "bob", "--output", "json"]), 1, "key_open");
        assert_eq!(error["next"], format!("chmod 600 {}", path.display()));
    }
    assert!(!home.path().join("data").exists(), "no chain was begun");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.run(&["wallet", "show", "bob"]).code, 0, "the command it names is the right one");
}

#[test]
fn what_is_no_key_is_not_used_as_one() {
    let (home, path) = with_wallet(None);
    with_chain(&home);
    let good = fs::read_to_string(&path).unwrap();
    let body: Vec<_> = good.lines().collect();
    let cut = good[..good.len() - 40].to_owned();
    let swapped = good.replacen(body[2], &body[2].chars().rev().collect::<String>(), 1);
    for wrong in ["", "hello", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", &cut, &swapped] {
        fs::write(&path, wrong).unwrap();
        let error = json_error(&open(&home, &path, &[]), 1, "not_a_key");
        says(error["error"].as_str().unwrap(), &["bob.pem is not an ed25519 key"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), wrong, "nobody mends a key file by guessing");
    }
    fs::remove_file(&path).unwrap();
    json_error(&open(&home, &path, &[]), 1, "key_missing");
    let other = Home::new();
    other.json(&["wallet", "new", "eve", "--no-passphrase"]);
    let eve = fs::read_to_string(other.path().join("wallets/eve.pem")).unwrap();
    let mixed: Vec<_> = body[..1].iter().copied().chain(eve.lines().skip(1)).collect();
    fs::write(&path, mixed.join("\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    json_error(&open(&home, &path, &[]), 1, "key_mismatch");
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    let (home, path) = with_wallet(Some("correct horse"));
    with_chain(&home);
    let before = fs::read(&path).unwrap();
    let error = json_error(&open(&home, &path, &[]), 1, "passphrase_needed");
    says(error["next"].as_str().unwrap(), &["terminal", "--passphrase-file"]);
    let file = home.path().with_extension("wrong");
    for wrong in ["wrong horse\n", "correct horse \n", "correct\nhorse"] {
        write_secret(&file, wrong);
        let said = open(&home, &path, &["--passphrase-file", &file.display().to_string()]);
        let error = json_error(&said, 1, "wrong_passphrase");
        says(error["error"].as_str().unwrap(), &["bob.pem"]);
        assert!(!said.err.contains("horse"), "a passphrase is never printed: {}", said.err);
    }
    write_secret(&file, "\n");
    json_error(&open(&home, &path, &["--passphrase-file", &file.display().to_string()]), 1, "passphrase_needed");
    assert_eq!(fs::read(&path).unwrap(), before);
}
