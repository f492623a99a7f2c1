//! Every stable code is in the table of `docs/errors.md`, and the table names no other.
//!
//! The codes of the API are two lists, `TxCode` and `ApiCode`; nothing else can be made into an error of the API. Those of
//! the command line are read from the sources: a code can only be given where this file looks, because `Failure::coded` is
//! the only way, and an argument that is neither a text nor on the list below fails the test.

use blockchat_client::shapes::{ApiCode, status_of};
use blockchat_proto::coins::Coins;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::refusal::{Retry, TxCode};
use blockchat_proto::units::{Height, RulesVersion, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Codes that are handed on from somewhere else that is looked at: what stands in the parentheses.
const HANDED_ON: &[&str] = &["code.as_str(", "error.code("];

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

/// The text after each occurrence of a call.
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
    for (path, source) in sources("src/cli").into_iter().chain(sources("src/shell")) {
        for given in calls(&source, "coded(") {
            match literal(given) {
                Some(code) => drop(found.insert(code.to_owned())),
                None => {
                    let given = given.split(')').next().unwrap_or_default();
                    let is_known =
                        HANDED_ON.contains(&given) || given.starts_with("self") || given.starts_with("TxCode::");
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

/// Codes of the API with their status.
fn of_the_api() -> BTreeMap<&'static str, u16> {
    let transactions = TxCode::ALL.iter().map(|code| (code.as_str(), status_of(*code)));
    let node = ApiCode::ALL.iter().map(|code| (code.as_str(), code.status()));
    let all: BTreeMap<_, _> = transactions.chain(node).collect();
    assert_eq!(all.len(), TxCode::ALL.len() + ApiCode::ALL.len(), "no code has two meanings");
    all
}

/// One refusal for each code of a transaction.
fn refusals() -> Vec<TxRejected> {
    let (found_bytes, limit_bytes) = (2, 1);
    let (min, max, found, stake) = (Coins::ZERO, Coins::ZERO, Coins::ZERO, Coins::ZERO);
    vec![
        TxRejected::OtherChain { expected: Hash32::ZERO, found: Hash32::ZERO },
        TxRejected::BadSignature,
        TxRejected::TooLarge { found_bytes, limit_bytes },
        TxRejected::NothingToSend,
        TxRejected::EmptyMessage,
        TxRejected::MessageTooLong { found_bytes, limit_bytes },
        TxRejected::UnknownSeal { found: 9 },
        TxRejected::NonceNotZero { found: 1 },
        TxRejected::WrongNonce { expected: 1, found: 0 },
        TxRejected::WrongNonce { expected: 1, found: 2 },
        TxRejected::Expired { expiry: Height(1), height: Height(2) },
        TxRejected::InsufficientFunds { needed: max, spendable: min },
        TxRejected::AmountOverflow,
        TxRejected::StakeOutOfRange { min, max, found },
        TxRejected::StakeUnchanged { stake },
        TxRejected::TooManyUnbonding { earliest: UnixMillis(7) },
        TxRejected::LastValidators { min: 1 },
        TxRejected::Barred,
        TxRejected::NoStake,
        TxRejected::AlreadyActive,
        TxRejected::NotRecent,
        TxRejected::JailWait { until: UnixMillis(5) },
        TxRejected::ClaimsClosed,
        TxRejected::AlreadyClaimed,
        TxRejected::StaleWork { blocks: 1 },
        TxRejected::WeakWork { needed: 2, found: 1 },
        TxRejected::TreasuryEmpty { treasury: found },
        TxRejected::GrantsSpent { again: UnixMillis(6) },
        TxRejected::OneGrantPerBlock,
        TxRejected::NotCandidate,
        TxRejected::NothingToAnnounce { least: RulesVersion(2), found: RulesVersion(1) },
        TxRejected::SenderLimit { limit: 1 },
        TxRejected::PoolFull,
        TxRejected::NonceTaken { nonce: 1 },
        TxRejected::FeeTooLow { needed: max, found },
        TxRejected::ReplacedTooOften { limit: 1 },
        TxRejected::Replaced { by: Hash32::ZERO },
    ]
}

/// The form on the page.
fn word(retry: Retry) -> &'static str {
    match retry {
        Retry::Now => "`now`",
        Retry::AtHeight(_) => "`at_height`",
        Retry::AtTime(_) => "`at_time`",
        Retry::Never => "`never`",
    }
}

/// The rows of the table under a heading: the code, and the cells before cause and remedy.
fn rows(heading: &str) -> Vec<(String, Vec<String>)> {
    let page = read("docs/errors.md");
    let part = page.split("\n## ").find(|part| part.starts_with(heading)).expect("the page has this heading");
    let row = |line: &str| {
        let mut cells: Vec<_> = line.strip_prefix("| `")?.split(" | ").map(str::to_owned).collect();
        assert!(
            cells.len() >= 4 && cells.iter().all(|cell| !cell.trim_matches([' ', '|']).is_empty()),
            "a gap: {line}"
        );
        let before = cells.split_off(1);
        let code = cells.pop()?.trim_end_matches('`').to_owned();
        Some((code, before[..before.len() - 2].to_vec()))
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
    let codes: BTreeSet<_> = found.keys().map(|code| (*code).to_owned()).collect();
    let named: BTreeSet<_> = told.iter().map(|(code, _)| code.clone()).collect();
    assert_eq!(named.len(), told.len(), "no code has two rows");
    let (missing, unknown) = differences(&codes, &named);
    assert!(missing.is_empty() && unknown.is_empty(), "without a row: {missing:?}; no such code: {unknown:?}");
    for (code, cells) in told {
        assert_eq!(cells[0], found[code.as_str()].to_string(), "the status of {code}");
    }
}

#[test]
fn the_page_says_which_refusals_pass_by_themselves() {
    let told: BTreeMap<_, _> = rows("Codes of the API").into_iter().collect();
    for code in ApiCode::ALL {
        assert!(told[code.as_str()][1].contains(word(code.retry())), "{code}: {:?}", code.retry());
    }
    let refusals = refusals();
    let produced: BTreeSet<_> = refusals.iter().map(TxRejected::code).collect();
    assert_eq!(produced, TxCode::ALL.iter().copied().collect::<BTreeSet<_>>(), "one refusal for each code");
    for refusal in refusals {
        let (code, retry) = (refusal.code(), refusal.retry());
        assert_eq!(told[code.as_str()][1], word(retry), "{code}: {retry:?}");
    }
}

#[test]
fn every_code_of_the_api_is_given_somewhere() {
    let sources: String = sources("src/api").into_iter().map(|(_, source)| source).collect();
    for code in ApiCode::ALL {
        assert!(sources.contains(&format!("ApiCode::{code:?}")), "nothing answers with {code}");
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
