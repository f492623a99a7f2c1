//! Messages for people who come back: the inbox, conversations with unread counts, a search that finds sealed messages
//! too.
//!
//! Owns: how messages are opened, kept, marked and shown; `inbox` and `message`. Does not own: the prompt
//! ([`crate::shell`]), which reads through the same [`mailbox`].
//!
//! Always true: what is final and concerns an account is shown once and in order, however long its owner was away; what is
//! sealed is shown with a lock, or closed with the reason; at rest, opened messages are ciphertext.
//! The map: [`seals`] opens; [`index`] keeps what was opened, [`marks`] what was read; [`mailbox`] joins them with a node;
//! [`item`] is one message as it is shown; a file for each verb.
//! Start reading at [`mailbox::Mailbox`].

pub(crate) mod args;
mod inbox;
pub(crate) mod index;
pub(crate) mod item;
pub(crate) mod mailbox;
mod marks;
pub(crate) mod read;
pub(crate) mod seals;
mod search;
mod threads;
mod watch;

pub(super) use inbox::inbox;

use super::failure::Failure;
use super::home::Home;
use super::output::Format;
use super::passphrase::Keyring;
use args::MessageCommand;

/// `message` and its verbs.
pub(super) async fn message(
    home: &Home,
    command: MessageCommand,
    format: Format,
    keys: &mut Keyring,
) -> Result<(), Failure> {
    match command {
        MessageCommand::Threads(args) => threads::threads(home, args, format, keys).await,
        MessageCommand::Read(args) => read::read(home, args, format, keys).await,
        MessageCommand::Search(args) => search::search(home, args, format, keys).await,
        MessageCommand::Export(args) => search::export(home, args, format, keys).await,
        MessageCommand::Watch(args) => watch::watch(home, args, format, keys).await,
    }
}
