//! What surrounds a command line: variables that are set and empty, and a stream for help and refusals.

use crate::stream::{self, Stream};
use std::ffi::OsStr;

/// The command as if variables that are set and empty were not set: `VARIABLE= program` is how people take one back.
pub fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let heard = |arg: clap::Arg| if arg.get_env().is_some_and(is_empty) { arg.env(None) } else { arg };
    command.mut_args(heard).mut_subcommands(without_empty_variables)
}

/// Says what clap has to say: help and the version as results, a refusal as a remark. Its exit code.
pub fn tell(said: &clap::Error) -> u8 {
    let text = said.render();
    if said.use_stderr() {
        // Without colours: what was typed stands in it, and passes the same filter as all that others wrote.
        stream::note(&text.to_string());
    } else if Stream::Output.has_colours() {
        stream::say_own(&text.ansi().to_string());
    } else {
        stream::say_own(&text.to_string());
    }
    u8::try_from(said.exit_code()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_empty_or_not_set_stays() {
        let deep = clap::Command::new("deep").arg(clap::Arg::new("a").env("PATH"));
        let command = without_empty_variables(clap::Command::new("x").subcommand(deep));
        let deep = command.find_subcommand("deep").unwrap();
        assert_eq!(deep.get_arguments().next().unwrap().get_env(), Some(OsStr::new("PATH")));
    }
}
