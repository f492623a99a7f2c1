//! Every maximum that all nodes of a network agree on: value, unit, reason. Local limits (queues, peers) live in the
//! node's configuration.

/// Longest canonical signed transaction, in bytes. A 1,024-byte text with its frame fits with room to spare.
pub const TRANSACTION_BYTES_MAX: usize = 2_048;
/// Longest message text (plain, UTF-8) or plaintext (sealed), in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Bytes the seal adds to a plaintext: the tag of AES-GCM. No fee counts them.
pub const SEAL_TAG_BYTES: usize = 16;
/// Longest canonical block, in bytes.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most transactions a block may ever hold, whatever its genesis says: bounds the work before a capacity is known.
pub const BLOCK_TRANSACTIONS_MAX: usize = 20_000;
/// Most validators in the set of a height.
pub const VALIDATORS_MAX: usize = 128;
/// Most unbonding entries of one account.
pub const UNBONDING_ENTRIES_MAX: usize = 8;
/// Most evidence items in one block.
pub const EVIDENCE_MAX: usize = 16;
/// Longest gossip message with evidence, in bytes: two votes or proposals and their frame.
pub const EVIDENCE_MESSAGE_BYTES_MAX: usize = 2 * 1024;
/// Longest canonical certificate, in bytes: 128 validators at about 110 bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 24 * 1024;
/// Longest canonical genesis, in bytes.
pub const GENESIS_BYTES_MAX: usize = 1024 * 1024;
/// Longest canonical receipt, in bytes: beyond it, trust begins at a later block.
pub const RECEIPT_BYTES_MAX: usize = 1024 * 1024;
/// Most accounts a genesis may fund.
pub const GENESIS_ACCOUNTS_MAX: usize = 8_192;
/// Longest name of a chain, in bytes; lower-case letters, digits and dashes.
pub const CHAIN_NAME_BYTES_MAX: usize = 32;
/// A block hash is kept as recent every so many heights.
pub const RECENT_STRIDE: u64 = 64;
/// How many recent hashes are kept.
pub const RECENT_HASHES_MAX: usize = 128;
/// A claim names a recent hash of one of so many heights before its block.
pub const CLAIM_RECENT_BLOCKS: u64 = 1_024;
/// Grants are limited together in spans of this length, in ms of block time.
pub const GRANTS_MS: u64 = 24 * 3_600_000;
/// A version of the rules begins at a multiple of this height, and is counted this many blocks before.
pub const VERSION_STRIDE: u64 = 64;
/// So many blocks, up to the newest, say who was absent and who led.
pub const WINDOW_BLOCKS: u32 = 100;
/// Absent from more than this many of the window: may be jailed.
pub const ABSENCE_BLOCKS_MAX: u32 = 90;
/// And not present for this long, in ms of block time.
pub const ABSENCE_TIME_MS: u64 = 30_000;
/// The first wait before *activate* after being jailed, in ms of block time; twice as long with each jailing more.
pub const JAIL_WAIT_MS: u64 = 30_000;
/// The longest such wait, in ms of block time.
pub const JAIL_WAIT_MAX_MS: u64 = 3_600_000;
/// The largest total of the set is kept for this span and for the one before, in ms of block time.
pub const PEAK_MS: u64 = 3_600_000;
/// Heights are dated for evidence every so many parts of `evidence_window_ms`.
pub const MARKS: u64 = 32;
/// The set grows by at most one part in so many per `churn_ms`.
pub const CHURN_PARTS: u64 = 8;
/// Jailings less than this apart are counted together, in ms of block time.
pub const JAILINGS_MS: u64 = 24 * 3_600_000;
/// Most transactions in one gossip batch or one batch submit.
pub const BATCH_TRANSACTIONS_MAX: usize = 4_096;
/// Longest gossip batch, in bytes.
pub const BATCH_BYTES_MAX: usize = 128 * 1024;
/// Most blocks, or headers, in one sync response.
pub const SYNC_BLOCKS_MAX: u32 = 256;
/// A sync response stops growing at this size, in bytes; it holds at least one block or header.
pub const SYNC_BYTES_MAX: usize = 4 * 1024 * 1024;
