//! The prompt: `shell`, `chat` and `inbox --follow` as people and pipes use them; and money that is explained before it is
//! spent.

use crate::support::{Home, Node, Said, program, says, wait_for};
use blockchat_client::Client;
use blockchat_proto::transaction::SignedTransaction;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running development chain with a wallet bob beside its own.
fn chain() -> (Home, Node) {
    let home = Home::new();
    let node = home.start();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    (home, node)
}

/// Runs a command to its end with these lines as its input.
fn piped(home: &Home, args: &[&str], lines: &str) -> Said {
    let mut command = program();
    command.arg("--home").arg(home.path()).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

fn texts(home: &Home, account: &str) -> Vec<String> {
    let inbox = home.json(&["inbox", account]);
    let texts = inbox["items"].as_array().unwrap().iter().rev();
    texts.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_shell_does_the_verbs_of_the_course_from_a_pipe() {
    let (home, _node) = chain();
    let said =
        piped(&home, &["shell"], "# a remark\n\nm bob Hello, Bob\nt bob 5 thanks for lunch\nbalance bob\nview\nhelp\n");
    assert_eq!(said.code, 0, "{said:?}");
    says(&said.out, &["message  Hello, Bob", "state    final", "5 BCC, final at block", "leader", "load FILE"]);
    assert_eq!(texts(&home, "bob"), ["Hello, Bob", "thanks for lunch"]);
    assert_eq!(home.json(&["balance", "bob"])["balance"], "5.000000");
    assert!(!home.path().join("shell_history").exists(), "nobody typed");
}

#[test]
fn an_error_in_a_pipe_names_its_line_and_the_rest_is_done() {
    let (home, _node) = chain();
    let said = piped(&home, &["shell"], "m bob one\nm bobb two\nwalk\n\nm bob three\nexit\nm bob never\n");
    assert_eq!(said.code, 1);
    says(
        &said.err,
        &["line 2: error: there is no contact", "did you mean bob", "line 3: error: there is no verb \"walk\""],
    );
    says(&said.err, &["2 lines could not be done"]);
    assert_eq!(texts(&home, "bob"), ["one", "three"]);
}

#[test]
fn a_loaded_file_sends_the_lines_of_a_workload() {
    let (home, _node) = chain();
    let file = home.path().join("trans0.txt");
    std::fs::write(&file, "bob first of all\nm bob second\nnobody third\nt bob 3 fourth\n").unwrap();
    let said = piped(&home, &["shell"], &format!("load {}\n", file.display()));
    assert_eq!(said.code, 1);
    says(&said.err, &["line 1: ", "trans0.txt line 3: error", "trans0.txt: 4 lines, 1 failed"]);
    assert_eq!(texts(&home, "bob"), ["first of all", "second", "fourth"]);
    assert_eq!(home.json(&["balance", "bob"])["balance"], "3.000000");
    let circle = home.path().join("circle.txt");
    std::fs::write(&circle, format!("load {}\n", circle.display())).unwrap();
    let said = piped(&home, &["shell"], &format!("load {}\n", circle.display()));
    assert_eq!(said.code, 1);
    says(&said.err, &["without end"]);
}

#[test]
fn a_shell_signs_with_the_wallet_that_was_named_once() {
    let (home, _node) = chain();
    home.json(&["send", "bob", "50"]);
    let said = piped(&home, &["shell", "--wallet", "bob"], "m me Hello from Bob\nbalance\ninbox\n");
    assert_eq!(said.code, 0, "{said:?}");
    says(&said.out, &["bob", "Hello from Bob"]);
    assert_eq!(home.json(&["inbox"])["items"][0]["text"], "Hello from Bob");
}

#[test]
fn a_chat_sends_what_is_typed_and_says_what_became_of_it() {
    let (home, _node) = chain();
    let said = piped(&home, &["chat", "bob"], "Hello Bob\n+5 for lunch\n/balance bob\n@nobody Hi\n");
    assert_eq!(said.code, 1);
    says(&said.out, &["✓ final in block", "spent", "address  bcc1"]);
    says(&said.err, &["line 4: error: there is no contact"]);
    assert_eq!(said.out.matches('✓').count(), 2, "{}", said.out);
    assert_eq!(texts(&home, "bob"), ["Hello Bob", "for lunch"]);
    // Bob sees the conversation so far.
    home.json(&["send", "bob", "50"]);
    let said = piped(&home, &["chat", "dev", "--wallet", "bob"], "Thanks\n");
    assert_eq!(said.code, 0, "{said:?}");
    says(&said.out, &["dev: Hello Bob", "dev: for lunch  (+5 BCC)"]);
    assert_eq!(home.json(&["inbox"])["items"][0]["text"], "Thanks");
}

/// A child whose output is a file that can be looked at while it runs; killed when dropped.
struct Watched {
    child: Child,
    out: std::path::PathBuf,
    err: std::path::PathBuf,
}

impl Watched {
    fn start(home: &Path, args: &[&str]) -> Self {
        let (out, err) = (home.with_extension("out"), home.with_extension("err"));
        let mut command = program();
        command.arg("--home").arg(home).args(args);
        let child = command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).spawn().unwrap();
        Self { child, out, err }
    }

    #[track_caller]
    fn wait_for(&mut self, part: &str) -> String {
        wait_for(part, || {
            let read = |path| std::fs::read_to_string(path).unwrap_or_default();
            let said = read(&self.out) + &read(&self.err);
            let ended = self.child.try_wait().unwrap().filter(|_| !said.contains(part));
            assert!(ended.is_none(), "it ended without {part:?}: {said}");
            said.contains(part).then_some(said)
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn an_inbox_that_is_followed_shows_each_thing_once_over_a_restart_of_the_node() {
    let (home, node) = chain();
    home.json(&["send", "bob", "-m", "before"]);
    // The node comes back at the same address.
    let api = node.ready.api.trim_start_matches("http://").to_owned();
    let mut follower = Watched::start(&home.path(), &["inbox", "bob", "--follow", "--api", &api]);
    follower.wait_for("before");
    home.json(&["send", "bob", "5", "-m", "after"]);
    follower.wait_for("dev: after  (+5 BCC)");
    node.stop();
    let again = wait_for("the port is free", || {
        Node::try_start_with(&home.path(), &["--listen", "/ip4/127.0.0.1/tcp/0", "--api", &api])
    });
    home.json(&["send", "bob", "-m", "again"]);
    let said = follower.wait_for("dev: again");
    for once in ["before", "dev: after", "dev: again"] {
        assert_eq!(said.matches(once).count(), 1, "{said}");
    }
    drop(again);
}

#[test]
fn a_running_node_shows_what_comes_to_its_wallets() {
    let home = Home::new();
    home.start().stop();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    let run = [
        "run",
        "--api",
        "127.0.0.1:0",
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
        "--no-mdns",
        "--inbox",
        "on",
        "--log",
        "warn",
    ];
    let mut node = Watched::start(&home.path(), &run);
    node.wait_for("try in another terminal");
    home.json(&["send", "bob", "-m", "Hello on your screen"]);
    node.wait_for("dev: Hello on your screen");
}

#[test]
fn amount_and_text_are_typed_without_flags() {
    let (home, _node) = chain();
    home.json(&["send", "bob", "Hello"]);
    home.json(&["send", "bob", "5", "Hello again"]);
    home.json(&["send", "bob", "-m", "- milk"]);
    assert_eq!(texts(&home, "bob"), ["Hello", "Hello again", "- milk"]);
    says(&home.refused(2, &["send", "bbo", "Hello"]), &["did you mean bob"]);
    says(&home.refused(2, &["send", "bob", "1,5"]), &["is not an amount", "-m TEXT"]);
}

#[test]
fn a_printed_transaction_is_submitted_by_the_line_below_it() {
    let (home, node) = chain();
    let printed = home.json(&["send", "bob", "5", "It's for you", "--print"]);
    assert_eq!(home.json(&["balance", "bob"])["balance"], "0.000000", "nothing was submitted");
    let command = printed["submit"].as_str().unwrap();
    says(command, &["curl", &node.ready.api, "/v1/transactions", "content-type: application/json", "'\\''"]);
    let signed: SignedTransaction = serde_json::from_value(printed["transaction"].clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Client::new(&node.ready.api).unwrap().submit(&signed)).unwrap();
    let id = printed["id"].as_str().unwrap();
    wait_for("it is final", || (home.json(&["tx", id])["state"] == "final").then_some(()));
    assert_eq!(texts(&home, "bob"), ["It's for you"]);
}

#[test]
fn what_expired_is_refused_and_a_gap_of_nonces_is_explained() {
    let (home, node) = chain();
    let sent = home.json(&["send", "bob", "1", "--expires", "5"]);
    let found = home.json(&["tx", sent["id"].as_str().unwrap()]);
    assert!(found["transaction"]["transaction"]["expiry"].as_u64().unwrap() >= 5, "{found}");
    // Two that follow one that was never submitted.
    let printed = home.json(&["send", "bob", "1", "--print"]);
    let mut signed: SignedTransaction = serde_json::from_value(printed["transaction"].clone()).unwrap();
    let key = blockchat_node::wallet::keystore::load(&home.path().join("keys/validator.pem"), None).unwrap();
    signed.transaction.nonce += 2;
    let nonce = signed.transaction.nonce;
    let early = signed.transaction.sign(&key);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Client::new(&node.ready.api).unwrap().submit(&early)).unwrap();
    let said = home.run(&["tx", &early.id().to_string()]);
    says(&said.out, &["queued", &format!("nonces {} to {}", nonce - 2, nonce - 1), "not seen"]);
}

#[test]
fn a_waiting_command_says_for_whom_and_ctrl_c_leaves_the_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("net");
    let home = Home::new();
    home.json(&["init", "--validators", "2", "--base-port", "0", "--dir", dir.to_str().unwrap()]);
    std::fs::rename(dir.join("id0"), home.path()).unwrap();
    let node = home.start();
    // Both decide a block; then one is gone.
    let other = Node::start_with(&dir.join("id1"), &["--peer", &node.ready.listen[0]]);
    wait_for("both decide", || (home.json(&["status"])["height"].as_u64() > Some(0)).then_some(()));
    drop(other);
    let mut send = Watched::start(&home.path(), &["send", "id1", "1"]);
    send.wait_for("missing: id1");
    let pid = rustix::process::Pid::from_raw(i32::try_from(send.child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = wait_for("it ends", || send.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    let said = send.wait_for("is handed in");
    let id = said.lines().find_map(|line| line.strip_prefix("id")).unwrap().trim().to_owned();
    says(&said, &[&format!("blockchat-node tx {id}")]);
    // The node that is left may lead: then the payment is in its proposal, and no more final than in its pool.
    let state = home.json(&["tx", &id])["state"].clone();
    assert!(state == "pooled" || state == "in_block", "{state}");
    assert_eq!(home.json(&["history"])["pending"][0]["id"], id.as_str());
    says(&home.run(&["history"]).out, &["id1", "-1"]);
    assert_eq!(
        home.json(&["history", "id1"])["pending"],
        serde_json::json!([]),
        "it comes to id1 only once it is final"
    );
    let said = home.refused_after_output(&["send", "id1", "1", "--wait", "2"]);
    says(&said, &["handed in, but not final after 2 s", "missing: id1", "tx "]);
}

#[test]
fn no_verb_asks_a_node_of_another_chain() {
    let (home, _node) = chain();
    let (_other, elsewhere) = chain();
    let api = elsewhere.ready.api.clone();
    let zeros = "0".repeat(64);
    let verbs: [&[&str]; 13] = [
        &["status"],
        &["balance"],
        &["view"],
        &["inbox"],
        &["history"],
        &["peers"],
        &["peers", "--known"],
        &["health"],
        &["tx", &zeros],
        &["send", "bob", "1"],
        &["stake", "1"],
        &["wallet", "show", "bob"],
        &["shell"],
    ];
    for verb in verbs {
        says(
            &home.refused(1, &[verb, &["--api", api.as_str()][..]].concat()),
            &["is on chain dev-", "--home", "--api"],
        );
    }
}

#[test]
fn one_key_has_one_name_and_every_name_can_be_typed() {
    let (home, _node) = chain();
    let list = home.json(&["wallet", "list"]);
    let names: Vec<_> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["dev", "bob", "faucet"], "as they are called in every other verb");
    assert_eq!((&list[0]["use"], &list[2]["use"]), (&"votes and pays".into(), &"coins to give away".into()));
    for name in names.iter().map(String::as_str).chain(["me", "validator"]) {
        home.json(&["balance", name]);
        home.json(&["wallet", "show", name]);
    }
    home.json(&["send", "bob", "1", "--wallet", "dev"]);
    says(&home.run(&["inbox", "bob"]).out, &["no messages yet"]);
    says(&home.run(&["history", "bob"]).out, &["dev"]);
}

#[test]
fn a_history_is_a_file_for_a_spreadsheet_page_after_page() {
    let (home, _node) = chain();
    for text in ["one", "two, three", "=1+1"] {
        home.json(&["send", "bob", "1", "-m", text]);
    }
    let said = home.run(&["history", "bob", "--csv", "--all", "--limit", "1"]);
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{said:?}");
    assert!(lines[0].starts_with("time,block,index,kind,direction,"), "{said:?}");
    says(lines[1], &[",message,in,bcc1", ",dev,1,", ",'=1+1,"]);
    says(lines[2], &[",\"two, three\","]);
    let json = home.run(&["history", "bob", "--all", "--limit", "2", "--output", "json"]);
    let rows: Vec<serde_json::Value> = json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| row["text"].as_str().unwrap()).collect::<Vec<_>>(), ["=1+1", "two, three", "one"]);
    says(&home.refused(2, &["history", "bob", "--all"]), &["--csv", "--output json"]);
}

#[test]
fn a_wallet_without_coins_is_told_how_to_get_some() {
    let (home, _node) = chain();
    let address = home.json(&["wallet", "show", "bob"])["address"].as_str().unwrap().to_owned();
    says(&home.run(&["balance", "bob"]).out, &["ask somebody", &format!("blockchat-node send {address} 100")]);
    says(&home.refused(1, &["send", "me", "1", "--wallet", "bob"]), &["ask somebody", &address]);
}

/// In a terminal, which `script` makes: the question, the prompt, and what arrives above it.
fn in_a_terminal(home: &Path, args: &[&str]) -> Option<Command> {
    let mut probe = Command::new("script");
    if !probe
        .args(["-qec", "true", "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
    {
        return None;
    }
    let words =
        [env!("CARGO_BIN_EXE_blockchat-node"), "--home", home.to_str()?].into_iter().chain(args.iter().copied());
    let line = words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    Some(command)
}

#[test]
fn a_large_sum_is_asked_about_in_a_terminal_and_not_in_a_pipe() {
    let (home, _node) = chain();
    home.json(&["send", "bob", "500"]);
    assert_eq!(home.json(&["balance", "bob"])["balance"], "500.000000", "nobody to ask");
    let Some(_) = in_a_terminal(&home.path(), &[]) else { return not_checked() };
    let asked = |flags: &[&str], answer: &str| {
        let args = [&["send", "bob", "500"][..], flags].concat();
        let mut command = in_a_terminal(&home.path(), &args).unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = asked(&[], "n\n");
    says(&said, &["send 500 BCC to bob", "15 BCC", "515 BCC in all", "[y/N]", "not sent"]);
    says(&asked(&[], "y\n"), &["[y/N]", "final"]);
    assert!(!asked(&["--yes"], "").contains("[y/N]"));
    assert!(!asked(&["--ask-above", "1000"], "").contains("[y/N]"));
    assert_eq!(home.json(&["balance", "bob"])["balance"], "2000.000000");
}

#[test]
fn what_arrives_appears_above_the_prompt_of_a_chat() {
    let (home, _node) = chain();
    home.json(&["send", "bob", "100"]);
    let Some(mut command) = in_a_terminal(&home.path(), &["chat", "bob"]) else { return not_checked() };
    let out = home.path().with_extension("screen");
    let mut child = command.stdin(Stdio::piped()).stdout(File::create(&out).unwrap()).spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    let shows = |part: &str| {
        wait_for(part, || {
            let screen = std::fs::read_to_string(&out).unwrap_or_default();
            screen.contains(part).then_some(screen)
        })
    };
    shows("bob> ");
    keys.write_all(b"Hello Bob\r").unwrap();
    shows("final in block");
    home.json(&["send", "me", "-m", "Hello Alice", "--wallet", "bob"]);
    shows("bob: Hello Alice");
    keys.write_all(b"/balance bob\r").unwrap();
    shows("final at block");
    keys.write_all(b"/exit\r").unwrap();
    let status = wait_for("it ends", || child.try_wait().unwrap());
    assert!(status.success());
    let history = std::fs::read_to_string(home.path().join("shell_history")).unwrap();
    says(&history, &["Hello Bob", "/balance bob"]);
}

fn not_checked() {
    let why = "NOT CHECKED: what a person sees in a terminal (no `script` here)\n";
    drop(blockchat_host::stream::Stream::Error.open().and_then(|mut stream| stream.write_all(why.as_bytes())));
}
