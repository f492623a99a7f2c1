//! A sealed message on a real node: its two ends read it, and nowhere on the way is it plain. SPEC TX-4.

use crate::support::{Home, Node, program, says, wait_for, write_secret};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// Found nowhere but in what this test writes.
const TEXT: &str = "the vault opens at noon";

/// Is the text in any file below, as it stands?
fn is_in_files_below(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_in_files_below(&path);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(TEXT.len()).any(|window| window == TEXT.as_bytes())
    })
}

#[test]
fn both_ends_read_it_and_no_file_log_or_answer_has_it_in_plain() {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["wallet", "new", "eve", "--no-passphrase"]);
    let sent = home.json(&["send", "bob", "-m", TEXT, "--sealed"]);
    assert_eq!((sent["state"].as_str(), sent["sealed"].as_bool()), (Some("final"), Some(true)));
    assert_eq!(sent["fee"], "23.000000", "a byte of it costs as much as a letter in plain");
    let id = sent["id"].as_str().unwrap();
    for reader in ["bob", "validator"] {
        let inbox = home.json(&["inbox", "bob", "--wallet", reader]);
        let message = &inbox["items"][0];
        assert_eq!((message["sealed"].as_bool(), message["text"].as_str()), (Some(true), Some(TEXT)), "{reader}");
    }
    let inbox = home.json(&["inbox", "bob", "--wallet", "eve"]);
    assert!(inbox["items"][0]["text"].is_null(), "neither sender nor recipient: {inbox}");
    let shown = home.run(&["inbox", "bob", "--wallet", "bob"]).out;
    assert!(shown.contains(&format!("\u{1f512} {TEXT}")), "{shown}");
    let tx = home.json(&["tx", id]).to_string();
    assert!(tx.contains("Sealed") && !tx.contains(TEXT), "what the node says of it is closed: {tx}");
    let (code, said) = node.stop();
    assert_eq!(code, Some(0));
    assert!(!said.contains(TEXT), "its log");
    assert!(!is_in_files_below(&home.path()), "store, journal, pool");
}

#[test]
fn what_cannot_be_sealed_is_not_sent_in_plain() {
    let home = Home::new();
    let _node = home.start();
    let nobody = blockchat_proto::keys::Address([2; 32]).to_string();
    let refused = home.refused(1, &["send", &nobody, "-m", TEXT, "--sealed"]);
    assert!(refused.contains("no point of the curve"), "{refused}");
    assert!(home.json(&["inbox"])["items"].as_array().unwrap().is_empty());
    let refused = home.refused(2, &["send", &nobody, "5", "--sealed"]);
    assert!(refused.contains("no message to seal"), "{refused}");
}

/// Hears everything that passes between a command and the API of a node.
struct Wire {
    url: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    fn to(node: &Node) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (heard, target) = (Arc::new(Mutex::new(vec![])), node.ready.api.trim_start_matches("http://").to_owned());
        let wire = Self { url, heard: Arc::clone(&heard) };
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(&target) else { return };
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let (from, to, heard) = (from.unwrap(), to.unwrap(), Arc::clone(&heard));
                    std::thread::spawn(move || copy(from, to, &heard));
                }
            }
        });
        wire
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, heard: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        heard.lock().unwrap().extend(&bytes[..length]);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Both));
}

