//! The prompt: `shell` with the course's verbs, `chat`, and what both hear meanwhile.
//!
//! Owns: the meaning of a typed line, the line editor, arrivals while a person types. Does not own: the verbs
//! themselves: a line becomes the same [`Command`](crate::cli::args::Command) that a command line becomes, and is done
//! by the same code.
//!
//! Always true: text of others passes the filter before it reaches the terminal, also above the prompt; a line that begins
//! with a blank, and every passphrase, stays out of the history file; input that is no terminal is read line by line, and
//! an error names its line.
//! The map: [`line`] (what a line means, pure), [`prompt`] (terminal or pipe), [`arrivals`] (what comes to accounts as it
//! becomes final), [`session`] (the shell), [`chat`] (a conversation).
//! Start reading at [`session::shell`].

pub(crate) mod arrivals;
pub(crate) mod chat;
pub(crate) mod line;
mod prompt;
pub(crate) mod session;
pub(crate) mod shown;
