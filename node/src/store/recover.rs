//! Opens everything a node keeps, checks it, and hands it over as one.
//!
//! Always true: what comes out is consistent: the state has the root that the tip's header promises, the tip's certificate
//! names the tip, the journal holds nothing at or below it.

use super::StoreError;
use super::disk::Disk;
use super::evidence::EvidenceFile;
use super::history::{History, Reader};
use super::lazy_index::{self, LazyIndex};
use super::own::OwnLog;
use super::rebuild;
use super::record::TipRecord;
use super::schema;
use super::sign_journal::SignJournal;
use super::tables;
use blockchat_engine::journal::JournalEntry;
use blockchat_proto::codec;
use blockchat_proto::coins::Stake;
use blockchat_proto::genesis::VerifiedGenesis;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::{Account, Ledger, Snapshot};
use blockchat_proto::transaction::SignedTransaction;
use blockchat_proto::units::Height;
use blockchat_proto::validators::Validator;
use blockchat_proto::vote::{Certificate, Evidence};
use redb::{ReadableTable, ReadableTableMetadata};
use std::fs;
use std::path::Path;

/// Longest canonical account: 8 unbonding entries and fixed fields.
const ACCOUNT_BYTES_MAX: usize = 1024;

/// Everything below `data/`, open.
#[derive(Debug)]
pub struct Opened {
    /// Writes final blocks.
    pub disk: Disk,
    /// Reads them.
    pub history: History,
    /// Our key with its guard.
    pub journal: SignJournal,
    /// Own transactions.
    pub own: OwnLog,
    /// Contradictions that wait for a block.
    pub evidence: EvidenceFile,
    /// The ledger at the last durable block.
    pub ledger: Ledger,
    /// Proof of that block; absent at genesis.
    pub tip_certificate: Option<Certificate>,
    /// The journal above the tip.
    pub journal_entries: Vec<JournalEntry>,
    /// Own transactions that were not final, not yet verified.
    pub own_transactions: Vec<SignedTransaction>,
    /// Those contradictions, not yet verified.
    pub evidence_kept: Vec<Evidence>,
}

/// Opens the data folder of a node of this chain; makes what is missing. Recomputes the state root: about 3 us an account.
pub fn open(folder: &Path, genesis: &VerifiedGenesis) -> Result<Opened, StoreError> {
    fs::create_dir_all(folder).map_err(StoreError::io(folder, "create"))?;
    let file = folder.join("store.redb");
    let database = schema::open(&file, genesis)?;
    let index = LazyIndex::empty();
    let parameters = genesis.genesis().parameters.clone();
    let history = History::new(database.clone(), index.clone(), parameters);
    let (ledger, tip_certificate) = history.read("the state", |reader| restore(reader, &file, genesis))?;
    let tip = ledger.tip().height;
    rebuild::index(&database, &history, tip)?;
    history.read("the last blocks", |reader| restore_index(reader, &index, tip))?;
    let (journal, journal_entries) = SignJournal::open(&folder.join("journal"), tip)?;
    let (own, own_transactions) = OwnLog::open(&folder.join("own"))?;
    let (evidence, evidence_kept) = EvidenceFile::open(&folder.join("evidence"));
    let disk = Disk::new(database, index);
    Ok(Opened {
        disk,
        history,
        journal,
        own,
        evidence,
        ledger,
        tip_certificate,
        journal_entries,
        own_transactions,
        evidence_kept,
    })
}

fn restore(
    reader: &Reader<'_>,
    file: &Path,
    genesis: &VerifiedGenesis,
) -> Result<(Ledger, Option<Certificate>), StoreError> {
    let Some(tip) = reader.tip_record()? else {
        return match reader.open(tables::BLOCKS)?.is_empty().map_err(reader.fault())? {
            true => Ok((Ledger::at_genesis(genesis), None)),
            false => Err(StoreError::damaged(file, "the tip", "it is missing, though there are blocks")),
        };
    };
    let certificate = tip_certificate(reader, &tip)?;
    let snapshot = snapshot(reader, file, tip)?;
    let ledger =
        Ledger::restore(genesis, snapshot).map_err(|damaged| StoreError::damaged(file, "the state", damaged))?;
    Ok((ledger, Some(certificate)))
}

/// The tip's block must be there and promise the very state that is stored.
fn tip_certificate(reader: &Reader<'_>, record: &TipRecord) -> Result<Certificate, StoreError> {
    let height = record.tip.height;
    let stored = reader.block(height)?.ok_or_else(|| reader.damaged(height, "the tip's block is missing"))?;
    if stored.hash != record.tip.hash || stored.block.header.state_root != record.state_root {
        return Err(reader.damaged(height, "it is not the tip that the state belongs to"));
    }
    Ok(stored.certificate)
}

/// Reads what waited to be written to the indexes again from the rows of the last blocks: at most 32, 1.5 us a row.
fn restore_index(reader: &Reader<'_>, index: &LazyIndex, tip: Height) -> Result<(), StoreError> {
    for height in lazy_index::heights_that_wait(tip) {
        let rows = reader.rows(height)?;
        index.restore(height, tip, rows.iter().map(|(index, row)| (*index, row.mention())));
    }
    Ok(())
}

fn snapshot(reader: &Reader<'_>, file: &Path, tip: TipRecord) -> Result<Snapshot, StoreError> {
    let table = reader.open(tables::ACCOUNTS)?;
    let mut accounts = Vec::new();
    for entry in table.iter().map_err(reader.fault())? {
        let (address, bytes) = entry.map_err(reader.fault())?;
        let address = Address(*address.value());
        let account: Account = codec::decode(bytes.value(), ACCOUNT_BYTES_MAX)
            .map_err(|refused| StoreError::damaged(file, format!("account {address}"), refused))?;
        accounts.push((address, account));
    }
    let member = |(address, stake)| Validator { address, stake: Stake(stake) };
    Ok(Snapshot {
        tip: tip.tip,
        state_root: tip.state_root,
        tip_validators: tip.validators.into_iter().map(member).collect(),
        system: tip.system,
        accounts,
    })
}
