//! The status dashboard: one node or all of a network, live, in a terminal; without a terminal, a line a block.
//!
//! It answers at a glance: does the chain run, is this node connected and with which peers, how far behind and how long
//! yet, which member leads and which vote, why does it stand still, and what will end that.
//!
//! An event comes in (`update::Happening`), changes the model, and the model is drawn: `model`, `update`, `verdict`,
//! `groups`, `pace`, `keys` and `view` are pure; `poll` asks the nodes, `terminal` owns the screen, [`run`] joins them.
//! Below this crate there is nothing of a node but the client of its API.
//!
//! Always true: it opens when nodes are down and goes on by itself when they come; a value that is old is not shown as
//! new; at most ten pictures a second, and none if nothing changed; the terminal is given back however it ends; text of
//! others passes the one filter (`blockchat_host::text`).
//! Start reading at [`run`], then `model/mod.rs`, `update/mod.rs`, `view/mod.rs`.

mod app;
#[cfg(test)]
mod fixture;
mod groups;
mod keys;
mod model;
mod pace;
mod place;
mod plain;
mod poll;
mod seals;
mod terminal;
mod update;
mod verdict;
#[cfg(test)]
mod verdict_tests;
mod view;
mod words;

pub use app::{Clock, Ended, Options, run};
pub use place::{Names, Place, Places};
pub use seals::Seals;