fn piped(home: &Home, args: &[&str], lines: &str) -> String {
    let mut command = program();
    command.arg("--home").arg(home.path()).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn every_verb_opens_it_with_a_lock_and_the_wire_and_the_files_never_have_it_in_plain() {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let wire = Wire::to(&node);
    let api = wire.url.clone();
    let asked = |args: &[&str]| {
        let said = home.run(&[args, &["--api", &api][..]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        said.out
    };
    let shown = format!("\u{1f512} {TEXT}");
    // Written in a chat that seals, with coins, as it is typed.
    let said = piped(&home, &["chat", "bob", "--sealed", "--api", &api], &format!("+7 {TEXT}\n"));
    says(&said, &["final in block"]);
    for wallet in ["bob", "validator"] {
        says(&asked(&["history", wallet]), &[&shown]);
        says(&asked(&["history", wallet, "--csv"]), &[TEXT]);
        says(&asked(&["inbox", wallet]), &[&shown]);
        says(&asked(&["message", "threads", "--wallet", wallet]), &[&shown]);
        says(&asked(&["message", "search", "VAULT", "--wallet", wallet]), &[&shown]);
        says(&asked(&["message", "export", "--wallet", wallet]), &[&shown, "7 BCC"]);
        says(&asked(&["message", "export", "--format", "csv", "--wallet", wallet]), &[TEXT]);
        says(&asked(&["message", "read", "--wallet", wallet]), &[&shown]);
    }
    says(&piped(&home, &["chat", "dev", "--wallet", "bob", "--api", &api], ""), &[&shown]);
    says(&piped(&home, &["shell", "--wallet", "bob", "--api", &api], "history\ninbox\nread\nsearch noon\n"), &[&shown]);
    let json = home.json(&["history", "bob", "--api", &api]);
    let item = &json["items"][0];
    assert_eq!((item["text"].as_str(), item["sealed"].as_bool()), (Some(TEXT), Some(true)));
    assert!(item.get("seal").is_none() && item.get("closed").is_none(), "{item}");
    let heard = wire.heard.lock().unwrap().clone();
    let has = |part: &[u8]| heard.windows(part.len()).any(|window| window == part);
    assert!(has(b"\"Sealed\"") && has(b"\"seal\""), "it was listened to");
    assert!(!has(TEXT.as_bytes()), "the wire");
    assert_eq!(node.stop().0, Some(0));
    assert!(home.path().join("messages").is_dir(), "there is an index");
    assert!(!is_in_files_below(&home.path()), "store, journal, pool, index, history of the prompt");
}

#[test]
fn a_node_shows_it_to_its_own_people_and_says_why_it_cannot() {
    let home = Home::new();
    home.start().stop();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let secret = home.path().join("secret");
    write_secret(&secret, "correct horse");
    let secret = secret.to_str().unwrap().to_owned();
    home.json(&["wallet", "new", "carol", "--passphrase-file", &secret]);
    let (out, err) = (home.path().with_extension("out"), home.path().with_extension("err"));
    let mut run = program();
    run.arg("--home").arg(home.path()).args(["run", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    run.args(["--no-mdns", "--inbox", "on", "--log", "warn"]);
    let mut node = Process::start(run, &out, &err);
    let printed = || std::fs::read_to_string(&out).unwrap_or_default();
    node.see(|| printed().contains("try in another terminal"));
    home.json(&["send", "bob", TEXT, "--sealed"]);
    node.see(|| printed().contains(&format!("dev: \u{1f512} {TEXT}")));
    // The sender's key is here and opens it, whatever the recipient: only the recipient's is locked.
    home.json(&["send", "bob", "50"]);
    home.json(&["send", "carol", TEXT, "--sealed", "--wallet", "bob"]);
    node.see(|| printed().matches(TEXT).count() == 2);
    // From a strange home with nothing but its own key.
    let far = Home::new();
    let api = home.json(&["status"])["api"].as_str().map(str::to_owned);
    let api = api.unwrap_or_else(|| printed().lines().find_map(|line| line.strip_prefix("api")).unwrap().trim().into());
    far.json(&["wallet", "new", "dave", "--no-passphrase"]);
    let dave = far.json(&["wallet", "show", "dave", "--api", &api])["address"].as_str().unwrap().to_owned();
    home.json(&["send", &dave, "100"]);
    let carol = home.json(&["wallet", "show", "carol"])["address"].as_str().unwrap().to_owned();
    far.json(&["send", &carol, TEXT, "--sealed", "--api", &api]);
    node.see(|| printed().contains("\u{1f512} [closed: ") && printed().contains("carol.pem is encrypted"));
    let closed = home.json(&["history", "carol"])["items"][0].clone();
    assert!(closed["text"].is_null() && closed["closed"].as_str().unwrap().contains("encrypted"), "{closed}");
    let opened = home.json(&["history", "carol", "--passphrase-file", &secret]);
    assert_eq!(opened["items"][0]["text"], TEXT);
    says(&home.run(&["history", &dave]).out, &["[closed: "]);
    // The sender reads its own on another machine, from the key alone.
    let other = Home::new();
    std::fs::create_dir_all(other.path().join("wallets")).unwrap();
    let copied = other.path().join("wallets/dave.pem");
    write_secret(&copied, std::fs::read(far.path().join("wallets/dave.pem")).unwrap());
    for args in [&["history"][..], &["inbox"], &["message", "read"], &["message", "export"]] {
        let said = other.run(&[args, &["--api", &api][..]].concat());
        assert_eq!(said.code, 0, "{said:?}");
        says(&said.out, &[&format!("\u{1f512} {TEXT}")]);
    }
}

/// Killed when dropped.
struct Process(std::process::Child);

impl Process {
    fn start(mut command: Command, out: &Path, err: &Path) -> Self {
        let file = |path| std::fs::File::create(path).unwrap();
        Self(command.stdout(file(out)).stderr(file(err)).spawn().unwrap())
    }

    #[track_caller]
    fn see(&mut self, seen: impl Fn() -> bool) {
        wait_for("the node says it", || {
            assert!(self.0.try_wait().unwrap().is_none(), "the node ended");
            seen().then_some(())
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn what_waits_in_the_pool_is_not_plain_there() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("net");
    let home = Home::new();
    home.json(&["init", "--validators", "2", "--base-port", "0", "--dir", dir.to_str().unwrap()]);
    std::fs::rename(dir.join("id0"), home.path()).unwrap();
    let node = home.start();
    // Both decide a block; then one is gone, and nothing becomes final.
    let other = Node::start_with(&dir.join("id1"), &["--peer", &node.ready.listen[0]]);
    wait_for("both decide", || (home.json(&["status"])["height"].as_u64() > Some(0)).then_some(()));
    drop(other);
    let sent = home.json(&["send", "id1", TEXT, "--sealed", "--no-wait"]);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(node.ready.api.trim_start_matches("http://")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    };
    let id = sent["id"].as_str().unwrap();
    for (path, part) in [("/v1/pool".to_owned(), id), (format!("/v1/transactions/{id}"), "Sealed")] {
        let said = get(&path);
        assert!(said.contains(part) && !said.contains(TEXT), "{path}: {said}");
    }
    assert_eq!(node.stop().0, Some(0));
    assert!(!is_in_files_below(&home.path()), "what is kept of one's own");
}
