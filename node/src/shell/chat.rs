//! A conversation: typed lines go to the partner, answers appear above the prompt, with the state of each message.
//!
//! Start reading at [`chat`].

use super::arrivals::{Arrival, Arrivals};
use super::line;
use super::prompt::{Above, Input, Prompt};
use super::session::{Next, Session, price};
use super::shown;
use crate::cli::args::{ChatArgs, ShellArgs};
use crate::cli::failure::Failure;
use crate::cli::home::Home;
use crate::cli::messages::index::Entry;
use crate::cli::messages::mailbox::Mailbox;
use crate::cli::messages::read::{Selection, select};
use crate::cli::names::Names;
use crate::cli::output::{self, Format, bcc, printable, say};
use crate::cli::passphrase::OwnKey;
use crate::cli::send::{self, Content};
use crate::cli::submit::{self, Order};
use crate::wallet::seal::Place;
use crate::wallet::sign;
use blockchat_client::Client;
use blockchat_client::shapes::{HistoryKind, HistoryView, TransactionState};
use blockchat_proto::coins::Coins;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use std::time::Duration;
use tokio::task::JoinSet;

/// Lines of the conversation so far that are shown, beside all that are unread.
const SHOWN_AT_FIRST: usize = 20;
/// First pause between two looks at what was sent; it grows up to the longest.
const LOOK_FIRST: Duration = Duration::from_millis(20);
const LOOK_MAX: Duration = Duration::from_secs(2);
/// A message that is not final after this is said to be on its way.
const ON_ITS_WAY_AFTER: Duration = Duration::from_secs(2);
/// Most messages on their way at once.
const UNDELIVERED_MAX: usize = 256;

/// The meaning of a line in a chat.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
    /// To this name, or to the one that was written to last.
    Message(Option<String>, Content),
    /// Only to whom from now on.
    To(String),
    /// A verb of the shell.
    Verb(String),
}

struct Chat {
    session: Session,
    key: OwnKey,
    mailbox: Mailbox,
    /// Shown, and not yet marked as read.
    shown: Vec<HistoryView>,
    partner: Option<Address>,
    above: Above,
    /// Is what is written sealed?
    sealed: bool,
    ask_above: Coins,
    undelivered: JoinSet<String>,
}

/// Writes and reads until the end.
pub(crate) async fn chat(home: &Home, args: ChatArgs, format: Format) -> Result<(), Failure> {
    let ChatArgs { name, sealed, ask_above, key, api } = args;
    let partner = name.map(|name| Names::of(home)?.resolve(&name)).transpose()?;
    let (mut session, tip) = Session::open(home, ShellArgs { key: key.clone(), api }, format).await?;
    let key = session.keys.signer(home, &key)?;
    let own = key.signer.address();
    let mut mailbox = Mailbox::of(home, session.genesis.hash(), &key)?;
    mailbox.fill(&session.client, tip, &mut session.keys).await?;
    let prompt = session.prompt("/", sealed)?;
    let above = prompt.above();
    let arrivals = Arrivals::after(session.client.clone(), vec![own], tip);
    let (shown, undelivered) = (vec![], JoinSet::new());
    let mut chat = Chat { session, key, mailbox, shown, partner, above, sealed, ask_above, undelivered };
    chat.begin(prompt.is_terminal)?;
    let ended = chat.talk(prompt, arrivals).await;
    // A sent message is delivered without us; its result is still told.
    while let Some(Ok(told)) = chat.undelivered.join_next().await {
        say(&told);
    }
    chat.session.outcome(&ended)
}

impl Chat {
    fn own(&self) -> Address {
        self.key.signer.address()
    }

    fn names(&self) -> Names {
        Names::of(&self.session.home).unwrap_or_default()
    }

