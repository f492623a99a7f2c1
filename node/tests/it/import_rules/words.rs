//! A Rust source cut into words, marks and texts, so that a name in a comment or in a string is never taken for code.
//!
//! Owns: comments, strings, characters and lifetimes. Does not own: what the words mean ([`super::mentions`]).
//! Always true: every token knows its line; comments are gone; no token is made of the inside of a string, but for a
//! string that is nothing else than a path of this crate (`#[serde(with = "crate::codec")]`), which is code.
//! Start reading at [`tokens`].

/// One piece of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Counted from 1.
    pub(super) line: usize,
    /// The word or mark itself; empty for a string, a character or a lifetime.
    pub(super) text: String,
}

impl Token {
    /// Is it a name, a keyword or a number?
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }

    /// Is it exactly this word or mark?
    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// All tokens of a source, `::` being one.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { rest: source, line: 1, tokens: vec![] };
    while !reader.rest.is_empty() {
        reader.read_one();
    }
    reader.tokens
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl<'a> Reader<'a> {
    fn read_one(&mut self) {
        if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(comment_len(self.rest));
        } else if let Some((open, close)) = raw_string(self.rest) {
            let inside = &self.rest[open..];
            self.push_text(open + inside.find(&close).map_or(inside.len(), |at| at + close.len()));
        } else if let Some(open) = string_open(self.rest) {
            self.read_string(open);
        } else if self.rest.starts_with('\'') {
            self.push_text(quote_len(self.rest));
        } else if self.rest.starts_with(is_word_char) {
            self.rest = self.rest.strip_prefix("r#").unwrap_or(self.rest);
            self.push_word(self.rest.find(|c| !is_word_char(c)).unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("::") {
            self.push_word(2);
        } else {
            let first = self.rest.chars().next().map_or(0, char::len_utf8);
            if self.rest.starts_with(char::is_whitespace) { self.skip(first) } else { self.push_word(first) }
        }
    }

    fn read_string(&mut self, open: usize) {
        let len = open + closing_quote(&self.rest[open..], '"');
        let inside = self.rest[open..len].trim_end_matches('"');
        let path = inside.starts_with("crate::") && inside.chars().all(|c| is_word_char(c) || c == ':');
        if path {
            self.skip(open);
            let end = self.rest.len() - inside.len();
            while self.rest.len() > end {
                self.read_one();
            }
            self.skip(1);
        } else {
            self.push_text(len);
        }
    }

    fn push_word(&mut self, len: usize) {
        self.tokens.push(Token { line: self.line, text: self.rest[..len].to_owned() });
        self.skip(len);
    }

    fn push_text(&mut self, len: usize) {
        self.tokens.push(Token { line: self.line, text: String::new() });
        self.skip(len);
    }

    fn skip(&mut self, len: usize) {
        let (skipped, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

/// Of a block comment, those inside it included.
fn comment_len(source: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < source.len() {
        let rest = &source[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The start of a raw string's inside, and its end mark.
fn raw_string(source: &str) -> Option<(usize, String)> {
    let marks = source.strip_prefix("br").or(source.strip_prefix("cr")).or(source.strip_prefix('r'))?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    marks[hashes..]
        .starts_with('"')
        .then(|| (source.len() - marks.len() + hashes + 1, format!("\"{}", "#".repeat(hashes))))
}

/// The start of a plain, byte or C string's inside.
fn string_open(source: &str) -> Option<usize> {
    let quoted = source.strip_prefix(['b', 'c']).unwrap_or(source);
    quoted.starts_with('"').then_some(source.len() - quoted.len() + 1)
}

/// The distance past the quote that ends this inside; a backslash hides the next character.
fn closing_quote(inside: &str, quote: char) -> usize {
    let mut hidden = false;
    for (at, c) in inside.char_indices() {
        if !hidden && c == quote {
            return at + 1;
        }
        hidden = !hidden && c == '\\';
    }
    inside.len()
}

/// Of a character, or of a lifetime or label.
fn quote_len(source: &str) -> usize {
    let inside = &source[1..];
    let mut two = inside.chars();
    match (two.next(), two.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => 1 + closing_quote(inside, '\''),
        _ => 1 + inside.find(|c| !is_word_char(c)).unwrap_or(inside.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let words: Vec<_> = tokens(source).into_iter().map(|t| t.text).collect();
        assert_eq!(words, expected, "{source}");
    }

    #[test]
    fn comments_strings_characters_and_lifetimes_hold_no_names() {
        check("a // use b;\nc", &["a", "c"]);
        check("a /* b /* c */ d */ e", &["a", "e"]);
        check(r#"f("use \" crate::x")"#, &["f", "(", "", ")"]);
        check(r###"f(r#"use " b"#, br"c", b"d")"###, &["f", "(", "", ",", "", ",", "", ")"]);
        check(
            r"match c { '\'' | 'x' | '{' => 'outer: loop {} }",
            &["match", "c", "{", "", "|", "", "|", "", "=", ">", "", ":", "loop", "{", "}", "}"],
        );
        check("&'static str", &["&", "", "str"]);
    }

    #[test]
    fn a_path_is_read_raw_names_and_serde_strings_too() {
        check("use crate::r#type::{A, B};", &["use", "crate", "::", "type", "::", "{", "A", ",", "B", "}", ";"]);
        check(
            r#"#[serde(with = "crate::hex")] x"#,
            &["#", "[", "serde", "(", "with", "=", "crate", "::", "hex", ")", "]", "x"],
        );
    }

    #[test]
    fn a_token_knows_its_line_after_a_text_of_several() {
        let last = tokens("\"a\nb\"\n/* \n */ x").pop();
        assert_eq!(last, Some(Token { line: 4, text: "x".to_owned() }));
    }
}
