//! The tables of `store.redb`.

use redb::TableDefinition;

/// Format, genesis hash, tip: see the constants below. All values are sealed with a checksum (`record::seal`).
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// Height -> block without its transactions, with its certificate, as `record` lays it out.
pub(super) const BLOCKS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("blocks");
/// Block hash -> height.
pub(super) const HEIGHTS: TableDefinition<'static, &[u8; 32], u64> = TableDefinition::new("heights");
/// Transaction id -> height, position in the block, `record::position_crc` of all three.
pub(super) const TRANSACTIONS: TableDefinition<'static, &[u8; 32], (u64, u32, u32)> =
    TableDefinition::new("transactions");
/// Height and number of the first row -> transactions of a block and what the ledger did, as `body` lays them out.
pub(super) const BODIES: TableDefinition<'static, (u64, u32), &[u8]> = TableDefinition::new("bodies");
/// Height -> the block without what is in it (`rows::BlockRow`), sealed under its height.
pub(super) const BLOCK_ROWS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("block_rows");
/// Account, height and number of the first row -> which rows concern the account, as `touches` lays them out.
pub(super) const TOUCHES: TableDefinition<'static, (&[u8; 32], u64, u32), &[u8]> = TableDefinition::new("touches");
/// Height of a block that handed over to another set -> the hash of that set, sealed under the height.
pub(super) const CHANGES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("set_changes");
/// Hash of a validator set -> its canonical members, sealed.
pub(super) const SETS: TableDefinition<'static, &[u8; 32], &[u8]> = TableDefinition::new("sets");
/// Address -> canonical account, as it is after the tip.
pub(super) const ACCOUNTS: TableDefinition<'static, &[u8; 32], &[u8]> = TableDefinition::new("accounts");

/// In [`META`]: the format of the file, u32 big endian.
pub(super) const META_SCHEMA: &str = "schema";
/// In [`META`]: the genesis hash.
pub(super) const META_GENESIS: &str = "genesis";
/// In [`META`]: the earliest height whose block is here, u64 big endian; 1 unless pruned.
pub(super) const META_EARLIEST: &str = "earliest";
/// In [`META`]: everything about the tip that is no account; absent before block 1.
pub(super) const META_TIP: &str = "tip";
/// In [`META`]: the format of [`TRANSACTIONS`] and [`TOUCHES`], u32 big endian; absent while they are made anew.
pub(super) const META_INDEX: &str = "index";
