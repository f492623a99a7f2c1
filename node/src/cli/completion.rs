//! Shell completion: verbs, flags and values, and the names of this home's wallets and contacts.
//!
//! The script that `completions` prints asks this program for every word, so it is never older than the program. Nothing
//! here fails: a home that cannot be read has no names.
//! Start reading at [`answered`].

use super::args::Cli;
use super::failure::Failure;
use super::home::Home;
use super::names::Names;
use blockchat_host::completions;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

const PROGRAM: &str = "blockchat-node";

/// Answers a shell that asks for completions, if one does.
pub(crate) fn answered() -> bool {
    completions::answered(Cli::command)
}

/// The script by which this shell asks.
pub(crate) fn script(shell: Shell) -> Result<String, Failure> {
    completions::script(shell, PROGRAM)
        .map_err(|error| Failure::usage(error.to_string(), "see `blockchat-node completions --help`"))
}

/// Accounts that have a name here.
pub(crate) fn accounts(typed: &OsStr) -> Vec<CompletionCandidate> {
    beginning(typed, |names| names.all_names().map(str::to_owned).collect())
}

/// Keys of this home.
pub(crate) fn keys(typed: &OsStr) -> Vec<CompletionCandidate> {
    beginning(typed, |names| names.keys().map(str::to_owned).collect())
}

/// Contacts.
pub(crate) fn contacts(typed: &OsStr) -> Vec<CompletionCandidate> {
    beginning(typed, |names| names.contacts().map(str::to_owned).collect())
}

fn beginning(typed: &OsStr, list: impl Fn(&Names) -> Vec<String>) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let names = Home::locate(named_home(std::env::args_os())).and_then(|home| Names::of(&home));
    let mut all = names.map(|names| list(&names)).unwrap_or_default();
    all.sort();
    all.dedup();
    all.into_iter().filter(|name| name.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}

/// The home in the line that is being completed, else in the environment.
fn named_home(words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let words: Vec<_> = words.collect();
    let joined = words.iter().filter_map(|word| word.to_str()?.strip_prefix("--home=").map(PathBuf::from));
    let apart = words.windows(2).filter(|pair| pair[0] == "--home").map(|pair| PathBuf::from(&pair[1]));
    joined.chain(apart).next().or_else(|| std::env::var_os("BLOCKCHAT_HOME").map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_the_line_is_the_one_whose_names_are_offered() {
        let home = |line: &str| named_home(line.split(' ').map(OsString::from));
        assert_eq!(home("blockchat-node --home /a send"), Some("/a".into()));
        assert_eq!(home("blockchat-node send --home=/b x"), Some("/b".into()));
    }
}
