//! The rules of BlockChat. See `SPEC.md` beside this crate; code and tests cite its rule ids.
//!
//! This crate contains what a wallet, an explorer or an auditor needs to check the chain. No clock, disk, socket,
//! randomness, logging, floats or hash-map order: two honest nodes can never compute different things.
//!
//! The map, bottom up: [`units`], [`coins`], [`hash`], [`keys`], [`codec`], [`limits`] -> [`transaction`], [`vote`],
//! [`block`], [`validators`], [`leader`], [`genesis`] -> [`ledger`]. Beside them the external contracts: [`gossip`] and
//! [`sync`] (peers), [`receipt`] (readers that know one hash only), [`refusal`] (codes of refused transactions).
#![deny(clippy::float_arithmetic)]

pub mod block;
pub mod claim;
pub mod codec;
pub mod coins;
mod fixed_bytes;
pub mod genesis;
pub mod gossip;
pub mod hash;
pub mod keys;
pub mod leader;
pub mod ledger;
pub mod limits;
pub mod receipt;
pub mod refusal;
mod rejected;
pub mod sync;
pub mod transaction;
pub mod units;
pub mod validators;
pub mod vote;
