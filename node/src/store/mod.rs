//! All durable state: final blocks and the state they lead to, our signed messages, our own transactions, evidence that
//! is not punished yet, the guard.
//!
//! Owns: every file below `data/`, and the guard beside the key. Does not own: any decision (what to write and when comes
//! from the engine as effects; `runtime::perform` calls in here). Database types never leave this folder.
//!
//! | file | module | durable |
//! | --- | --- | --- |
//! | `data/store.redb` | [`disk`] writes, [`history`] reads | with final blocks, each write atomic |
//! | `data/journal` | [`sign_journal`] on [`frame_log`] | at every sync point, before anything is sent |
//! | `keys/guard` | [`guard`] | at every sync point, after the journal |
//! | `data/evidence` | [`evidence`] | before anybody hears of it |
//! | `data/own` | [`own`] on [`frame_log`] | when the system writes it back: a repeated submit is harmless |
//!
//! Always true: a byte that changed on disk is found and named, never served (every record carries a checksum, the state
//! is compared with its root on start); an error leaves the file as it was or the node stopped.
//! Start reading at [`open`].

mod account_history;
mod barred;
mod body;
mod database;
pub mod disk;
mod error;
pub mod evidence;
mod finality;
pub mod frame_log;
pub mod guard;
pub mod history;
mod lazy_index;
mod lock;
pub mod own;
mod rebuild;
mod record;
mod recover;
mod rows;
mod schema;
pub mod sign_journal;
mod tables;
mod touches;
pub mod upkeep;

pub use error::StoreError;
pub use recover::{Opened, open};

#[cfg(test)]
mod tests;
