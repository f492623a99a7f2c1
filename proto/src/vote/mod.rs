//! Proposals, votes, certificates, evidence. SPEC VOTE-1 to VOTE-6.
//!
//! Owns: the wire types, what is signed, and every check that needs at most the given validator set.
//! Does not own: when to vote (the engine, with Malachite's core).
//! Always true: sign hashes cover label, chain, kind, height, round, value and validator, so certificates can rebuild
//! the votes they represent; a `Verified*` value carries only valid signatures of the keys it names, whether members or
//! not.
//! Start reading at [`Vote`].

mod certificate;
mod evidence;
mod late;
mod message;
mod round_certificate;
mod verified;

pub use certificate::{Certificate, CertificateRejected, CommitSignature};
pub use evidence::{Evidence, EvidenceRejected};
pub use late::{LatePrecommits, LateRejected};
pub use message::{Proposal, SignedProposal, SignedVote, Vote, VoteKind};
pub use round_certificate::{RoundCertificate, RoundProof};
pub use verified::{BadSignature, Verified, VerifySignatures};
