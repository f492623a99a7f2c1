//! The sources of the crates, read once, and the breaches found in them.
//!
//! Owns: which files there are, and which module a file is. Does not own: the rules ([`super::table`]).
//! Start reading at [`breaches`].

use super::mentions::{Mention, mentions};
use super::table::{IMPURE_WORDS, LAYERS, RULES, is_pure, layer_of};
use super::words::{Token, tokens};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of each crate's sources.
const CRATES: &[(&str, &str)] = &[
    ("proto/src", "blockchat_proto"),
    ("node/engine/src", "blockchat_engine"),
    ("node/client/src", "blockchat_client"),
    ("node/host/src", "blockchat_host"),
    ("node/dashboard/src", "blockchat_dashboard"),
    ("node/src", "blockchat_node"),
    ("testnet/src", "blockchat_testnet"),
];

/// One source file.
pub(super) struct Source {
    /// From the root of the repository.
    pub(super) path: String,
    /// From the crate's name on.
    pub(super) module: Vec<String>,
    /// All of it.
    pub(super) text: String,
    /// Without comments.
    pub(super) tokens: Vec<Token>,
}

impl Source {
    /// From a text that stands, or could stand, in this file.
    pub(super) fn new(path: &str, text: String) -> Self {
        let (folder, name) = CRATES.iter().find(|(folder, _)| path.starts_with(folder)).expect("a file of the crates");
        let steps = path[folder.len() + 1..].trim_end_matches(".rs").split('/');
        let mut module: Vec<_> = std::iter::once(*name).chain(steps).map(str::to_owned).collect();
        module.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
        Self { path: path.to_owned(), module, tokens: tokens(&text), text }
    }

    /// Is it this module, or inside it?
    pub(super) fn is_in(&self, module: &str) -> bool {
        let mut own = self.module.iter();
        module.split("::").all(|step| own.next().is_some_and(|it| it == step))
    }

    fn breach(&self, line: usize, rule: &str, what: &str, why: &str) -> String {
        format!("{}:{line}: {what}\n    rule: {rule}\n    why: {why}", self.path)
    }
}

/// The folder that holds the crates.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

/// Every source of the crates.
pub(super) fn sources() -> Vec<Source> {
    CRATES.iter().flat_map(|(folder, _)| files(folder, "rs")).map(|path| Source::new(&path, read(&path))).collect()
}

/// A file of the repository.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder with this ending, from the root of the repository.
pub(super) fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = vec![];
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries.map(|entry| entry.expect("the folder is readable")) {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(&path, ending));
        } else if entry.path().extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Everything in this source that breaks a rule, with its line, the rule and the reason.
pub(super) fn breaches(source: &Source) -> Vec<String> {
    let mut found = vec![];
    if source.module.len() == 2 && layer_of(&source.module).is_none() {
        let modules = LAYERS.iter().find(|(name, _)| *name == source.module[0]).map_or(&[][..], |(_, layers)| layers);
        found.push(source.breach(
            1,
            "every module has its layer",
            &format!("{} is in none of {modules:?}", source.module[1]),
            "else nobody says what it may import; name it in table.rs",
        ));
    }
    found.extend(broken_rules(source));
    for token in source.tokens.iter().filter(|_| is_pure(source)) {
        let word = IMPURE_WORDS.iter().find(|(word, _)| token.is(word));
        found.extend(word.map(|(word, why)| source.breach(token.line, "proto and engine are pure", word, why)));
    }
    for line in test_switches(&source.tokens) {
        let rule = "only a module of tests may hang on `cfg(test)` or `debug_assertions`";
        found.push(source.breach(line, rule, "a switch", "we ship what we test"));
    }
    found
}

/// A forbidden import is named once, at its `use`, not wherever it is used.
fn broken_rules(source: &Source) -> Vec<String> {
    let mentions = mentions(&source.module, &source.tokens);
    let mut found = vec![];
    for rule in RULES {
        let mut named: Vec<&Mention> = vec![];
        for mention in mentions.iter().filter(|mention| rule.is_broken_by(source, mention)) {
            if !named.iter().any(|earlier| mention.path.starts_with(&earlier.path)) {
                named.push(mention);
                found.push(source.breach(mention.line, rule.name, &mention.path.join("::"), rule.why));
            }
        }
    }
    found
}

/// The lines on which something else than a module depends on whether this is a test or a debug build.
fn test_switches(tokens: &[Token]) -> Vec<usize> {
    let mut found = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let condition = if token.is("cfg") || token.is("cfg_attr") { inside(tokens, at + 1) } else { &[] };
        if condition.iter().any(|it| it.is("test") || it.is("debug_assertions")) {
            let whole = token.is("cfg") && condition.len() == 1 && condition[0].is("test");
            if !(whole && holds_a_module(&tokens[at + 4..])) {
                found.push(token.line);
            }
        }
    }
    found
}

/// The text between the brackets that open here, or behind the `!` here.
fn inside(tokens: &[Token], at: usize) -> &[Token] {
    let begin = at + usize::from(tokens.get(at).is_some_and(|it| it.is("!")));
    if !tokens.get(begin).is_some_and(|it| it.is("(")) {
        return &[];
    }
    let mut depth = 0_usize;
    for (end, token) in tokens.iter().enumerate().skip(begin) {
        depth += usize::from(token.is("("));
        if token.is(")") {
            depth -= 1;
            if depth == 0 {
                return &tokens[begin + 1..end];
            }
        }
    }
    &[]
}

/// `tokens` begin with the `]` of an attribute: is it that of a module?
fn holds_a_module(tokens: &[Token]) -> bool {
    let mut rest = tokens;
    loop {
        match rest {
            [close, next, ..] if close.is("]") && next.is("mod") => return true,
            [close, visible, next, ..] if close.is("]") && visible.is("pub") && next.is("mod") => return true,
            [close, visible, open, _, shut, next, ..]
                if close.is("]") && visible.is("pub") && open.is("(") && shut.is(")") && next.is("mod") =>
            {
                return true;
            }
            // A further attribute, `#[path = ".."]`.
            [close, hash, ..] if close.is("]") && hash.is("#") => {
                let Some(end) = rest[1..].iter().position(|it| it.is("]")) else { return false };
                rest = &rest[1 + end..];
            }
            _ => return false,
        }
    }
}
