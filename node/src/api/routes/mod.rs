//! One file per kind of thing that can be asked for.

pub(super) mod accounts;
pub(super) mod blocks;
pub(super) mod consensus;
pub(super) mod events;
pub(super) mod health;
pub(super) mod history;
pub(super) mod messages;
pub(super) mod metrics;
pub(super) mod node;
pub(super) mod page;
pub(super) mod peers;
pub(super) mod pool;
pub(super) mod receipts;
pub(super) mod status;
pub(super) mod transactions;
pub(super) mod validators;
