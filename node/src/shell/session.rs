//! The shell: lines become verbs, and what comes to this home's wallets is shown meanwhile.
//!
//! Start reading at [`shell`].

use super::arrivals::{Arrival, Arrivals};
use super::line::{self, Said, VERBS};
use super::prompt::{Hint, Input, Knowledge, Prompt};
use super::shown;
use crate::cli::args::{Command, ShellArgs};
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::messages::index::Entry;
use crate::cli::messages::seals::Seals;
use crate::cli::names::Names;
use crate::cli::output::{Format, count, say, table};
use crate::cli::passphrase::Keyring;
use crate::cli::send;
use crate::cli::{node, perform, submit};
use crate::wallet::sign;
use blockchat_client::Client;
use blockchat_host::stream::note;
use blockchat_host::text;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Address;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines of the node's log that are shown.
const LOG_LINES: usize = 20;
/// Longest file of lines, in bytes.
const LOADED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest end of a log that is looked at, in bytes.
const LOG_BYTES_MAX: u64 = 64 * 1024;
/// A file whose lines load it again ends somewhere.
const LOADS_DEEP_MAX: usize = 8;

/// State that all lines share.
pub(super) struct Session {
    pub(super) home: Home,
    pub(super) client: Client,
    pub(super) genesis: VerifiedGenesis,
    pub(super) keys: Keyring,
    pub(super) format: Format,
    /// Opens what arrives, where that needs no question.
    pub(super) seals: Seals,
    args: ShellArgs,
    names: Arc<Mutex<Vec<String>>>,
    /// Number of lines that failed.
    failed: u64,
}

/// Is there more to come?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Line,
    End,
}

/// Reads and does lines until the end; what comes in meanwhile is shown.
pub(crate) async fn shell(home: &Home, args: ShellArgs, format: Format) -> Result<(), Failure> {
    let (mut session, tip) = Session::open(home, args, format).await?;
    let mut prompt = session.prompt("", false)?;
    let above = prompt.above();
    let accounts = if prompt.is_terminal { session.own_accounts()? } else { vec![] };
    let mut arrivals = Arrivals::after(session.client.clone(), accounts.clone(), tip);
    if prompt.is_terminal {
        say(&format!("chain {}; `help` lists the verbs, Tab completes, Ctrl-D ends", session.genesis.short_name()));
    }
    let mut number = 0_u64;
    let input = loop {
        session.renew_names();
        let input = tokio::select! {
            input = prompt.next("blockchat> ") => input,
            arrival = arrivals.next(), if !accounts.is_empty() => {
                above.say(&session.shown(arrival));
                continue;
            }
        };
        number += 1;
        match input {
            Input::Line(line) => {
                let place = if prompt.is_terminal { String::new() } else { format!("line {number}: ") };
                let said = line::read(&line);
                if session.try_to(said, &place, 0).await == Next::End {
                    break Input::End;
                }
            }
            Input::Interrupted => above.say("Ctrl-D or `exit` ends"),
            ended => break ended,
        }
    };
    session.outcome(&input)
}

impl Session {
    /// A session with a node of this home's chain, and the height from which on news are news.
    pub(super) async fn open(
        home: &Home,
        args: ShellArgs,
        format: Format,
    ) -> Result<(Self, blockchat_proto::units::Height), Failure> {
        let (client, genesis, status) = node::chain(home, &args.api).await?;
        let names = Arc::new(Mutex::new(vec![]));
        let keys = Keyring::default();
        let seals = Seals::quiet(home, genesis.hash(), &args.key.passphrase);
        let home = home.clone();
        Ok((Self { home, client, genesis, keys, format, seals, args, names, failed: 0 }, status.height))
    }

    /// `verb_mark`: what verbs begin with at this prompt; `forgets`: nothing that is typed goes into the history file.
    pub(super) fn prompt(&self, verb_mark: &'static str, forgets: bool) -> Result<Prompt, Failure> {
        let genesis = self.genesis.clone();
        let hint: Hint = match verb_mark {
            "" => Arc::new(move |line| hint(line, &genesis)),
            _ => Arc::new(move |line| super::chat::hint(line, &genesis)),
        };
        let knowledge = Knowledge { names: Arc::clone(&self.names), hint, verb_mark, forgets };
        Prompt::open(self.home.path().join("shell_history"), knowledge)
    }

    /// Another program may have made a wallet meanwhile.
    pub(super) fn renew_names(&self) {
        if let Ok(names) = Names::of(&self.home) {
            let mut all: Vec<_> = names.all_names().map(str::to_owned).collect();
            all.sort();
            all.dedup();
            *self.names.lock().unwrap_or_else(PoisonError::into_inner) = all;
        }
    }

    /// The accounts whose keys are here, but for those that only give coins away.
    fn own_accounts(&self) -> Result<Vec<Address>, Failure> {
        Ok(Names::of(&self.home)?.own_accounts())
    }

    /// An arrival, on one line.
    fn shown(&mut self, arrival: Arrival) -> String {
        let names = Names::of(&self.home).unwrap_or_default();
        let Entry { view, closed } = self.seals.entry(&mut self.keys, arrival.what);
        shown::line(&view, closed.as_deref(), &arrival.account, &names)
    }

    /// Does what was said; a failure is told and counted. `place`: which line it is, if that is worth saying.
    pub(super) async fn try_to(&mut self, said: Result<Said, Failure>, place: &str, depth: usize) -> Next {
        let done = match said {
            Ok(said) => Box::pin(self.perform(said, place, depth)).await,
            Err(refused) => Err(refused),
        };
        done.unwrap_or_else(|refused| {
            self.failed += 1;
            note(&format!("{place}{}", refused.told()));
            Next::Line
        })
    }

