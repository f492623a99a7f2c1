//! Completion in a shell: the script asks the program itself for every word, so it is never older than the program.
//!
//! Start reading at [`answered`].

use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};
use std::io;

/// Set by the script when a shell asks.
const ASKED: &str = "BLOCKCHAT_COMPLETE";

/// Answers a shell that asks for completions, if one does. Call it before anything else is printed.
pub fn answered(command: fn() -> clap::Command) -> bool {
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command).var(ASKED);
    // A shell with an unknown request gets no words.
    asked.try_complete(std::env::args_os(), folder.as_deref()).unwrap_or(true)
}

/// The script by which this shell asks `program`. Errors: a shell that is not known.
pub fn script(shell: Shell, program: &str) -> io::Result<String> {
    let shells = Shells::builtins();
    let unknown =
        || io::Error::new(io::ErrorKind::Unsupported, format!("{shell} is not known: name bash, zsh or fish"));
    let known = shells.completer(&shell.to_string()).ok_or_else(unknown)?;
    let mut script = vec![];
    known.write_registration(ASKED, program, program, program, &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_script_for_every_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = script(shell, "blockchat-node").unwrap();
            assert!(script.contains(ASKED) && script.contains("blockchat-node"), "{shell}");
        }
    }
}
