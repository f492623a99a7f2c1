//! The rules for a block, one small function each. They depend only on the parent state and the block's bytes.
//!
//! Owns: header against tip, leader, commit, capacity, roots. Does not own: rules that need no state (`block`), the
//! rules for its transactions (`check`).
//! Start reading at [`check_before`].

use super::execute::Outcome;
use super::{BlockRejected, Ledger};
use crate::block::{Header, VerifiedBlock};
use crate::hash::Hash32;
use crate::leader::leader_for;
use crate::vote::LateRejected;

/// All checks that need no execution; the cheapest first. SPEC BLOCK-4 to BLOCK-7.
pub(super) fn check_before(ledger: &Ledger, block: &VerifiedBlock) -> Result<(), BlockRejected> {
    let header = block.header();
    check_place(ledger, header)?;
    check_version(ledger, header)?;
    check_capacity(ledger, block.transactions().len())?;
    check_root("validators", header.validators_hash, ledger.validators().hash())?;
    check_leader(ledger, header)?;
    check_commit(ledger, block)?;
    check_late(ledger, block).map_err(BlockRejected::Late)
}

/// The roots of the header after execution. SPEC BLOCK-3.
pub(super) fn check_after(header: &Header, outcome: &Outcome) -> Result<(), BlockRejected> {
    check_root("next validators", header.next_validators_hash, outcome.next_validators().hash())?;
    check_root("state", header.state_root, outcome.state_root())
}

/// SPEC BLOCK-5, TIME-1: the next height on the tip, at a later time.
fn check_place(ledger: &Ledger, header: &Header) -> Result<(), BlockRejected> {
    let tip = ledger.tip();
    if header.chain != ledger.chain() {
        return Err(BlockRejected::OtherChain);
    }
    if header.height != tip.height.next() {
        return Err(BlockRejected::Height { expected: tip.height.next(), found: header.height });
    }
    if header.parent != tip.hash {
        return Err(BlockRejected::Parent { expected: tip.hash, found: header.parent });
    }
    if header.time <= tip.time {
        return Err(BlockRejected::Time { parent: tip.time, found: header.time });
    }
    Ok(())
}

/// SPEC BLOCK-4, VER-4, VER-5: names the version in force at its height, and this program knows it.
fn check_version(ledger: &Ledger, header: &Header) -> Result<(), BlockRejected> {
    if let Some(version) = ledger.unknown_version() {
        return Err(BlockRejected::RulesUnknown { version, known: ledger.known });
    }
    let (expected, found) = (ledger.version(), header.version);
    if found == expected { Ok(()) } else { Err(BlockRejected::Version { expected, found }) }
}

/// SPEC BLOCK-4: at most the capacity of the genesis.
fn check_capacity(ledger: &Ledger, found: usize) -> Result<(), BlockRejected> {
    let limit = capacity(ledger);
    if found <= limit { Ok(()) } else { Err(BlockRejected::TooManyTransactions { found, limit }) }
}

/// Maximum number of transactions per block.
pub(super) fn capacity(ledger: &Ledger) -> usize {
    usize::try_from(ledger.parameters().capacity).unwrap_or(usize::MAX)
}

/// SPEC LEAD-1: drawn for the round in which the block was built, even if it is proposed again later.
fn check_leader(ledger: &Ledger, header: &Header) -> Result<(), BlockRejected> {
    let expected = leader_for(ledger.validators(), header.parent, header.height, header.round);
    let found = header.leader;
    if found == expected { Ok(()) } else { Err(BlockRejected::Leader { expected, found }) }
}

/// SPEC BLOCK-6, VOTE-4. Its signatures are already verified.
fn check_commit(ledger: &Ledger, block: &VerifiedBlock) -> Result<(), BlockRejected> {
    let tip = ledger.tip();
    match block.commit() {
        None if tip.height.0 == 0 => Ok(()),
        Some(commit) if tip.height.0 > 0 => {
            let proves = commit.check_structure(tip.height, tip.hash, ledger.tip_validators());
            proves.map_err(BlockRejected::Commit)
        }
        _ => Err(BlockRejected::CommitMissing),
    }
}

/// SPEC BLOCK-7. Their form and signatures are already verified.
fn check_late(ledger: &Ledger, block: &VerifiedBlock) -> Result<(), LateRejected> {
    let Some(late) = block.late() else {
        return Ok(());
    };
    let expected = ledger.tip().parent;
    if late.block != expected {
        return Err(LateRejected::OtherBlock { expected, found: late.block });
    }
    match late.signatures.iter().find(|part| !ledger.found_missing(&part.validator)) {
        Some(part) => Err(LateRejected::NotMissing { validator: part.validator }),
        None => Ok(()),
    }
}

fn check_root(which: &'static str, promised: Hash32, found: Hash32) -> Result<(), BlockRejected> {
    if promised == found { Ok(()) } else { Err(BlockRejected::Root { which, promised, found }) }
}
