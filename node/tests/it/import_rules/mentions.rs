//! The modules and crates that a source mentions: its `use` lines and the paths in its code, in full.
//!
//! Owns: `use` trees, `crate`, `self`, `super`, renamings, and modules written inside a file. Does not own: the
//! permitted mentions ([`super::table`]). Always true: a path begins with the name of a crate
//! (`blockchat_node::store::Disk`), or with a name that this file brought in by itself and that belongs to no other.
//! Start reading at [`mentions`].

use super::words::Token;
use std::collections::BTreeMap;

/// One path that stands in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Counted from 1.
    pub(super) line: usize,
    /// From the crate's name on; `*` for everything of a module.
    pub(super) path: Vec<String>,
    /// Is it handed on, by `pub use` or `pub(crate) use`?
    pub(super) handed_on: bool,
}

impl Mention {
    /// Does it lie in this module or crate, or name it?
    pub(super) fn is_in(&self, path: &str) -> bool {
        let mut own = self.path.iter();
        path.split("::").all(|step| own.next().is_some_and(|it| it == step))
    }
}

/// All mentions of a file whose module is `module` (`["blockchat_node", "api", "server"]`).
pub(super) fn mentions(module: &[String], tokens: &[Token]) -> Vec<Mention> {
    let mut walk = Walk {
        tokens,
        at: 0,
        module: module.to_vec(),
        inner: vec![],
        depth: 0,
        renamed: BTreeMap::new(),
        found: vec![],
    };
    while walk.at < tokens.len() {
        walk.step();
    }
    walk.found
}

struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Of the code at `at`.
    module: Vec<String>,
    /// At which depth of braces each module inside the file began.
    inner: Vec<usize>,
    depth: usize,
    /// The meaning of a name because of a `use`.
    renamed: BTreeMap<String, Vec<String>>,
    found: Vec<Mention>,
}

impl Walk<'_> {
    fn step(&mut self) {
        if self.is_at(0, "{") {
            self.depth += 1;
        } else if self.is_at(0, "}") {
            self.depth = self.depth.saturating_sub(1);
            if self.inner.last() == Some(&self.depth) {
                self.inner.pop();
                self.module.pop();
            }
        } else if self.is_at(0, "mod") && self.word(1).is_some() && self.is_at(2, "{") {
            self.module.extend(self.word(1));
            self.inner.push(self.depth);
            self.depth += 1;
            self.at += 2;
        } else if self.is_at(0, "use") && !self.is_at(1, "<") {
            let handed_on = self.is_handed_on();
            self.at += 1;
            self.use_tree(&[], handed_on);
        } else if self.begins_a_path() {
            self.path_in_code();
            return;
        }
        self.at += 1;
    }

    fn is_at(&self, ahead: usize, text: &str) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.is(text))
    }

    fn word(&self, ahead: usize) -> Option<String> {
        self.tokens.get(self.at + ahead).filter(|token| token.is_word()).map(|token| token.text.clone())
    }

    /// Is the `use` here behind `pub` or `pub(crate)`?
    fn is_handed_on(&self) -> bool {
        let behind = |back: usize, text: &str| self.at >= back && self.tokens[self.at - back].is(text);
        behind(1, "pub") || behind(1, ")") && behind(2, "crate") && behind(4, "pub")
    }

    /// A word that continues nothing: neither `a` in `x.a` nor `b` in `a::b`, but `b` in `::b`.
    fn begins_a_path(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).map(|at| &self.tokens[at]);
        let continues = before(1).is_some_and(|token| token.is("."))
            || before(1).is_some_and(|token| token.is("::"))
                && before(2).is_some_and(|token| token.is_word() && !is_keyword(&token.text) || token.is(">"));
        self.word(0).is_some_and(|word| !is_keyword(&word)) && !continues
    }

    fn path_in_code(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path: Vec<_> = self.word(0).into_iter().collect();
        self.at += 1;
        while self.is_at(0, "::") && self.word(1).is_some() {
            path.extend(self.word(1));
            self.at += 2;
        }
        let path = self.in_full(path);
        if path.len() > 1 {
            self.found.push(Mention { line, path, handed_on: false });
        }
    }

    /// Reads one branch of a `use` up to its comma, brace or semicolon; `stem` is what stands before it.
    fn use_tree(&mut self, stem: &[String], handed_on: bool) {
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut path = stem.to_vec();
        while let Some(word) = self.word(0).filter(|word| word != "as").or(self.is_at(0, "*").then(|| "*".to_owned())) {
            path.push(word);
            self.at += 1;
            if self.is_at(0, "::") {
                self.at += 1;
            }
        }
        if self.is_at(0, "::") {
            self.at += 1;
            return self.use_tree(&path, handed_on);
        }
        if self.is_at(0, "{") {
            return self.use_branches(&path, handed_on);
        }
        if path.len() > 1 && path.last().is_some_and(|step| step == "self") {
            path.pop();
        }
        let full = self.in_full(path);
        let mut name = full.last().cloned();
        if self.is_at(0, "as") {
            name = self.word(1);
            self.at += 2;
        }
        self.renamed.extend(name.filter(|name| name != "*").map(|name| (name, full.clone())));
        self.found.push(Mention { line, path: full, handed_on });
    }

    fn use_branches(&mut self, stem: &[String], handed_on: bool) {
        while self.at < self.tokens.len() && !self.is_at(0, "}") {
            self.at += 1;
            if !self.is_at(0, "}") {
                self.use_tree(stem, handed_on);
            }
        }
        self.at += 1;
    }

    /// From the crate's name on.
    fn in_full(&self, path: Vec<String>) -> Vec<String> {
        let mut steps = path.iter();
        let mut full = match steps.next().map(String::as_str) {
            Some("crate") => self.module[..1].to_vec(),
            Some("self") => self.module.clone(),
            Some("super") => self.module[..self.module.len() - 1].to_vec(),
            Some(name) => self.renamed.get(name).cloned().unwrap_or_else(|| vec![name.to_owned()]),
            None => vec![],
        };
        for step in steps {
            if step == "super" && full.len() > 1 {
                full.pop();
            } else {
                full.push(step.clone());
            }
        }
        full
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "as" | "dyn" | "else" | "for" | "if" | "impl" | "in" | "match" | "mut" | "return" | "use" | "where")
}