    /// Earlier messages: all unread ones, and the few before them.
    fn begin(&mut self, is_terminal: bool) -> Result<(), Failure> {
        let (own, names) = (self.own(), self.names());
        let Selection { context, fresh, unread, .. } = select(&self.mailbox, self.partner, SHOWN_AT_FIRST, usize::MAX);
        // The more is unread, the less of what was read before is shown.
        let context = &context[context.len().min(fresh.len())..];
        let line = |entry: &&Entry| shown::line(&entry.view, entry.closed.as_deref(), &own, &names);
        let mut lines: Vec<_> = context.iter().map(line).collect();
        if unread > 0 && !lines.is_empty() {
            lines.push(format!("-- {unread} unread --"));
        }
        lines.extend(fresh.iter().map(line));
        let read: Vec<_> = fresh.iter().map(|entry| entry.view.clone()).collect();
        if !lines.is_empty() {
            say(&lines.join("\n"));
        }
        self.mailbox.read(&read)?;
        if is_terminal {
            let who =
                self.partner.map_or("everybody; write with @NAME TEXT".into(), |partner| names.show_long(&partner));
            let sealed = if self.sealed { "; what you write is sealed" } else { "" };
            let own = names.show_long(&own);
            say(&format!("chat with {who}, as {own}{sealed}; `+5 TEXT` sends 5 BCC, /help, Ctrl-D ends"));
        }
        Ok(())
    }

    /// Shows what came.
    fn arrived(&mut self, arrival: Arrival) {
        let Arrival { account, what } = arrival;
        // A message to oneself was shown when it was typed.
        if what.from == Some(self.own()) {
            return;
        }
        let elsewhere = if self.is_of_conversation(&what) { "" } else { "(elsewhere) " };
        let Entry { view, closed } = self.session.seals.entry(&mut self.session.keys, what);
        self.above.say(&format!("{elsewhere}{}", shown::line(&view, closed.as_deref(), &account, &self.names())));
        if elsewhere.is_empty() {
            self.shown.push(view);
        }
    }

    /// Notes that what was shown is read. A mark that cannot be written leaves it unread, and the chat goes on.
    fn mark(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        if let Err(failure) = self.mailbox.read(&shown) {
            self.above.say(&failure.told());
        }
    }

    fn is_of_conversation(&self, one: &HistoryView) -> bool {
        let with = |partner: Address| one.from == Some(partner) || one.to == Some(partner);
        matches!(one.kind, HistoryKind::Payment | HistoryKind::Message) && self.partner.is_none_or(with)
    }

    /// Until the end of what is typed; how it ended.
    async fn talk(&mut self, mut prompt: Prompt, mut arrivals: Arrivals) -> Input {
        let mut number = 0_u64;
        loop {
            self.session.renew_names();
            let who = self.partner.map(|partner| self.names().show(&partner)).unwrap_or_default();
            let asked = output::locked(self.sealed, &format!("{who}> "));
            let input = tokio::select! {
                input = prompt.next(&asked) => input,
                arrival = arrivals.next() => {
                    self.arrived(arrival);
                    if !arrivals.has_more() {
                        self.mark();
                    }
                    continue;
                }
                Some(told) = self.undelivered.join_next(), if !self.undelivered.is_empty() => {
                    self.above.say(&told.unwrap_or_default());
                    continue;
                }
            };
            number += 1;
            match input {
                Input::Line(line) => {
                    let place = if prompt.is_terminal { String::new() } else { format!("line {number}: ") };
                    if self.typed(&line, &place).await == Next::End {
                        return Input::End;
                    }
                }
                Input::Interrupted => self.above.say("Ctrl-D or /exit ends"),
                ended => return ended,
            }
        }
    }

    async fn typed(&mut self, line: &str, place: &str) -> Next {
        let sent = match read(line) {
            Ok(Typed::Nothing) => return Next::Line,
            Ok(Typed::Verb(verb)) => return self.session.try_to(line::read(&verb), place, 0).await,
            Ok(Typed::To(name)) => self.turn_to(&name),
            Ok(Typed::Message(to, content)) => match to.map_or(Ok(()), |name| self.turn_to(&name)) {
                Ok(()) => self.send(content).await,
                refused => refused,
            },
            Err(refused) => Err(refused),
        };
        match sent {
            Ok(()) => Next::Line,
            refused => self.session.try_to(refused.map(|()| line::Said::Nothing), place, 0).await,
        }
    }

    fn turn_to(&mut self, name: &str) -> Result<(), Failure> {
        self.partner = Some(Names::of(&self.session.home)?.resolve(name)?);
        Ok(())
    }

