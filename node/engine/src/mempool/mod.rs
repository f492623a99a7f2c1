//! Mempool: transactions that are valid now but not yet in a block.
//!
//! Owns: pooled transactions, the shelf of early nonces, selection, eviction, repetition of our own. Does not own:
//! signatures (verified before), balances (the ledger at the tip), blocks, gossip (the engine performs what is returned
//! here).
//!
//! Always true:
//! - a sender's pooled transactions form a row: consecutive from the account's next nonce, and payable one after the
//!   other from its final balance (income in the pool does not count); early nonces wait on the shelf, for a limited
//!   time;
//! - when a transaction leaves a row, the later ones of its row return to the shelf;
//! - *activate* and *announce* need no nonce: at most one per sender, beside the rows, checked again after every block;
//!   so are *claim*s, of which there is room for a few, those with the most work;
//! - only a higher fee of the same sender replaces a transaction in a row or on the shelf (`replace`);
//! - one sender holds at most its share; pool, shelf and all memories are bounded; our own are never evicted;
//! - ours are pooled or on the shelf: final or invalid ones are returned, to be forgotten.
//!
//! Pure: the same calls in the same order give the same contents. Two honest nodes may differ.
//!
//! The map: `pool` holds the contents, in `row`s and `claims`; `admit` accepts (also onto the `shelf`), `evict` makes
//! room, `select` picks for a block, `after_block` follows the chain, `replace` lets senders change a transaction, `own`
//! repeats, `refusals` remembers reasons, `list` shows.
//! Start reading at [`Mempool::submit`].

mod admit;
mod after_block;
mod claims;
mod evict;
mod list;
mod own;
mod pool;
mod refusals;
mod replace;
mod row;
mod select;
mod shelf;
#[cfg(test)]
mod tests;

pub use admit::Submitted;
pub use own::Ticked;
pub use pool::Mempool;
pub use replace::{REPLACEMENTS_MAX, replacement_fee};
