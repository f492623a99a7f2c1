//! Answers the effects of Malachite's core: records its requests, signs, and tells it which signatures are valid.
//!
//! Always true: an answer is immediate and never fails, because the core would only log the failure and continue; a
//! signature is announced before it is published.
//! Start reading at [`Answers::answer`].

use super::context::{BlockchatContext, CoreProposal, CoreVote};
use super::convert;
use super::core::VoteOutput;
use crate::event::RoundTimer;
use crate::journal::{GuardMark, JournalRecord, JournalStep, SignStep};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::units::Round;
use blockchat_proto::vote::{CertificateRejected, SignedProposal, SignedVote, VerifySignatures, VoteKind};
use malachitebft_core_consensus::{ConsensusMsg, Effect, Input, LivenessMsg, Resumable, Resume, SignedConsensusMsg};
use malachitebft_core_types::{CertificateError, SignedMessage, Timeout, TimeoutKind};
use std::collections::BTreeSet;

/// Maximum remembered signatures per height; a member that floods costs verifications, not memory.
const VERIFIED_MAX: usize = 8_192;

/// Answers the core's effects.
pub(super) struct Answers {
    pub(super) chain: Hash32,
    pub(super) signer: Option<Signer>,
    /// Signatures that were verified before their message arrived here. Cleared with the height.
    pub(super) verified: BTreeSet<(Address, Hash32, Signature)>,
    pub(super) out: Vec<VoteOutput>,
}

impl Answers {
    /// Remembers a verified signature, so that the core's question costs one lookup.
    pub(super) fn remember(&mut self, signed: &SignedVote) {
        if self.verified.len() >= VERIFIED_MAX {
            self.verified.clear();
        }
        self.verified.insert((signed.vote.validator, signed.vote.sign_hash(self.chain), signed.signature));
    }

