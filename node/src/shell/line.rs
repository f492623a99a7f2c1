//! The meaning of a typed line. Pure.
//!
//! The course's verbs take the rest of the line as text, without quotes: `t <recipient> <amount> [text]`,
//! `m <recipient> <text>`. All others are those of the command line, with the same flags, and quotes as a shell has them.

use crate::cli::args::{Cli, Command};
use crate::cli::failure::Failure;
use crate::cli::messages::args::MessageCommand;
use crate::cli::names::closest;
use blockchat_host::command_line;
use clap::{CommandFactory, FromArgMatches};
use std::path::PathBuf;

/// The request of a line.
#[derive(Debug)]
pub(crate) enum Said {
    /// Nothing: an empty line, or a remark that begins with `#`.
    Nothing,
    /// A verb of the command line.
    Verb(Box<Command>),
    /// Do what this file says, line by line.
    Load(PathBuf),
    /// The last lines of the node's log.
    Logs,
    /// All verbs.
    Help,
    /// Output of clap instead of a request: the help of one verb.
    Explained(String),
    /// The end.
    Exit,
}

/// The verbs, as they are completed and explained.
pub(crate) const VERBS: &[(&str, &str, &str)] = &[
    ("t", "RECIPIENT AMOUNT [TEXT]", "send coins, with a message if you like"),
    ("m", "RECIPIENT TEXT", "send a message"),
    ("stake", "AMOUNT", "set your stake; 0 leaves the validators"),
    ("view", "[BLOCK]", "the last block, or one by height or hash"),
    ("balance", "[NAME]", "coins of your account, or of another"),
    ("history", "[NAME] [FLAGS]", "what happened to an account"),
    ("inbox", "[NAME]", "messages"),
    ("threads", "[FLAGS]", "conversations, and what is unread"),
    ("read", "[NAME] [FLAGS]", "what is unread; then it counts as read"),
    ("search", "TEXT", "messages with this text, sealed ones too"),
    ("load", "FILE", "do what a file says, one line after the other; `NAME TEXT` sends a message"),
    ("logs", "", "the last lines of the node's log"),
    ("peers", "[--known]", "connected peers"),
    ("status", "", "the node and its chain"),
    ("tx", "ID", "where a transaction is"),
    ("contacts", "add|remove|list ...", "names for addresses"),
    ("wallet", "new|list|show ...", "keys"),
    ("help", "", "this list; `VERB --help` for all flags of a verb"),
    ("exit", "", "end"),
];

/// Verbs of the command line that make no sense at a prompt.
const ELSEWHERE: &[&str] = &["run", "init", "completions", "shell", "chat"];

/// Reads one line.
///
/// Errors: a verb that there is not, or words that it does not take.
pub(crate) fn read(line: &str) -> Result<Said, Failure> {
    let line = line.trim();
    let (verb, rest) = cut(line);
    match verb {
        "" => Ok(Said::Nothing),
        _ if line.starts_with('#') => Ok(Said::Nothing),
        "t" => {
            let (to, rest) = cut(rest);
            let (amount, text) = cut(rest);
            needs(!amount.is_empty(), "t RECIPIENT AMOUNT [TEXT], such as t bob 5 Thanks for lunch")?;
            let mut words = vec!["send", to, amount];
            words.extend((!text.is_empty()).then(|| ["-m", unquoted(text)]).into_iter().flatten());
            command(words.into_iter().map(str::to_owned))
        }
        "m" => message(cut(rest)),
        "threads" | "read" => command(["message".to_owned()].into_iter().chain(words(line)?)),
        "search" => {
            needs(!rest.is_empty(), "search TEXT, such as search noon")?;
            command(["message", "search", "--", unquoted(rest)].into_iter().map(str::to_owned))
        }
        "load" => {
            let path = words(rest)?;
            needs(path.len() == 1, "load FILE")?;
            Ok(Said::Load(PathBuf::from(&path[0])))
        }
        "logs" => Ok(Said::Logs),
        "help" | "?" => Ok(Said::Help),
        "exit" | "quit" => Ok(Said::Exit),
        _ => command(words(line)?.into_iter()),
    }
}

/// A line of a file, where a message may be written without its verb: `id3 Hello`. `is_name` knows the possible
/// recipients.
pub(crate) fn read_loaded(line: &str, is_name: impl Fn(&str) -> bool) -> Result<Said, Failure> {
    let (first, rest) = cut(line.trim());
    let is_verb = VERBS.iter().any(|(verb, _, _)| *verb == first) || ELSEWHERE.contains(&first);
    if !is_verb && !rest.is_empty() && is_name(first) { message((first, rest)) } else { read(line) }
}

fn message((to, text): (&str, &str)) -> Result<Said, Failure> {
    needs(!text.is_empty(), "m RECIPIENT TEXT, such as m bob Hello Bob")?;
    command(["send", to, "-m", unquoted(text)].into_iter().map(str::to_owned))
}

fn needs(enough: bool, form: &str) -> Result<(), Failure> {
    if enough { Ok(()) } else { Err(Failure::usage("something is missing in this line", format!("write {form}"))) }
}

/// The first word, and what follows it.
fn cut(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

/// A text that is quoted as a whole was meant without its quotes.
fn unquoted(text: &str) -> &str {
    let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.filter(|inside| !inside.is_empty() && !inside.contains('"')).unwrap_or(text)
}

/// Words with the quotes and backslashes of a shell.
fn words(line: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word, mut quote) = (vec![], None::<String>, None);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().extend(rest.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(Failure::usage(format!("a quote {open} is open"), "close it"));
    }
    words.extend(word);
    Ok(words)
}

