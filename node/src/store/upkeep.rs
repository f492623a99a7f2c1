//! Maintenance of the store of a stopped node: verify it, read all of it, make it smaller.
//!
//! Always true: a running node's store is refused (the database is held by one process); verifying and reading change
//! nothing; pruning is one atomic write, after which the node starts as before and serves what is left.
//! Start reading at [`verify`].

use super::database::fault;
use super::error::StoreError;
use super::record::{StoredBlock, seal};
use super::recover::{Opened, open};
use super::{schema, tables};
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::units::Height;
use redb::WriteTransaction;
use serde::Serialize;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The result of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The first block that is here.
    pub from: Height,
    /// The last one; 0 before block 1.
    pub tip: Height,
    /// State root after it.
    pub state_root: Hash32,
    /// Transactions in these blocks.
    pub transactions: u64,
    /// Was every block executed again, from the genesis on? Not if the first ones are pruned.
    pub executed: bool,
}

/// Reads every block and checks it: its hash, its parent, its signatures, its certificate; and, if none is pruned, executes
/// all of them again and compares the state. Tells `progress` of each height and the last one.
///
/// Cost: about that of catching up. Errors: damage, with the height; the store is in use.
pub fn verify(
    folder: &Path,
    genesis: &VerifiedGenesis,
    mut progress: impl FnMut(Height, Height),
) -> Result<Verified, StoreError> {
    let Opened { history, ledger: stored, .. } = open_there(folder, genesis)?;
    let (from, tip) = (history.earliest()?, stored.tip().height);
    let mut audit = Audit::new(genesis, from, &file_in(folder));
    let mut next = from;
    while next <= tip {
        let block = history.block_at(next)?.ok_or_else(|| audit.damaged(next, "it is missing"))?;
        audit.block(next, block)?;
        progress(next, tip);
        next = next.next();
    }
    if audit.parent.is_some_and(|last| last != stored.tip().hash) {
        return Err(audit.damaged(tip, "the last block is not the tip"));
    }
    if let Some(ledger) = &audit.ledger
        && ledger.state_root() != stored.state_root()
    {
        return Err(audit.damaged(tip, "the blocks lead to another state than the stored one"));
    }
    let (transactions, executed) = (audit.transactions, audit.ledger.is_some());
    Ok(Verified { from, tip, state_root: stored.state_root(), transactions, executed })
}

/// The state after the blocks that were read.
struct Audit<'a> {
    genesis: &'a VerifiedGenesis,
    file: PathBuf,
    /// The state after them; absent if the first ones are pruned.
    ledger: Option<Ledger>,
    /// Hash of the last one.
    parent: Option<Hash32>,
    transactions: u64,
}

impl<'a> Audit<'a> {
    fn new(genesis: &'a VerifiedGenesis, from: Height, file: &Path) -> Self {
        let ledger = (from == Height(1)).then(|| Ledger::at_genesis(genesis));
        let parent = ledger.as_ref().map(|ledger| ledger.tip().hash);
        Self { genesis, file: file.into(), ledger, parent, transactions: 0 }
    }

    fn damaged(&self, height: Height, reason: impl ToString) -> StoreError {
        StoreError::damaged(&self.file, format!("block {height}"), reason)
    }

    fn block(&mut self, height: Height, stored: StoredBlock) -> Result<(), StoreError> {
        let chain = self.genesis.hash();
        let StoredBlock { block, certificate, hash, .. } = stored;
        let block = block.verify(chain, |_| None).map_err(|refused| self.damaged(height, refused))?;
        if block.height() != height || block.hash() != hash {
            return Err(self.damaged(height, "it is another block"));
        }
        if self.parent.is_some_and(|parent| parent != block.header().parent) {
            return Err(self.damaged(height, "it does not follow the block before it"));
        }
        certificate.check_signatures(chain).map_err(|refused| self.damaged(height, refused))?;
        if let Some(mut ledger) = self.ledger.take() {
            let set = ledger.validators();
            certificate.check_structure(height, hash, set).map_err(|refused| self.damaged(height, refused))?;
            let applied = ledger.apply_block(&block).map_err(|refused| self.damaged(height, refused))?;
            ledger.advance(applied);
            self.ledger = Some(ledger);
        }
        self.parent = Some(hash);
        self.transactions += block.transactions().len() as u64;
        Ok(())
    }
}

