//! The state of a restarted node.

use crate::journal::{GuardState, JournalEntry};
use blockchat_proto::keys::Signer;
use blockchat_proto::ledger::Ledger;
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::vote::{Certificate, Evidence};

/// The input for starting a node, read from disk by the shell.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The ledger at the last durable block.
    pub ledger: Ledger,
    /// Certificate of that block, with every known precommit; absent at genesis.
    pub tip_certificate: Option<Certificate>,
    /// The journal, in order; a torn tail was cut off.
    pub journal: Vec<JournalEntry>,
    /// Our own transactions that were not final; verified again.
    pub own: Vec<VerifiedTransaction>,
    /// Contradictions of members that waited for a block; verified again.
    pub evidence: Vec<Evidence>,
    /// The voting key; absent on an observer.
    pub validator: Option<RecoveredValidator>,
}

/// The voting side of a restarted node.
#[derive(Clone, Debug)]
pub struct RecoveredValidator {
    /// Its key.
    pub signer: Signer,
    /// The guard; `None` if it is lost: nothing is signed until it is reset.
    pub guard: Option<GuardState>,
}