    /// One arm per effect of the core. Answers at once; never fails, because the core would only log it and continue.
    pub(super) fn answer(&mut self, effect: Effect<BlockchatContext>) -> Resume<BlockchatContext> {
        use Effect as E;
        match effect {
            E::CancelAllTimeouts(r) => self.emit(r, VoteOutput::CancelTimers),
            E::CancelTimeout(timeout, r) => self.emit_timer(r, timeout, VoteOutput::CancelTimer),
            E::ScheduleTimeout(timeout, r) => self.emit_timer(r, timeout, VoteOutput::StartTimer),
            E::StartRound(_, round, leader, _, r) => {
                self.emit(r, VoteOutput::RoundStarted { round: convert::our_round(round), leader: leader.0 })
            }
            E::GetValue(_, round, _, r) => self.emit(r, VoteOutput::BuildBlock { round: convert::our_round(round) }),
            E::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), r) => {
                self.emit(r, VoteOutput::PublishVote(convert::our_vote(&vote)))
            }
            E::PublishConsensusMsg(SignedConsensusMsg::Proposal(signed), r) => {
                self.emit(r, VoteOutput::PublishProposal(convert::our_proposal(&signed)))
            }
            E::PublishLivenessMsg(LivenessMsg::Vote(vote), r) | E::RepublishVote(vote, r) => {
                self.emit(r, VoteOutput::RepublishVote(convert::our_vote(&vote)))
            }
            E::PublishLivenessMsg(LivenessMsg::PolkaCertificate(polka), r) => {
                self.emit(r, VoteOutput::PublishCertificate(convert::our_polka(&polka)))
            }
            E::PublishLivenessMsg(LivenessMsg::SkipRoundCertificate(certificate), r)
            | E::RepublishRoundCertificate(certificate, r) => {
                self.emit(r, VoteOutput::PublishCertificate(convert::our_round_certificate(&certificate)))
            }
            E::RestreamProposal(_, _, _, _, block, r) => self.emit(r, VoteOutput::AttachBody(block.0)),
            E::WalAppend(_, input, r) => match journal_record(&input) {
                Ok(record) => self.emit(r, VoteOutput::Append(record)),
                Err(reason) => self.emit(r, VoteOutput::Failed(reason)),
            },
            E::SignVote(vote, r) => r.resume_with(self.sign_vote(vote)),
            E::SignProposal(proposal, r) => r.resume_with(self.sign_proposal(proposal)),
            E::VerifySignature(message, _, r) => r.resume_with(self.is_verified(&message)),
            E::VerifyCommitCertificate(certificate, set, _, r) => {
                let ours = convert::our_certificate(&certificate);
                let structure = ours.check_structure(ours.height, ours.block, &set.set);
                r.resume_with(self.judge(structure, ours.votes()))
            }
            E::VerifyPolkaCertificate(certificate, set, _, r) => {
                let ours = convert::our_polka(&certificate);
                r.resume_with(self.judge(ours.check_structure(&set.set), ours.votes.iter().copied()))
            }
            E::VerifyRoundCertificate(certificate, set, _, r) => {
                let ours = convert::our_round_certificate(&certificate);
                r.resume_with(self.judge(ours.check_structure(&set.set), ours.votes.iter().copied()))
            }
            E::Decide(certificate, _, r) => self.emit(r, VoteOutput::Decided(convert::our_certificate(&certificate))),
            // Fires right after Decide with the same bare quorum; `consensus` collects late votes.
            E::Finalize(_, _, _, r) => r.resume_with(()),
            // The effects below never occur, because extensions are disabled and synced blocks never enter the core.
            E::ExtendVote(.., r) => r.resume_with(None),
            E::VerifyVoteExtension(.., r) => r.resume_with(Ok(())),
            E::VerifyExtendedCommitCertificate(.., r) => r.resume_with(Err(CertificateError::VerificationError(None))),
            E::CertVerifiedSyncValue(_, _, r) => r.resume_with(()),
            E::CertRejectedSyncValue(_, _, _, r) => r.resume_with(()),
        }
    }

    fn emit(
        &mut self,
        resume: impl Resumable<BlockchatContext, Value = ()>,
        output: VoteOutput,
    ) -> Resume<BlockchatContext> {
        self.out.push(output);
        resume.resume_with(())
    }

    fn emit_timer(
        &mut self,
        resume: impl Resumable<BlockchatContext, Value = ()>,
        timeout: Timeout,
        wrap: fn(Round, RoundTimer) -> VoteOutput,
    ) -> Resume<BlockchatContext> {
        let step = match timeout.kind {
            TimeoutKind::Propose => RoundTimer::Propose,
            TimeoutKind::Prevote => RoundTimer::Prevote,
            TimeoutKind::Precommit => RoundTimer::Precommit,
            TimeoutKind::Rebroadcast => RoundTimer::Rebroadcast,
            // Only with a target time, which we never set.
            TimeoutKind::FinalizeHeight(_) => return resume.resume_with(()),
        };
        self.emit(resume, wrap(convert::our_round(timeout.round), step))
    }

    fn sign_vote(&mut self, vote: CoreVote) -> malachitebft_core_types::SignedVote<BlockchatContext> {
        let ours = convert::our_unsigned_vote(&vote);
        let hash = ours.sign_hash(self.chain);
        let step = match ours.kind {
            VoteKind::Prevote => SignStep::Prevote,
            VoteKind::Precommit => SignStep::Precommit,
        };
        let mark = GuardMark { height: ours.height, round: ours.round, step, hash };
        SignedMessage::new(vote, self.sign(mark, ours.value))
    }

    fn sign_proposal(&mut self, proposal: CoreProposal) -> malachitebft_core_types::SignedProposal<BlockchatContext> {
        let ours = convert::our_unsigned_proposal(&proposal);
        let hash = ours.sign_hash(self.chain);
        let mark = GuardMark { height: ours.height, round: ours.round, step: SignStep::Proposal, hash };
        SignedMessage::new(proposal, self.sign(mark, Some(ours.block)))
    }

    fn sign(&mut self, mark: GuardMark, block: Option<Hash32>) -> Signature {
        self.out.push(VoteOutput::Signed { mark, block });
        let signer = self.signer.as_ref().expect("the core signs only when enabled, which needs a signer");
        let signature = signer.sign(mark.hash);
        self.verified.insert((signer.address(), mark.hash, signature));
        signature
    }

    /// Was this signature verified before? If unknown, it is verified now.
    fn is_verified(&self, message: &SignedMessage<BlockchatContext, ConsensusMsg<BlockchatContext>>) -> bool {
        match &message.message {
            ConsensusMsg::Vote(vote) => {
                let vote = convert::our_unsigned_vote(vote);
                self.vote_is_verified(&SignedVote { vote, signature: message.signature })
            }
            ConsensusMsg::Proposal(proposal) => {
                let proposal = convert::our_unsigned_proposal(proposal);
                let key = (proposal.leader, proposal.sign_hash(self.chain), message.signature);
                self.verified.contains(&key)
                    || SignedProposal { proposal, signature: message.signature }.signatures_verify(self.chain)
            }
        }
    }

    fn vote_is_verified(&self, signed: &SignedVote) -> bool {
        let key = (signed.vote.validator, signed.vote.sign_hash(self.chain), signed.signature);
        self.verified.contains(&key) || signed.signatures_verify(self.chain)
    }

    #[expect(clippy::result_large_err, reason = "the core wants this type")]
    fn judge(
        &self,
        structure: Result<(), CertificateRejected>,
        mut votes: impl Iterator<Item = SignedVote>,
    ) -> Result<(), CertificateError<BlockchatContext>> {
        if structure.is_ok() && votes.all(|vote| self.vote_is_verified(&vote)) {
            Ok(())
        } else {
            Err(CertificateError::VerificationError(None))
        }
    }
}

/// A core input to record, in the form of our journal. Other inputs never come here.
fn journal_record(input: &Input<BlockchatContext>) -> Result<JournalRecord, String> {
    Ok(match input {
        Input::Vote(vote) => JournalRecord::Vote(convert::our_vote(vote)),
        Input::Proposal(proposal) => JournalRecord::Proposal(convert::our_proposal(proposal)),
        Input::TimeoutElapsed(timeout) => {
            let step = match timeout.kind {
                TimeoutKind::Propose => JournalStep::Propose,
                TimeoutKind::Prevote => JournalStep::Prevote,
                TimeoutKind::Precommit => JournalStep::Precommit,
                TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => {
                    return Err(format!("asked to journal {timeout:?}"));
                }
            };
            JournalRecord::Timeout { round: convert::our_round(timeout.round), step }
        }
        Input::ProposedValue(value, _) => JournalRecord::Verdict {
            block: value.value.0,
            round: convert::our_round(value.round),
            lock_round: value.valid_round.as_u32().map(Round),
            leader: value.proposer.0,
            valid: value.validity.is_valid(),
        },
        Input::PolkaCertificate(polka) => JournalRecord::Certificate(convert::our_polka(polka)),
        Input::StartHeight(..) | Input::RoundCertificate(_) | Input::Propose(_) | Input::SyncValueResponse(_) => {
            return Err(format!("asked to journal {input:?}"));
        }
    })
}