/// Hands every block of these heights to `take`, in order; the first and the last that were there.
///
/// Errors: damage; the store is in use; what `take` fails with.
pub fn read<E: From<StoreError>>(
    folder: &Path,
    genesis: &VerifiedGenesis,
    from: Option<Height>,
    to: Option<Height>,
    mut take: impl FnMut(StoredBlock) -> Result<(), E>,
) -> Result<(Height, Height), E> {
    let Opened { history, ledger, .. } = open_there(folder, genesis)?;
    let first = from.unwrap_or(Height(0)).max(history.earliest()?);
    let last = to.map_or(ledger.tip().height, |to| to.min(ledger.tip().height));
    let mut next = first;
    while next <= last {
        let missing = || StoreError::damaged(&file_in(folder), format!("block {next}"), "it is missing");
        take(history.block_at(next)?.ok_or_else(missing)?)?;
        next = next.next();
    }
    Ok((first, last))
}

/// Takes out all blocks but the last `keep`, and gives their room back to the system. The first height that is left, and
/// the sizes of the file before and after, in bytes.
///
/// Lists begin there from then on, and peers that are further behind fetch from others. Errors: damage; the store is in use.
pub fn prune(folder: &Path, genesis: &VerifiedGenesis, keep: u64) -> Result<(Height, u64, u64), StoreError> {
    let file = file_in(folder);
    let bytes = || fs::metadata(&file).map(|found| found.len()).map_err(StoreError::io(&file, "look at"));
    let opened = open_there(folder, genesis)?;
    let (earliest, tip) = (opened.history.earliest()?, opened.ledger.tip().height);
    let first = Height(tip.0.saturating_sub(keep.max(1)) + 1).max(earliest);
    drop(opened);
    let before = bytes()?;
    if first == earliest {
        return Ok((first, before, before));
    }
    let database = schema::open(&file, genesis)?;
    let transaction = database.begin_write()?;
    take_out(&transaction, first).map_err(fault(&file, "write"))?;
    transaction.commit().map_err(fault(&file, "write"))?;
    drop(database);
    // Makes the indexes anew, from the first block that is left.
    drop(open(folder, genesis)?);
    let mut database = redb::Builder::new().open(&file).map_err(fault(&file, "open"))?;
    database.compact().map_err(fault(&file, "write"))?;
    drop(database);
    Ok((first, before, bytes()?))
}

fn take_out(transaction: &WriteTransaction, first: Height) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(tables::META)?;
    meta.insert(tables::META_EARLIEST, seal(&first.0.to_be_bytes()).as_slice())?;
    meta.remove(tables::META_INDEX)?;
    transaction.open_table(tables::BLOCKS)?.retain_in(..first.0, |_, _| false)?;
    transaction.open_table(tables::BODIES)?.retain_in(..(first.0, 0), |_, _| false)?;
    transaction.open_table(tables::BLOCK_ROWS)?.retain_in(..first.0, |_, _| false)?;
    transaction.open_table(tables::HEIGHTS)?.retain(|_, height| height >= first.0)?;
    Ok(())
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("store.redb")
}

/// Opens a store that is there: a mistyped home must not make an empty one.
fn open_there(folder: &Path, genesis: &VerifiedGenesis) -> Result<Opened, StoreError> {
    let file = file_in(folder);
    match fs::exists(&file) {
        Ok(true) => open(folder, genesis),
        Ok(false) => Err(StoreError::io(&file, "open")(ErrorKind::NotFound.into())),
        Err(error) => Err(StoreError::io(&file, "look for")(error)),
    }
}
