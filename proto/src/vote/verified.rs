//! The type that proves that signatures were checked.

use super::certificate::check_votes;
use super::{Certificate, Evidence, EvidenceRejected, RoundCertificate, SignedProposal, SignedVote};
use crate::hash::Hash32;
use crate::keys::SignatureCheck;

/// A consensus message whose signatures verify under the keys it names. The engine checks membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The message.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The message, by value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A consensus message has a signature that does not verify: its sender lies or is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signature in the message does not verify")]
pub struct BadSignature;

/// Messages that verify without a validator set, because an address is a key.
pub trait VerifySignatures: Sized {
    /// Do all its signatures verify on this chain?
    fn signatures_verify(&self, chain: Hash32) -> bool;

    /// The verified message.
    fn verify(self, chain: Hash32) -> Result<Verified<Self>, BadSignature> {
        if self.signatures_verify(chain) { Ok(Verified(self)) } else { Err(BadSignature) }
    }
}

impl VerifySignatures for SignedVote {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.signature_check(chain).verify()
    }
}

impl VerifySignatures for SignedProposal {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.signature_check(chain).verify()
    }
}

impl VerifySignatures for Certificate {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.check_signatures(chain).is_ok()
    }
}

impl RoundCertificate {
    /// [`VerifySignatures::verify`], skipping votes that are shown to be already verified.
    pub fn verify_with(
        self,
        chain: Hash32,
        known: impl Fn(&SignedVote) -> Option<Verified<SignedVote>>,
    ) -> Result<Verified<Self>, BadSignature> {
        let is_news = |vote: &&SignedVote| known(vote).is_none_or(|known| known.get() != *vote);
        let news = self.votes.iter().filter(is_news).copied();
        check_votes(news, chain).map(|()| Verified(self)).map_err(|_| BadSignature)
    }
}

impl Evidence {
    /// Does it prove that its key contradicted itself on this chain? Cheap checks first. SPEC EVID-1.
    pub fn verify(self, chain: Hash32) -> Result<Verified<Self>, EvidenceRejected> {
        self.check_structure()?;
        let good = self.signature_checks(chain).iter().all(SignatureCheck::verify);
        if good { Ok(Verified(self)) } else { Err(EvidenceRejected::BadSignature { accused: self.accused() }) }
    }
}

impl VerifySignatures for RoundCertificate {
    fn signatures_verify(&self, chain: Hash32) -> bool {
        self.check_signatures(chain).is_ok()
    }
}
