//! One file per kind of thing that can be asked for.

pub(super) mod accounts;
pub(super) mod blocks;
pub(super) mod events;
pub(super) mod health;
pub(super) mod history;
pub(super) mod messages;
pub(super) mod peers;
pub(super) mod status;
pub(super) mod transactions;
