//! Every stable code is in the table of `docs/errors.md`, and the table names no other.
//!
//! The sources are the truth: a code can only be given where this file looks, because `Failure::coded` and the makers of
//! `ApiError` are the only ways, and an argument that is neither a text nor on the lists below fails the test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Codes that are handed on from somewhere else that is looked at: what stands in the parentheses.
const HANDED_ON: &[&str] = &["problem.code", "reason.code(", "code.clone(", "error.code("];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All sources below a folder of the node, each without comments, tests and needless blanks.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, bare(&text)));
            }
        }
    }
    found
}

/// The code of a source as one line.
fn bare(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.collect::<Vec<_>>().join(" ")
}

/// What follows each occurrence of a call.
fn calls<'a>(source: &'a str, call: &'a str) -> impl Iterator<Item = &'a str> {
    source.split(call).skip(1).map(str::trim_start)
}

/// The text that a piece of code begins with.
fn literal(code: &str) -> Option<&str> {
    code.strip_prefix('"')?.split('"').next()
}

/// Codes of the command line: those given to `coded`, the two that every failure begins with, and the store's.
fn of_the_command_line() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, source) in sources("src/cli") {
        for given in calls(&source, "coded(") {
            match literal(given) {
                Some(code) => drop(found.insert(code.to_owned())),
                None => {
                    let given = given.split(')').next().unwrap_or_default();
                    let is_known = HANDED_ON.contains(&given) || given.starts_with("self");
                    assert!(is_known, "{}: coded({given}) is not followed", path.display());
                }
            }
        }
        found.extend(calls(&source, "code:").filter_map(literal).map(str::to_owned));
    }
    let store = bare(&read("src/store/error.rs"));
    found.extend(texts_of_code_fn(&store));
    found
}

/// The texts in `fn code`, one per arm.
fn texts_of_code_fn(source: &str) -> Vec<String> {
    let body = calls(source, "pub fn code(&self)").next().expect("there is a fn code");
    let body = body.split("pub fn").next().unwrap_or_default().split(" impl ").next().unwrap_or_default();
    calls(body, "=>").filter_map(literal).map(str::to_owned).collect()
}

/// Codes of the API with the status each is given, where it is always the same.
fn of_the_api() -> BTreeSet<(String, Option<u16>)> {
    let mut found = BTreeSet::new();
    let makers = [("bad_request(", Some(400)), ("not_found(", Some(404)), ("unavailable(", Some(503)), ("new(", None)];
    for (path, source) in sources("src/api") {
        let is_problem = path.ends_with("problem.rs");
        for (maker, status) in makers {
            for given in calls(&source, &format!("ApiError::{maker}")) {
                let code = if maker == "new(" { given.split_once(", ").map(|(_, rest)| rest) } else { Some(given) };
                let code = code.and_then(literal);
                let code = code.unwrap_or_else(|| panic!("{}: {maker}{given:.60} is not followed", path.display()));
                found.insert((code.to_owned(), status));
            }
            // The makers themselves hand their argument on.
            let own = format!("Self::{maker}");
            for given in calls(&source, &own).filter(|_| is_problem) {
                let code = if maker == "new(" { given.split_once(", ").map_or(given, |(_, rest)| rest) } else { given };
                match literal(code) {
                    Some(code) => drop(found.insert((code.to_owned(), status))),
                    None => assert!(
                        code.starts_with("code,") || code.starts_with("reason.code()"),
                        "{maker}{given:.60} is not followed"
                    ),
                }
            }
        }
    }
    let refused = bare(&read("../proto/src/rejected.rs"));
    found.extend(texts_of_code_fn(&refused).into_iter().map(|code| (code, None)));
    found
}

/// The rows of the table under a heading: code and second column.
fn rows(heading: &str) -> Vec<(String, String)> {
    let page = read("docs/errors.md");
    let part = page.split("\n## ").find(|part| part.starts_with(heading)).expect("the page has this heading");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let code = cells.next()?.trim_end_matches('`').to_owned();
        let second = cells.next()?.to_owned();
        assert_eq!(cells.filter(|cell| cell.trim_matches([' ', '|']).len() > 2).count(), 2, "cause and remedy: {line}");
        Some((code, second))
    };
    part.lines().filter_map(row).collect()
}

fn differences(found: &BTreeSet<String>, told: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    (found.difference(told).cloned().collect(), told.difference(found).cloned().collect())
}

#[test]
fn every_code_of_the_api_has_its_row_with_its_status() {
    let found = of_the_api();
    let told = rows("Codes of the API");
    let codes: BTreeSet<_> = found.iter().map(|(code, _)| code.clone()).collect();
    let named: BTreeSet<_> = told.iter().map(|(code, _)| code.clone()).collect();
    assert!(codes.len() > 40, "the sources are read: {codes:?}");
    assert_eq!(named.len(), told.len(), "no code has two rows");
    let (missing, unknown) = differences(&codes, &named);
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "without a row: {missing:?}; nowhere in the sources: {unknown:?}"
    );
    for (code, status) in found {
        let row = told.iter().find(|(name, _)| *name == code).map(|(_, status)| status.clone()).unwrap();
        let fits = status.is_none_or(|status| row.contains(&status.to_string()));
        assert!(
            fits && row.contains(|digit: char| digit.is_ascii_digit()),
            "{code}: {status:?}, but the row says {row}"
        );
    }
}

#[test]
fn every_code_of_the_command_line_has_its_row() {
    let found = of_the_command_line();
    let from_nodes: BTreeSet<_> = rows("Codes of the API").into_iter().map(|(code, _)| code).collect();
    let told: BTreeSet<_> = rows("Codes of the command line").into_iter().map(|(code, _)| code).collect();
    assert!(found.len() > 30, "the sources are read: {found:?}");
    let (missing, unknown) = differences(&found, &told);
    let missing: Vec<_> = missing.into_iter().filter(|code| !from_nodes.contains(code)).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "without a row: {missing:?}; nowhere in the sources: {unknown:?}"
    );
}

#[test]
fn the_exit_codes_are_those_of_the_page() {
    let failure = bare(&read("src/cli/failure.rs"));
    let numbers = calls(&failure, "exit: ").filter_map(|rest| rest.chars().next()).filter(char::is_ascii_digit);
    let found: BTreeSet<_> = numbers.map(String::from).chain(["0".to_owned()]).collect();
    let told: BTreeSet<_> = rows("Exit codes").into_iter().map(|(code, _)| code).collect();
    assert_eq!(found, told);
}
