//! Networks over real loopback sockets: what two or three of them do with each other, and with liars.

mod announcements;
mod crowds;
mod dialing;
mod gossiping;
mod handshake;
mod hostile;
pub(super) mod people;
mod private;
mod proxy;
mod raw;
mod restarts;
mod searching;
mod syncing;
mod world;