#[cfg(test)]
mod tests {
    use super::super::words::tokens;
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let module = ["node", "api", "server"].map(str::to_owned);
        let paths: Vec<_> = mentions(&module, &tokens(source)).into_iter().map(|it| it.path.join("::")).collect();
        assert_eq!(paths, expected, "{source}");
    }

    #[test]
    fn a_use_tree_is_read_to_its_last_leaf() {
        check(
            "use crate::store::{self, history::{History, *}, disk as d};",
            &["node::store", "node::store::history::History", "node::store::history::*", "node::store::disk"],
        );
        check("use {std::io, ::libp2p as p2p}; fn f() {}", &["std::io", "libp2p"]);
    }

    #[test]
    fn crate_self_and_super_are_walked_from_where_they_stand() {
        check(
            "fn f() { crate::store::open(); self::g(); super::super::net::x() }",
            &["node::store::open", "node::api::server::g", "node::net::x"],
        );
        check("mod tests { use super::*; } use super::state;", &["node::api::server::*", "node::api::state"]);
    }

    #[test]
    fn a_renaming_hides_nothing() {
        check("use crate as root; fn f() -> root::net::X {}", &["node", "node::net::X"]);
        check("use libp2p as p; type A = Vec<p::PeerId>;", &["libp2p", "libp2p::PeerId"]);
        check("use super::super::store; fn f() { store::open() }", &["node::store", "node::store::open"]);
    }

    #[test]
    fn a_path_is_found_in_macros_types_attributes_and_behind_a_leading_colon() {
        check("select! { x = crate::net::next() => {} }", &["node::net::next"]);
        check("impl From<redb::Error> for X {}", &["redb::Error"]);
        check("#[derive(libp2p::swarm::NetworkBehaviour)] struct S;", &["libp2p::swarm::NetworkBehaviour"]);
        check("fn f() { return ::redb::open() }", &["redb::open"]);
        check("fn f(x: X) { x.net::<Y>(); Vec::<u8>::new() }", &[]);
    }

    #[test]
    fn what_is_handed_on_is_marked_so() {
        let module = ["node".to_owned()];
        let handed_on = |source| mentions(&module, &tokens(source))[0].handed_on;
        assert!(handed_on("pub use libp2p::PeerId;"));
        assert!(handed_on("pub(crate) use libp2p::PeerId;"));
        assert!(!handed_on("use libp2p::PeerId;"));
    }
}
