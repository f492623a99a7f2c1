//! Every maximum that all nodes of a network share: value, unit, reason. Local limits (queues, peers) are in the node's
//! configuration.

/// Longest canonical signed transaction, in bytes. A 1,024-byte text with its frame fits with room to spare.
pub const TRANSACTION_BYTES_MAX: usize = 2_048;
/// Longest message text (plain, UTF-8) or plaintext (sealed), in bytes.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Bytes that the seal adds to a plaintext: the tag of AES-GCM. Fees do not count them.
pub const SEAL_TAG_BYTES: usize = 16;
/// Longest canonical block, in bytes.
pub const BLOCK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Maximum transactions per block, whatever the genesis says: bounds the work before the capacity is known.
pub const BLOCK_TRANSACTIONS_MAX: usize = 20_000;
/// Maximum validators in the set of a height.
pub const VALIDATORS_MAX: usize = 128;
/// Maximum unbonding entries per account.
pub const UNBONDING_ENTRIES_MAX: usize = 8;
/// Maximum evidence items per block.
pub const EVIDENCE_MAX: usize = 16;
/// Longest gossip message with evidence, in bytes: two votes or proposals and their frame.
pub const EVIDENCE_MESSAGE_BYTES_MAX: usize = 2 * 1024;
/// Longest canonical certificate, in bytes: 128 validators at about 110 bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 24 * 1024;
/// Longest canonical genesis, in bytes.
pub const GENESIS_BYTES_MAX: usize = 1024 * 1024;
/// Longest canonical receipt, in bytes; to stay below it, trust a later block.
pub const RECEIPT_BYTES_MAX: usize = 1024 * 1024;
/// Maximum accounts of a genesis.
pub const GENESIS_ACCOUNTS_MAX: usize = 8_192;
/// Longest name of a chain, in bytes; lower-case letters, digits and dashes.
pub const CHAIN_NAME_BYTES_MAX: usize = 32;
/// Interval of recent block hashes, in heights.
pub const RECENT_STRIDE: u64 = 64;
/// Number of recent hashes kept.
pub const RECENT_HASHES_MAX: usize = 128;
/// A claim names a recent hash at most this many heights below its block.
pub const CLAIM_RECENT_BLOCKS: u64 = 1_024;
/// Span of the limit on grants, in ms of block time.
pub const GRANTS_MS: u64 = 24 * 3_600_000;
/// A version of the rules begins at a multiple of this height, and is counted this many blocks before.
pub const VERSION_STRIDE: u64 = 64;
/// Length of the window of absences and leaders, in blocks.
pub const WINDOW_BLOCKS: u32 = 100;
/// A member absent from more blocks of the window may be jailed,
pub const ABSENCE_BLOCKS_MAX: u32 = 90;
/// if it was also not present for this long, in ms of block time.
pub const ABSENCE_TIME_MS: u64 = 30_000;
/// First wait before *activate* after a jailing, in ms of block time; doubles with each further jailing.
pub const JAIL_WAIT_MS: u64 = 30_000;
/// The longest such wait, in ms of block time.
pub const JAIL_WAIT_MAX_MS: u64 = 3_600_000;
/// The largest total of the set covers this span and the previous one, in ms of block time.
pub const PEAK_MS: u64 = 3_600_000;
/// Number of dated heights per `evidence_window_ms`.
pub const MARKS: u64 = 32;
/// The set grows by at most one part in this many per `churn_ms`.
pub const CHURN_PARTS: u64 = 8;
/// Jailings closer together than this are counted together, in ms of block time.
pub const JAILINGS_MS: u64 = 24 * 3_600_000;
/// Maximum transactions in one gossip batch or one batch submit.
pub const BATCH_TRANSACTIONS_MAX: usize = 4_096;
/// Longest gossip batch, in bytes.
pub const BATCH_BYTES_MAX: usize = 128 * 1024;
/// Maximum blocks, or headers, in one sync response.
pub const SYNC_BLOCKS_MAX: u32 = 256;
/// A sync response stops growing at this size, in bytes; it holds at least one block or header.
pub const SYNC_BYTES_MAX: usize = 4 * 1024 * 1024;
