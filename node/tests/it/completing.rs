//! Shells that complete: each really run, with the script that the program prints.

use crate::support::{Home, program, says};
use blockchat_host::stream::Stream;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A home with two wallets and a contact.
fn home() -> Home {
    let home = Home::new();
    home.json(&["wallet", "new", "bob", "--no-passphrase"]);
    home.json(&["wallet", "new", "bert", "--no-passphrase"]);
    let address = Home::new().json(&["wallet", "new", "x", "--no-passphrase"])["address"].as_str().unwrap().to_owned();
    home.json(&["contacts", "add", "carol", &address]);
    home
}

/// Runs a script in this shell, with our program on its path; `None`, loudly, if there is no such shell.
fn run(shell: &str, home: &Home, script: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_blockchat-node")).parent().unwrap().display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(shell);
    if shell == "zsh" {
        command.arg("-f");
    }
    command.args(["-c", script]);
    command.env("PATH", path).env("BLOCKCHAT_HOME", home.path()).env("HOME", home.path()).env("TERM", "xterm");
    let Ok(output) = command.stdin(Stdio::null()).output() else {
        let why = format!("NOT CHECKED: completion in {shell} (it is not installed)\n");
        drop(Stream::Error.open().and_then(|mut stream| stream.write_all(why.as_bytes())));
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shell}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

/// The completions of a shell for a line, word by word: the words before, and the one that is typed.
const LINES: &[(&[&str], &str, &[&str])] = &[
    (&["send"], "b", &["bert", "bob"]),
    (&["send"], "ca", &["carol"]),
    (&["balance"], "bo", &["bob"]),
    (&["send", "bob", "1", "--wallet"], "be", &["bert"]),
    (&["contacts", "remove"], "c", &["carol"]),
    (&[], "histo", &["history"]),
    (&["history"], "--dire", &["--direction"]),
    (&["history", "--direction"], "o", &["out", "own"]),
    (&["wallet"], "sh", &["show"]),
    (&["message"], "se", &["search"]),
    (&["message", "read"], "b", &["bert", "bob"]),
    (&["message", "export", "--format"], "c", &["csv"]),
];

#[test]
fn bash_completes_verbs_flags_values_and_names() {
    let home = home();
    for (words, typed, expected) in LINES {
        let line: Vec<_> =
            ["blockchat-node"].iter().chain(*words).chain([typed]).map(|word| format!("'{word}'")).collect();
        let script = format!(
            "source <(blockchat-node completions bash); COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9; \
             _clap_complete_blockchat_node blockchat-node '{typed}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            line.join(" "),
            line.len() - 1
        );
        let Some(said) = run("bash", &home, &script) else { return };
        assert_eq!(said.split_whitespace().collect::<Vec<_>>(), *expected, "{words:?} {typed}");
    }
}

#[test]
fn fish_completes_verbs_flags_values_and_names() {
    let home = home();
    for (words, typed, expected) in LINES {
        let line: Vec<_> = ["blockchat-node"].iter().chain(*words).chain([typed]).copied().collect();
        let script = format!("blockchat-node completions fish | source; complete -C '{}'", line.join(" "));
        let Some(said) = run("fish", &home, &script) else { return };
        let offered: Vec<_> = said.lines().map(|line| line.split('\t').next().unwrap_or_default().trim()).collect();
        assert_eq!(offered, *expected, "{words:?} {typed}");
    }
}

#[test]
fn zsh_completes_verbs_flags_values_and_names() {
    let home = home();
    for (words, typed, expected) in LINES {
        let line: Vec<_> =
            ["blockchat-node"].iter().chain(*words).chain([typed]).map(|word| format!("'{word}'")).collect();
        // The shell offers the arguments of `_describe`.
        let script = format!(
            "compdef() {{ }}; source <(blockchat-node completions zsh); \
             _describe() {{ local name=$3; [[ $1 == -V ]] && print -l -- ${{(P)name}} }}; \
             words=({}); CURRENT={}; _clap_dynamic_completer_blockchat_node; true",
            line.join(" "),
            line.len()
        );
        let Some(said) = run("zsh", &home, &script) else { return };
        let offered: Vec<_> = said.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
        assert_eq!(offered, *expected, "{words:?} {typed}");
    }
}

#[test]
fn a_home_that_is_named_in_the_line_lends_its_names() {
    let home = home();
    let line =
        format!("COMP_WORDS=(blockchat-node --home '{}' send b); COMP_CWORD=4; COMP_TYPE=9", home.path().display());
    let script = format!(
        "unset BLOCKCHAT_HOME; source <(blockchat-node completions bash); {line}; \
         _clap_complete_blockchat_node blockchat-node b ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let Some(said) = run("bash", &home, &script) else { return };
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["bert", "bob"]);
    let said = program().args(["completions", "bash"]).output().unwrap();
    says(&String::from_utf8_lossy(&said.stdout), &["complete ", "BLOCKCHAT_COMPLETE"]);
}
