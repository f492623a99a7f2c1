//! Transactions that entered the network at this node and are not final: they survive its restart.
//!
//! Owns: `data/own`. Does not own: when a transaction is remembered or forgotten (the engine's effects).
//!
//! Never synced: losing some at a power cut costs a repeated submit by the user, and a transaction that is final already
//! is recognised as such. What is no longer needed is marked, and the file is written anew when most of it is dead.
//! Always true: the file stays below `REWRITE_BYTES` plus four times what lives in it.
//! Start reading at [`OwnLog::open`].

use super::StoreError;
use super::error::OWN_LOST;
use super::frame_log::{Frame, FrameLog};
use blockchat_proto::codec;
use blockchat_proto::transaction::{SignedTransaction, TransactionId, VerifiedTransaction};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// A file smaller than this is never worth writing anew.
const REWRITE_BYTES: u64 = 1024 * 1024;
/// Ids in one record.
const FORGET_MAX: usize = 1024;
/// Longest record: a list of ids, or one transaction.
const RECORD_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum Record {
    /// Canonical bytes of a signed transaction.
    Keep(#[serde(with = "serde_bytes")] Vec<u8>),
    Forget(Vec<TransactionId>),
}

/// The open log of own transactions.
#[derive(Debug)]
pub struct OwnLog {
    path: PathBuf,
    log: FrameLog,
    live: Live,
}

impl OwnLog {
    /// Opens the log, or makes an empty one; returns what was not forgotten, oldest first and not yet verified.
    pub fn open(path: &Path) -> Result<(Self, Vec<SignedTransaction>), StoreError> {
        let (log, frames) = open_log(path)?;
        let mut own = Self { path: path.to_path_buf(), log, live: Live::default() };
        frames.iter().for_each(|frame| own.live.replay(frame));
        own.tidy()?;
        let kept = own.live.kept.values().filter_map(|kept| SignedTransaction::decode(kept.bytes()).ok()).collect();
        Ok((own, kept))
    }

    /// Keeps transactions; those it keeps already are no error.
    pub fn remember(&mut self, transactions: &[VerifiedTransaction]) -> Result<(), StoreError> {
        for transaction in transactions {
            if self.live.keep(transaction.id(), Kept::Shared(transaction.clone())) {
                self.log.append(&codec::encode(&Record::Keep(transaction.bytes().to_vec())))?;
            }
        }
        self.log.flush()
    }

    /// Forgets transactions; unknown ones are no error.
    pub fn forget(&mut self, ids: &[TransactionId]) -> Result<(), StoreError> {
        let known: Vec<_> = ids.iter().copied().filter(|id| self.live.forget(id)).collect();
        for chunk in known.chunks(FORGET_MAX) {
            self.log.append(&codec::encode(&Record::Forget(chunk.to_vec())))?;
        }
        self.log.flush()?;
        self.tidy()
    }

    /// Gives back the room of the dead when they are most of the file.
    fn tidy(&mut self) -> Result<(), StoreError> {
        if self.log.bytes() < REWRITE_BYTES || self.log.bytes() / 4 < self.live.bytes {
            return Ok(());
        }
        if self.live.kept.is_empty() { self.log.clear() } else { self.rewrite() }
    }

    /// Writes the living to a new file, which then takes the place of the old one.
    fn rewrite(&mut self) -> Result<(), StoreError> {
        let draft = self.path.with_extension("new");
        let (mut new, _) = open_log(&draft)?;
        new.clear()?;
        for kept in self.live.kept.values() {
            new.append(&codec::encode(&Record::Keep(kept.bytes().to_vec())))?;
        }
        new.flush()?;
        fs::rename(&draft, &self.path).map_err(StoreError::io(&self.path, "replace"))?;
        new.renamed(&self.path);
        self.log = new;
        Ok(())
    }
}

/// A bad end is cut off, torn or not: nothing here is worth keeping a node from starting.
fn open_log(path: &Path) -> Result<(FrameLog, Vec<Frame>), StoreError> {
    FrameLog::open(path, RECORD_BYTES_MAX, OWN_LOST, |_| false)
}

/// The remaining transactions, in order of arrival.
#[derive(Debug, Default)]
struct Live {
    numbers: HashMap<TransactionId, u64>,
    kept: BTreeMap<u64, Kept>,
    last: u64,
    /// Of all that is kept.
    bytes: u64,
}

/// A transaction: as it was read from the file, or shared with the pool.
#[derive(Debug)]
enum Kept {
    Read(Vec<u8>),
    Shared(VerifiedTransaction),
}

impl Kept {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Shared(transaction) => transaction.bytes(),
        }
    }

    fn length(&self) -> u64 {
        u64::try_from(self.bytes().len()).expect("transactions are at most 2 KiB")
    }
}

