//! Mempool: transactions that are valid now but not yet in a block.