    async fn send(&mut self, content: Content) -> Result<(), Failure> {
        let to = self.partner.ok_or_else(|| Failure::usage("to whom?", "begin with a name: @bob Hello"))?;
        if self.undelivered.len() >= UNDELIVERED_MAX {
            let cause = format!("{UNDELIVERED_MAX} messages are on their way already");
            return Err(Failure::new(
                cause,
                "wait until some of them are final; `/status` says what the chain waits for",
            ));
        }
        let (client, genesis) = (&self.session.client, &self.session.genesis);
        let seal = content.message.as_deref().filter(|_| self.sealed);
        let place = Place { chain: genesis.hash(), sender: self.own(), recipient: to, nonce: 0 };
        let body = match seal {
            Some(text) => submit::sealed_body(&self.key.signer, &place, content.amount, text)?,
            None => sign::send_body(to, content.amount, content.message.clone()),
        };
        let order = Order { seal, ..Order::plain(client, genesis, &self.key, &body)? };
        let total = order.cost.total;
        if total > self.ask_above {
            send::agreed(&send::explanation(&order, content.amount, &self.names().show_long(&to)).await?)?;
        }
        let submitted = submit::submit(&order).await?;
        let spent = format!("{} spent", bcc(total));
        self.undelivered.spawn(delivered(client.clone(), submitted.id, spent, self.above.clone()));
        Ok(())
    }
}

/// The result of a message, once known.
async fn delivered(client: Client, id: Hash32, spent: String, above: Above) -> String {
    let (mut pause, mut waited, mut said) = (LOOK_FIRST, Duration::ZERO, false);
    loop {
        match client.transaction(&id).await.map(|found| found.state) {
            Ok(TransactionState::Final { height, .. }) => return format!("       ✓ final in block {height}, {spent}"),
            Ok(TransactionState::Refused { reason, .. }) => return format!("       ✗ refused: {}", printable(&reason)),
            // A node that is away comes back with it: it keeps what it accepted.
            Ok(_) | Err(_) => {}
        }
        if waited >= ON_ITS_WAY_AFTER && !said {
            above.say(&format!("       … accepted, not final yet: transaction {id}"));
            said = true;
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 3 / 2).min(LOOK_MAX);
    }
}

/// The meaning of a line.
fn read(line: &str) -> Result<Typed, Failure> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Typed::Nothing);
    }
    if let Some(verb) = line.strip_prefix('/') {
        return Ok(Typed::Verb(verb.to_owned()));
    }
    let Some(rest) = line.strip_prefix('@') else { return Ok(Typed::Message(None, content(line)?)) };
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match rest.trim() {
        "" => Ok(Typed::To(name.to_owned())),
        rest => Ok(Typed::Message(Some(name.to_owned()), content(rest)?)),
    }
}

/// `+5 Thanks`, `+5`, or a text; a backslash before it makes anything a text.
fn content(text: &str) -> Result<Content, Failure> {
    let message = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
    let paid = text.strip_prefix('+').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let content = match paid {
        Some(rest) => {
            let (amount, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            Content { amount: send::amount_of(amount, "NAME")?, message: message(text.trim()) }
        }
        None => Content { amount: Coins::ZERO, message: message(text.strip_prefix('\\').unwrap_or(text)) },
    };
    send::check(content, "NAME")
}

/// The price of the line as typed so far.
pub(super) fn hint(line: &str, genesis: &VerifiedGenesis) -> Option<String> {
    match read(line).ok()? {
        Typed::Message(_, content) => price(content, genesis),
        Typed::Nothing | Typed::To(_) | Typed::Verb(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Content {
        Content { amount: Coins::ZERO, message: Some(text.into()) }
    }

    #[test]
    fn a_line_is_a_text_unless_it_begins_with_a_mark() {
        assert_eq!(read("Hello").unwrap(), Typed::Message(None, text("Hello")));
        assert_eq!(
            read("+1 for that").unwrap(),
            Typed::Message(None, Content { amount: Coins::from_bcc(1), message: Some("for that".into()) })
        );
        assert_eq!(read("\\+1 for that").unwrap(), Typed::Message(None, text("+1 for that")));
        assert_eq!(read("+ and -").unwrap(), Typed::Message(None, text("+ and -")));
        assert_eq!(read("@bob Hello").unwrap(), Typed::Message(Some("bob".into()), text("Hello")));
        assert_eq!(read("@bob").unwrap(), Typed::To("bob".into()));
        assert_eq!(read("/balance").unwrap(), Typed::Verb("balance".into()));
        assert_eq!(read("  ").unwrap(), Typed::Nothing);
    }

    #[test]
    fn coins_that_are_none_are_refused_and_not_sent_as_a_text() {
        assert!(read("+5,5 thanks").unwrap_err().told().contains("5,5"));
        assert!(read("+0").unwrap_err().told().contains("neither coins nor a message"));
    }
}
