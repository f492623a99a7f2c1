//! The part of the journal with which a height begins after a restart. SPEC VOTE-7, VOTE-8.
//!
//! Start reading at [`replayable`].

use super::lost::Lost;
use super::signing::Signing;
use crate::effect::Fault;
use crate::journal::{JournalEntry, JournalRecord};
use blockchat_proto::block::{Block, VerifiedBlock};
use blockchat_proto::hash::Hash32;

/// The records to replay. After a loss: none of our own messages from before it, no timeout from before it, which would
/// bring the core to a state that it has passed, and no proposal that the lock forbids, because the core does not know
/// the lock.
pub(super) fn replayable(journal: Vec<JournalEntry>, lost: Option<Lost>, signing: &Signing) -> Vec<JournalRecord> {
    let records = journal.into_iter().map(|entry| entry.record);
    let Some(lost) = lost else {
        return records.collect();
    };
    let mut records: Vec<_> = records.collect();
    let declared = records.iter().rposition(|record| matches!(record, JournalRecord::Lost(_)));
    let after = if lost.journaled { declared.map_or(0, |at| at + 1) } else { records.len() };
    let since = records.split_off(after);
    records.retain(|record| match record {
        JournalRecord::Timeout { .. } => false,
        JournalRecord::Proposal(signed) => !lost.forbids(&signed.proposal),
        _ => true,
    });
    records.extend(since);
    records.retain(|record| !signing.has_lost_record(record));
    records
}

/// A proposed block from the journal.
pub(super) fn body_from_journal(bytes: &[u8], chain: Hash32) -> Result<VerifiedBlock, Fault> {
    let block = Block::decode(bytes).map_err(|error| Fault::Journal { reason: error.to_string() })?;
    block.verify(chain, |_| None).map_err(|error| Fault::Journal { reason: error.to_string() })
}
