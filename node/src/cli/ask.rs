//! A question to the person at the terminal.

use super::failure::Failure;
use super::output::note;
use blockchat_host::stream::Stream;
use std::io::IsTerminal;

/// Yes or no? `None` if there is no person to ask: input or remarks are no terminal.
pub(crate) fn confirm(question: &str) -> Result<Option<bool>, Failure> {
    if !std::io::stdin().is_terminal() || !Stream::Error.is_terminal() {
        return Ok(None);
    }
    note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new(format!("cannot read the answer: {error}"), "say --yes if you are sure"))?;
    Ok(Some(means_yes(&answer)))
}

fn means_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_clear_yes_means_yes() {
        assert!([" y\n", "Yes\n"].into_iter().all(means_yes));
        assert!(["", "\n", "n\n", "yeah, no\n"].into_iter().all(|answer| !means_yes(answer)));
    }
}
