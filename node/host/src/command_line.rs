//! The surroundings of a command line: variables that are set and empty, help as wide as the terminal, and a stream for
//! help and refusals.

use crate::stream::{self, Stream};
use std::ffi::OsStr;

/// Help is never wider than this: longer lines are hard to read.
const HELP_COLUMNS_MAX: usize = 110;
/// The width where the terminal does not report one.
const HELP_COLUMNS: usize = 100;

/// The command as if variables that are set and empty were not set: `VARIABLE= program` is how people take one back.
pub fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let heard = |arg: clap::Arg| if arg.get_env().is_some_and(is_empty) { arg.env(None) } else { arg };
    command.mut_args(heard).mut_subcommands(without_empty_variables)
}

/// The command with the examples of its help laid out for this terminal, and those of all commands below it.
pub fn laid_out(command: clap::Command) -> clap::Command {
    laid_out_within(command, help_columns())
}

fn laid_out_within(command: clap::Command, columns: usize) -> clap::Command {
    let after = command.get_after_help().map(|text| help_within(&text.to_string(), columns));
    let command = match after {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(|below| laid_out_within(below, columns))
}

/// As clap finds it out, for the rest of the help.
fn help_columns() -> usize {
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let named = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(named).filter(|columns| *columns > 0).unwrap_or(HELP_COLUMNS).min(HELP_COLUMNS_MAX)
}

/// Text below the options. Indented lines are commands, each with a remark behind two spaces or more; where one of them is
/// too wide, every remark goes below its command. All other lines are sentences, and one paragraph is one line, which clap
/// breaks where it must.
fn help_within(text: &str, columns: usize) -> String {
    let too_wide = text.lines().any(|line| line.starts_with("  ") && line.chars().count() > columns);
    let mut lines: Vec<String> = vec![];
    let mut in_paragraph = false;
    for line in text.lines() {
        let is_sentence = !line.is_empty() && !line.starts_with(' ');
        match lines.last_mut().filter(|_| is_sentence && in_paragraph) {
            Some(last) => *last = format!("{last} {line}"),
            None if too_wide && line.starts_with("  ") => lines.extend(below_each_other(line, columns)),
            None => lines.push(line.to_owned()),
        }
        in_paragraph = is_sentence && !line.ends_with(':');
    }
    lines.join("\n")
}

/// A command and its remark, the remark indented further.
fn below_each_other(line: &str, columns: usize) -> Vec<String> {
    const INDENT: &str = "      ";
    let content = line.trim_start();
    let indent = line.chars().count() - content.chars().count();
    let (command, remark) = match content.split_once("  ") {
        Some((command, remark)) => (Some(command), remark.trim_start()),
        None if indent <= INDENT.len() / 2 => (Some(content), ""),
        None => (None, content),
    };
    let mut lines: Vec<String> = command.map(|command| format!("  {command}")).into_iter().collect();
    let mut open: Option<String> = None;
    for word in remark.split_whitespace() {
        match open.as_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= columns) {
            Some(line) => *line += &format!(" {word}"),
            None => lines.extend(open.replace(format!("{INDENT}{word}"))),
        }
    }
    lines.extend(open);
    lines
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

    const HELP: &str = "\
Examples:
  prog send bob 5 \"a\"   both at once
  prog run
      a remark that stands below its command already, as long ones do
                      behind
Sentences of one
paragraph are one line.

Another.";

    #[test]
    fn what_fits_stays_as_it_is_and_a_paragraph_is_one_line() {
        let expected = HELP.replace("one\nparagraph", "one paragraph");
        assert_eq!(help_within(HELP, 80), expected);
    }

    #[test]
    fn where_one_is_too_wide_every_remark_goes_below_its_command() {
        let lines: Vec<_> = "\
Examples:
  prog send bob 5 \"a\"
      both at once
  prog run
      a remark that stands below
      its command already, as long
      ones do
      behind
Sentences of one paragraph are one line.

Another."
            .lines()
            .collect();
        assert_eq!(help_within(HELP, 34).lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn the_help_of_commands_below_is_laid_out_too() {
        let deep = clap::Command::new("deep").after_help("One\nparagraph.");
        let command = laid_out_within(clap::Command::new("x").subcommand(deep), 80);
        let deep = command.find_subcommand("deep").unwrap();
        assert_eq!(deep.get_after_help().map(ToString::to_string).as_deref(), Some("One paragraph."));
    }

    #[test]
    fn a_variable_that_is_not_empty_or_not_set_stays() {
        let deep = clap::Command::new("deep").arg(clap::Arg::new("a").env("PATH"));
        let command = without_empty_variables(clap::Command::new("x").subcommand(deep));
        let deep = command.find_subcommand("deep").unwrap();
        assert_eq!(deep.get_arguments().next().unwrap().get_env(), Some(OsStr::new("PATH")));
    }
}