    async fn perform(&mut self, said: Said, place: &str, depth: usize) -> Result<Next, Failure> {
        match said {
            Said::Nothing => {}
            Said::Exit => return Ok(Next::End),
            Said::Help => say(&help()),
            Said::Explained(text) => say(&text),
            Said::Logs => say(&self.log()?),
            Said::Load(file) => return self.load(&file, place, depth).await,
            Said::Verb(mut command) => {
                self.fill_in(&mut command);
                Box::pin(perform(&self.home, *command, self.format, &mut self.keys)).await?;
            }
        }
        Ok(Next::Line)
    }

    /// Flags of the whole session, used by a line without its own.
    fn fill_in(&self, command: &mut Command) {
        let ShellArgs { api, key, .. } = &self.args;
        let (own, asked) = match command {
            Command::Send(args) => {
                args.key.passphrase = key.passphrase.clone();
                (Some(&mut args.key.wallet), Some(&mut args.api))
            }
            Command::Stake(args) => {
                args.key.passphrase = key.passphrase.clone();
                (Some(&mut args.key.wallet), Some(&mut args.api))
            }
            Command::Balance(args) => (Some(&mut args.account), Some(&mut args.api)),
            Command::Messages(args) => {
                args.key.passphrase = key.passphrase.clone();
                (Some(&mut args.account), Some(&mut args.api))
            }
            Command::Message(command) => {
                let (own, asked) = command.about();
                own.passphrase = key.passphrase.clone();
                (Some(&mut own.wallet), Some(asked))
            }
            Command::History(args) => {
                args.passphrase = key.passphrase.clone();
                (Some(&mut args.account), Some(&mut args.api))
            }
            Command::View(args) => (None, Some(&mut args.api)),
            Command::Tx(args) => (None, Some(&mut args.api)),
            Command::Peers(args) => (None, Some(&mut args.api)),
            Command::Status(asked) | Command::Health(asked) => (None, Some(asked)),
            _ => (None, None),
        };
        if let Some(own) = own.filter(|own| own.is_none()) {
            own.clone_from(&key.wallet);
        }
        if let Some(asked) = asked.filter(|asked| asked.api.is_none()) {
            asked.clone_from(api);
        }
    }

    /// Lines of a file: each is done, whatever became of the others.
    async fn load(&mut self, file: &Path, place: &str, depth: usize) -> Result<Next, Failure> {
        if depth >= LOADS_DEEP_MAX {
            return Err(Failure::new("files load one another without end", "take the load out of one of them"));
        }
        let lines = text::read(file, LOADED_BYTES_MAX).map_err(|error| Failure::file(file, "read", &error))?;
        let before = self.failed;
        let mut done = 0_u64;
        for (index, one) in lines.lines().enumerate() {
            let names = Names::of(&self.home)?;
            let said = line::read_loaded(one, |name| names.resolve(name).is_ok());
            let place = format!("{place}{} line {}: ", file.display(), index + 1);
            done += u64::from(!matches!(said, Ok(Said::Nothing)));
            if self.try_to(said, &place, depth + 1).await == Next::End {
                break;
            }
        }
        let failed = self.failed - before;
        note(&format!("{}: {}, {failed} failed", file.display(), count(done, "line")));
        Ok(Next::Line)
    }

    /// The end of the log of this home's node, if it goes to a file.
    fn log(&self) -> Result<String, Failure> {
        let file = self.home.log_file()?;
        let end = text::read_end(&file, LOG_BYTES_MAX).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let cause = format!("the node of this home writes no log to {}", file.display());
                Failure::new(
                    cause,
                    "its log is in the terminal where it runs; `run --log-file FILE` writes it to a file",
                )
            }
            _ => Failure::file(&file, "read", &error),
        })?;
        let lines: Vec<_> = end.lines().collect();
        Ok(lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }

    /// The exit: failed lines make the whole fail, if no person looked at each.
    pub(super) fn outcome(&self, input: &Input) -> Result<(), Failure> {
        if let Input::Failed(reason) = input {
            return Err(Failure::new(format!("cannot read further: {reason}"), "correct the input"));
        }
        if self.failed == 0 || std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return Ok(());
        }
        let cause = format!("{} could not be done", count(self.failed, "line"));
        Err(Failure::new(cause, "see the errors above; each names its line").coded("lines_failed"))
    }
}

/// The price of a line as typed so far.
fn hint(line: &str, genesis: &VerifiedGenesis) -> Option<String> {
    let typed = line.trim_start();
    if !["t ", "m ", "send "].iter().any(|verb| typed.starts_with(verb)) {
        return None;
    }
    let Said::Verb(command) = line::read(line).ok()? else { return None };
    let Command::Send(args) = *command else { return None };
    let content = send::content(&args).ok()?;
    price(content, genesis)
}

/// The price of a message or payment, for the end of the line in which it is typed.
pub(super) fn price(content: send::Content, genesis: &VerifiedGenesis) -> Option<String> {
    let body = sign::send_body(Address([0; 32]), content.amount, content.message);
    let submit::Cost { fee, total } = submit::cost(&body, genesis).ok()?;
    let (fee, total) = (crate::cli::output::bcc(fee), crate::cli::output::bcc(total));
    Some(if fee == total { format!("fee {fee}") } else { format!("fee {fee}, {total} in all") })
}

fn help() -> String {
    let row = |(verb, words, what): &(&str, &str, &str)| vec![format!("{verb} {words}"), (*what).to_owned()];
    table(&["type", "to"], &[], VERBS.iter().map(row).collect())
}