fn command(words: impl Iterator<Item = String>) -> Result<Said, Failure> {
    let words: Vec<_> = words.collect();
    let verb = words.first().map(String::as_str).unwrap_or_default();
    if ELSEWHERE.contains(&verb) {
        let next = format!("type blockchat-node {verb} in another terminal");
        return Err(Failure::usage(format!("{verb} makes no sense at this prompt"), next));
    }
    let line = ["blockchat-node".to_owned()].into_iter().chain(words.iter().cloned());
    let parsed = command_line::laid_out(Cli::command()).try_get_matches_from(line);
    match parsed.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) if never_ends(&cli.command) => {
            let next = "what comes to your wallets is shown at this prompt; or type it in another terminal";
            Err(Failure::usage(format!("this {verb} has no end, and would close the prompt"), next))
        }
        Ok(cli) => Ok(Said::Verb(Box::new(cli.command))),
        Err(said) if !said.use_stderr() => Ok(Said::Explained(said.render().to_string())),
        Err(refused) if refused.kind() == clap::error::ErrorKind::InvalidSubcommand => {
            let meant = closest(verb, VERBS.iter().map(|(verb, _, _)| *verb));
            let meant = meant.map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
            Err(Failure::usage(format!("there is no verb {verb:?}"), format!("{meant}`help` lists all verbs")))
        }
        Err(refused) => {
            let text = refused.to_string();
            let cause = text.split("\n\n").next().unwrap_or_default();
            let next = format!("`{verb} --help` shows what it takes");
            Err(Failure::usage(cause.trim_start_matches("error: ").trim(), next))
        }
    }
}

/// Only Ctrl-C ends these, and the prompt with them.
fn never_ends(command: &Command) -> bool {
    match command {
        Command::Messages(args) => args.follow,
        Command::Message(command) => matches!(command, MessageCommand::Watch(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::send::content;
    use blockchat_proto::coins::Coins;

    #[track_caller]
    fn sends(line: &str, to: &str, bcc: u64, text: Option<&str>) {
        let Said::Verb(command) = read(line).unwrap() else { panic!("{line}: no verb") };
        let Command::Send(args) = *command else { panic!("{line}: not a send") };
        let found = content(&args).unwrap();
        assert_eq!(
            (args.to.as_str(), found.amount, found.message.as_deref()),
            (to, Coins::from_bcc(bcc), text),
            "{line}"
        );
    }

    #[test]
    fn the_verbs_of_the_course_take_their_text_as_it_is_typed() {
        sends("m bob Hello, it's me", "bob", 0, Some("Hello, it's me"));
        sends("m bob -1 is a number", "bob", 0, Some("-1 is a number"));
        sends("m bob 5", "bob", 0, Some("5"));
        sends("  m   id3   two  blanks ", "id3", 0, Some("two  blanks"));
        sends("m bob \"Hello\"", "bob", 0, Some("Hello"));
        sends("m bob \"Hello\" he said \"again\"", "bob", 0, Some("\"Hello\" he said \"again\""));
        sends("t bob 5", "bob", 5, None);
        sends("t bob 5 thanks --yes", "bob", 5, Some("thanks --yes"));
        sends("send bob 5 \"a b\"", "bob", 5, Some("a b"));
        sends("send bob it\\'s", "bob", 0, Some("it's"));
    }

    #[test]
    fn a_line_that_makes_no_sense_says_what_would() {
        let told = |line| read(line).unwrap_err().told();
        for (line, part) in [
            ("t bob", "t RECIPIENT AMOUNT"),
            ("m bob", "m RECIPIENT TEXT"),
            ("load", "load FILE"),
            ("blance", "did you mean balance"),
            ("walk", "`help`"),
            ("run", "another terminal"),
            ("send bob \"open", "a quote"),
            ("tx", "tx --help"),
            ("search", "search TEXT"),
            ("message watch", "another terminal"),
            ("inbox --follow", "another terminal"),
        ] {
            assert!(told(line).contains(part), "{line}: {}", told(line));
        }
    }

    #[test]
    fn verbs_of_messages_are_short_at_the_prompt() {
        let message = |line: &str| match read(line).unwrap() {
            Said::Verb(command) => match *command {
                Command::Message(command) => command,
                other => panic!("{line}: {other:?}"),
            },
            other => panic!("{line}: {other:?}"),
        };
        assert!(matches!(message("threads --unread"), MessageCommand::Threads(args) if args.unread));
        assert!(matches!(message("read bob"), MessageCommand::Read(args) if args.name.as_deref() == Some("bob")));
        let text = |line| match message(line) {
            MessageCommand::Search(args) => args.text.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(text("search it's at noon --with me"), "it's at noon --with me", "all of it is text");
        assert_eq!(text("search \"at noon\""), "at noon");
    }

    #[test]
    fn what_is_no_verb_of_the_command_line_is_told_apart() {
        assert!(matches!(read("").unwrap(), Said::Nothing));
        assert!(matches!(read("# a remark").unwrap(), Said::Nothing));
        assert!(matches!(read("load 'a b.txt'").unwrap(), Said::Load(path) if path.ends_with("a b.txt")));
        assert!(matches!(read("exit").unwrap(), Said::Exit));
        assert!(matches!(read("send --help").unwrap(), Said::Explained(text) if text.contains("RECIPIENT")));
    }

    #[test]
    fn a_line_of_a_workload_is_a_message() {
        let Said::Verb(command) = read_loaded("id3 hello there", |name| name == "id3").unwrap() else { panic!() };
        assert!(matches!(*command, Command::Send(args) if args.message.as_deref() == Some("hello there")));
        assert!(read_loaded("id9 hello", |name| name == "id3").is_err(), "nobody is called so");
        let balance = read_loaded("balance bob", |_| true).unwrap();
        assert!(
            matches!(balance, Said::Verb(command) if matches!(*command, Command::Balance(_))),
            "a verb comes first"
        );
    }
}
