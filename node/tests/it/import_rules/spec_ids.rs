//! The rules that the code cites stand in `proto/SPEC.md`, under the same number; and none stands there that no code cites.
//!
//! Start reading at [`cited`].

use super::tree::{files, read};
use std::collections::BTreeSet;

/// `TX-4`, `QUORUM-1`: is this the number of a rule?
fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(name, number)| {
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase());
        named && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// Every rule named behind the word SPEC, in `SPEC TX-1`, `SPEC VAL-1, VAL-4` or `SPEC ABS-1 to ABS-3`; with its line.
fn cited(text: &str) -> Vec<(usize, String)> {
    let mut found = vec![];
    for (line, text) in text.lines().enumerate() {
        for citation in text.split("SPEC ").skip(1) {
            let words = citation.split_whitespace();
            let words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
            let words: Vec<_> = words.take_while(|word| is_id(word) || matches!(*word, "to" | "and")).collect();
            found.extend(words.iter().filter(|word| is_id(word)).map(|id| (line + 1, (*id).to_owned())));
            let ranges = words.windows(3).filter(|three| three[1] == "to");
            found.extend(ranges.flat_map(|range| between(range[0], range[2])).map(|id| (line + 1, id)));
        }
    }
    found
}

/// `ABS-2` for `ABS-1` and `ABS-3`.
fn between(first: &str, last: &str) -> Vec<String> {
    let parts =
        |id: &str| id.split_once('-').and_then(|(name, number)| Some((name.to_owned(), number.parse::<u32>().ok()?)));
    match (parts(first), parts(last)) {
        (Some((name, first)), Some((_, last))) => (first + 1..last).map(|number| format!("{name}-{number}")).collect(),
        _ => vec![],
    }
}

/// Every rule that the Rust files cite, with its place.
fn citations() -> Vec<(String, String)> {
    let sources = ["proto", "node/engine", "node/client", "node/src", "testnet"]
        .into_iter()
        .flat_map(|folder| files(folder, "rs"));
    let place = |path: String| {
        cited(&read(&path)).into_iter().map(move |(line, id)| (format!("{path}:{line}"), id)).collect::<Vec<_>>()
    };
    sources.filter(|path| !path.contains("/target/")).flat_map(place).collect()
}

/// The rules of the page: `**TX-4.**` begins one.
fn rules(page: &str) -> BTreeSet<String> {
    let bold = page.split("**").skip(1).step_by(2);
    bold.filter_map(|bold| bold.strip_suffix('.')).filter(|id| is_id(id)).map(str::to_owned).collect()
}

#[test]
fn every_rule_that_the_code_cites_stands_in_the_spec() {
    let rules = rules(&read("proto/SPEC.md"));
    assert!(rules.len() > 50, "only {rules:?}");
    let unknown: Vec<_> = citations().into_iter().filter(|(_, id)| !rules.contains(id)).collect();
    assert!(unknown.is_empty(), "cited, but no rule: {unknown:#?}");
}

#[test]
fn every_rule_of_the_spec_is_cited_where_it_is_kept() {
    let cited: BTreeSet<_> = citations().into_iter().map(|(_, id)| id).collect();
    let uncited: Vec<_> = rules(&read("proto/SPEC.md")).into_iter().filter(|id| !cited.contains(id)).collect();
    assert!(uncited.is_empty(), "say `SPEC {}` in the code that keeps the rule: {uncited:?}", uncited[0]);
}

#[test]
fn a_citation_is_read_in_each_form() {
    let text = "/// SPEC TX-1, TX-2 and TX-3 say.\n// SPEC ABS-1 to ABS-3; not TX-9\n/// SPEC.md, X-1\n";
    let ids: Vec<_> = cited(text).into_iter().map(|(line, id)| format!("{line} {id}")).collect();
    assert_eq!(ids, ["1 TX-1", "1 TX-2", "1 TX-3", "2 ABS-1", "2 ABS-3", "2 ABS-2"]);
    assert_eq!(rules("**TX-1.** One. **bold** **TX-2.** Two"), BTreeSet::from(["TX-1".into(), "TX-2".into()]));
}