impl Live {
    /// Is it new?
    fn keep(&mut self, id: TransactionId, kept: Kept) -> bool {
        if self.numbers.contains_key(&id) {
            return false;
        }
        self.last += 1;
        self.bytes += kept.length();
        self.numbers.insert(id, self.last);
        self.kept.insert(self.last, kept);
        true
    }

    /// Was it there?
    fn forget(&mut self, id: &TransactionId) -> bool {
        let Some(kept) = self.numbers.remove(id).and_then(|number| self.kept.remove(&number)) else {
            return false;
        };
        self.bytes -= kept.length();
        true
    }

    /// A record of another program version is skipped.
    fn replay(&mut self, frame: &Frame) {
        match codec::decode(&frame.payload, RECORD_BYTES_MAX) {
            Ok(Record::Keep(bytes)) => {
                if let Ok(signed) = SignedTransaction::decode(&bytes) {
                    self.keep(signed.id(), Kept::Read(bytes));
                }
            }
            Ok(Record::Forget(ids)) => ids.iter().for_each(|id| {
                self.forget(id);
            }),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::coins::Coins;
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::keys::{Address, Signer};
    use blockchat_proto::transaction::{Body, Payload, Transaction, verify_all};
    use tempfile::TempDir;

    fn transactions(nonces: std::ops::Range<u64>) -> Vec<VerifiedTransaction> {
        let signer = Signer::from_seed(&[1; 32]);
        let send = |nonce| {
            let body = Body::Send { to: Address([2; 32]), amount: Coins::from_bcc(1), payload: Payload::None };
            Transaction { chain: Hash32::ZERO, sender: signer.address(), nonce, expiry: None, body }.sign(&signer)
        };
        verify_all(nonces.map(send).collect(), Hash32::ZERO).into_iter().map(Result::unwrap).collect()
    }

    fn nonces(path: &Path) -> Vec<u64> {
        let (_, kept) = OwnLog::open(path).unwrap();
        kept.iter().map(|signed| signed.transaction.nonce).collect()
    }

    #[test]
    fn what_was_not_forgotten_comes_back_in_order() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("own");
        let all = transactions(0..5);
        let (mut own, _) = OwnLog::open(&path).unwrap();
        own.remember(&all).unwrap();
        own.remember(&all[..2]).unwrap();
        own.forget(&[all[1].id(), all[3].id(), Hash32::ZERO]).unwrap();
        drop(own);
        assert_eq!(nonces(&path), [0, 2, 4]);
        let (mut own, _) = OwnLog::open(&path).unwrap();
        own.remember(&all[1..2]).unwrap();
        own.forget(&[all[0].id()]).unwrap();
        drop(own);
        assert_eq!(nonces(&path), [2, 4, 1]);
    }

    #[test]
    fn the_file_is_written_anew_when_most_of_it_is_dead() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("own");
        let (mut own, _) = OwnLog::open(&path).unwrap();
        let all = transactions(0..3_000);
        for part in all.chunks(500).cycle().take(20) {
            own.remember(part).unwrap();
            let ids: Vec<_> = part[1..].iter().map(VerifiedTransaction::id).collect();
            own.forget(&ids).unwrap();
        }
        assert!(own.log.bytes() < REWRITE_BYTES + 4 * own.live.bytes + 500 * 300);
        drop(own);
        assert_eq!(nonces(&path), [0, 500, 1000, 1500, 2000, 2500]);
    }
}
