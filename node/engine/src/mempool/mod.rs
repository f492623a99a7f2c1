//! Mempool: transactions that are valid now but not yet in a block.
//!
//! Owns: what is pooled, the shelf of early nonces, selection, eviction, repetition of our own. Does not own: signatures
//! (arrive verified), balances (asks the ledger at the tip), blocks, gossip (the engine performs what is returned here).
//!
//! Always true:
//! - a sender's pooled transactions are a row: consecutive from the account's next nonce, and payable one after the
//!   other from its final balance (income in the pool does not count); early nonces wait on the shelf, for a while;
//! - whoever leaves a row sends the later ones of its row back to the shelf;
//! - *activate* and *announce* need no nonce: at most one a sender, beside the rows, looked at anew after every block; so are
//!   *claim*s, of which there is room for a few, those with the most work;
//! - a place in a row or on the shelf goes to another of its sender only for a higher fee (`replace`);
//! - one sender holds at most its share; pool, shelf and everything remembered are bounded; our own are never evicted;
//! - ours are pooled or on the shelf: whatever becomes final or hopeless is handed out to be forgotten.
//!
//! Pure: the same calls in the same order give the same contents. Two honest nodes may differ.
//!
//! The map: `pool` holds the contents, in `row`s and `claims`; `admit` lets in (and onto the `shelf`), `evict` makes room, `select` deals
//! out for a block, `settle` follows the chain, `replace` lets senders change their mind, `own` repeats, `refusals`
//! remembers why not, `list` shows.
//! Start reading at [`Mempool::submit`].

mod admit;
mod claims;
mod evict;
mod list;
mod own;
mod pool;
mod refusals;
mod replace;
mod row;
mod select;
mod settle;
mod shelf;
#[cfg(test)]
mod tests;

pub use admit::Submitted;
pub use own::Ticked;
pub use pool::Mempool;
pub use replace::{REPLACEMENTS_MAX, replacement_fee};
