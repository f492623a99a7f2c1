//! Drives Malachite's Tendermint core for one height.
//!
//! Owns: one `State` of the core, and the translation of its effects. Does not own: bodies, timers, the journal, the
//! guard, the network: all of these come out as [`VoteOutput`]s for `consensus`.
//! Always true: one height, one core; nothing of another height and nothing unverified is handed to it (it would queue
//! it unchecked); what comes out keeps the core's order, and what it signs is announced before it is published.
//! Start reading at [`VotingCore::step`].

use super::context::{BlockHash, BlockchatContext, CoreAddress, CoreHeight, CoreProposal, CoreVote, SeededSet};
use super::convert::{self, CoreCertificate};
use crate::journal::{GuardMark, JournalRecord, JournalStep, SignStep};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signature, Signer};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{
    Certificate, CertificateRejected, RoundCertificate, SignedProposal, SignedVote, VerifySignatures, VoteKind,
};
use malachitebft_core_consensus::{
    ConsensusMsg, Effect, Input, LivenessMsg, LocallyProposedValue, Params, ProposedValue, Resumable, Resume,
    SignedConsensusMsg, State, process,
};
use malachitebft_core_types::{
    CertificateError, SignedMessage, ThresholdParams, Timeout, TimeoutKind, Validity, ValueOrigin, ValuePayload,
    VoteExtensionPolicy,
};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// What the core needs to start a height.
pub(crate) struct CoreStart<'a> {
    /// Genesis hash: part of what is signed.
    pub(crate) chain: Hash32,
    /// The height to decide.
    pub(crate) height: Height,
    /// Hash of the block before: seed of the leader draw.
    pub(crate) parent: Hash32,
    /// Who decides.
    pub(crate) validators: ValidatorSet,
    /// Who we are; an observer follows without one.
    pub(crate) signer: Option<&'a Signer>,
    /// May we sign at this height?
    pub(crate) signing: bool,
}

/// A step whose wait the core times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VotingStep {
    Propose,
    Prevote,
    Precommit,
    Rebroadcast,
}

/// What moves a height forward.
#[derive(Clone, Debug)]
pub(crate) enum VoteInput {
    /// A verified proposal of a member.
    Proposal(SignedProposal),
    /// A verified vote of a member.
    Vote(SignedVote),
    /// Verified votes of members that let us follow.
    Certificate(RoundCertificate),
    /// We know a block and whether it is valid.
    Verdict { block: Hash32, round: Round, lock_round: Option<Round>, leader: Address, valid: bool },
    /// We built a block as leader of this round.
    Built { block: Hash32, round: Round },
    /// A wait is over.
    Timeout { round: Round, step: VotingStep },
}

/// What the core wants, in order.
#[derive(Clone, Debug)]
pub(crate) enum VoteOutput {
    /// Write down before anything later is sent.
    Append(JournalRecord),
    /// A signature was made: the guard must allow it. Comes before the message it belongs to is published.
    Signed(GuardMark),
    StartTimer(Round, VotingStep),
    CancelTimer(Round, VotingStep),
    CancelTimers,
    RoundStarted {
        round: Round,
        leader: Address,
    },
    /// We lead this round: build a block and answer with [`VoteInput::Built`].
    BuildBlock {
        round: Round,
    },
    /// The next proposal for this block must carry its body.
    AttachBody(Hash32),
    PublishProposal(SignedProposal),
    PublishVote(SignedVote),
    /// Sent before: durable already.
    RepublishVote(SignedVote),
    PublishCertificate(RoundCertificate),
    /// Final.
    Decided(Certificate),
    /// The core reports what it should never report.
    Failed(String),
}

/// Malachite's core at one height.
pub(crate) struct VotingCore {
    state: Option<State<BlockchatContext>>,
    handler: Handler,
    height: Height,
}

/// Answers the core's effects.
struct Handler {
    chain: Hash32,
    signer: Option<Signer>,
    /// Signatures that were verified before their message came here. Cleared with the height.
    verified: BTreeSet<(Address, Hash32, Signature)>,
    out: Vec<VoteOutput>,
}

/// Most remembered signatures of one height; a member that floods costs verifications, not memory.
const VERIFIED_MAX: usize = 8_192;

/// The core keeps inputs of later heights in a queue; we never hand it any.
const CORE_QUEUE: usize = 1;

impl VotingCore {
    /// A core at a height. Follow with [`VotingCore::begin`].
    pub(crate) fn new(start: &CoreStart<'_>) -> Self {
        // An observer follows under an address outside every set.
        let address = start.signer.map_or(Address([0; 32]), Signer::address);
        let params = Params {
            address: CoreAddress(address),
            threshold_params: ThresholdParams::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: start.signing && start.signer.is_some(),
        };
        let set = SeededSet::new(start.validators.clone(), start.parent);
        let state = State::new(BlockchatContext, CoreHeight(start.height), set, params, CORE_QUEUE, CORE_QUEUE);
        let handler =
            Handler { chain: start.chain, signer: start.signer.cloned(), verified: BTreeSet::new(), out: vec![] };
        Self { state: Some(state), handler, height: start.height }
    }

    /// Starts the height: replays what the journal says first, if anything.
    ///
    /// During the replay nothing is written down again but what we sign anew: a vote that a crash caught between the
    /// decision to cast it and the journal.
    pub(crate) fn begin(&mut self, replay: &[JournalRecord]) -> Vec<VoteOutput> {
        let inputs: Vec<_> = replay.iter().filter_map(|record| self.replayed_input(record)).collect();
        let set = self.state().validator_set().clone();
        let height = CoreHeight(self.height);
        self.process(Input::StartHeight(height, set, !inputs.is_empty(), None, VoteExtensionPolicy::Disabled));
        if !inputs.is_empty() {
            self.state_mut().record_recovered_own_precommit_extensions(inputs.iter());
            self.state_mut().index_wal_entries(inputs.iter());
            for input in inputs {
                self.process(input);
            }
            self.state_mut().reset_entries_index();
            self.after_replay(replay);
        }
        std::mem::take(&mut self.handler.out)
    }

    /// Hands the core one input of its height.
    pub(crate) fn step(&mut self, input: VoteInput) -> Vec<VoteOutput> {
        if let Some(input) = self.core_input(input) {
            self.process(input);
        }
        std::mem::take(&mut self.handler.out)
    }

    fn state(&self) -> &State<BlockchatContext> {
        self.state.as_ref().expect("the state is only taken while the core runs")
    }

    fn state_mut(&mut self) -> &mut State<BlockchatContext> {
        self.state.as_mut().expect("the state is only taken while the core runs")
    }

    fn process(&mut self, input: Input<BlockchatContext>) {
        let mut state = self.state.take().expect("the core is never re-entered");
        let handler = &mut self.handler;
        let result: Result<(), malachitebft_core_consensus::Error<BlockchatContext>> = process!(
            input: input,
            state: &mut state,
            metrics: &(),
            with: effect => Ok::<_, Infallible>(handler.answer(effect))
        );
        if let Err(error) = result {
            self.handler.out.push(VoteOutput::Failed(error.to_string()));
        }
        self.state = Some(state);
    }

    /// What the journal recorded, as the core's input. Everything in the journal was verified before it was written.
    fn replayed_input(&mut self, record: &JournalRecord) -> Option<Input<BlockchatContext>> {
        let input = match record {
            JournalRecord::Body(_) => return None,
            JournalRecord::Verdict { block, round, lock_round, leader, valid } => VoteInput::Verdict {
                block: *block,
                round: *round,
                lock_round: *lock_round,
                leader: *leader,
                valid: *valid,
            },
            JournalRecord::Proposal(proposal) => VoteInput::Proposal(*proposal),
            JournalRecord::Vote(vote) => VoteInput::Vote(*vote),
            JournalRecord::Timeout { round, step } => VoteInput::Timeout { round: *round, step: (*step).into() },
            JournalRecord::Certificate(certificate) => VoteInput::Certificate(certificate.clone()),
        };
        self.core_input(input)
    }

    /// Drops from a replay's output what is on disk already, and answers questions the journal has answered.
    fn after_replay(&mut self, replay: &[JournalRecord]) {
        let own = self.state().address().0;
        let ours = |record: &JournalRecord| match record {
            JournalRecord::Vote(signed) => signed.vote.validator == own,
            JournalRecord::Proposal(signed) => signed.proposal.leader == own,
            _ => false,
        };
        let proposed = |round: Round| {
            replay.iter().any(|record| {
                matches!(record, JournalRecord::Proposal(signed)
                    if signed.proposal.leader == own && signed.proposal.round == round)
            })
        };
        let now = self.state().round();
        self.handler.out.retain(|output| match output {
            VoteOutput::Append(record) => ours(record) && !replay.contains(record),
            VoteOutput::BuildBlock { round } => convert::core_round(*round) == now && !proposed(*round),
            _ => true,
        });
    }

    fn core_input(&mut self, input: VoteInput) -> Option<Input<BlockchatContext>> {
        let height = CoreHeight(self.height);
        Some(match input {
            VoteInput::Proposal(signed) => {
                let hash = signed.proposal.sign_hash(self.handler.chain);
                self.handler.verified.insert((signed.proposal.leader, hash, signed.signature));
                Input::Proposal(convert::core_proposal(&signed))
            }
            VoteInput::Vote(signed) => {
                self.handler.remember(&signed);
                Input::Vote(convert::core_vote(&signed))
            }
            VoteInput::Certificate(certificate) => {
                certificate.votes.iter().for_each(|vote| self.handler.remember(vote));
                match convert::core_certificate(&certificate)? {
                    CoreCertificate::Polka(polka) => Input::PolkaCertificate(polka),
                    CoreCertificate::Round(round) => Input::RoundCertificate(round),
                }
            }
            VoteInput::Verdict { block, round, lock_round, leader, valid } => {
                let value = ProposedValue {
                    height,
                    round: convert::core_round(round),
                    valid_round: lock_round.map_or(malachitebft_core_types::Round::Nil, convert::core_round),
                    proposer: CoreAddress(leader),
                    value: BlockHash(block),
                    validity: Validity::from_bool(valid),
                };
                Input::ProposedValue(value, ValueOrigin::Consensus)
            }
            VoteInput::Built { block, round } => {
                Input::Propose(LocallyProposedValue::new(height, convert::core_round(round), BlockHash(block)))
            }
            VoteInput::Timeout { round, step } => {
                Input::TimeoutElapsed(Timeout::new(convert::core_round(round), step.into()))
            }
        })
    }
}

impl Handler {
    /// Remembers a signature that was verified, so that the core's question costs a look-up.
    fn remember(&mut self, signed: &SignedVote) {
        if self.verified.len() >= VERIFIED_MAX {
            self.verified.clear();
        }
        self.verified.insert((signed.vote.validator, signed.vote.sign_hash(self.chain), signed.signature));
    }

    /// One arm per effect of the core. Answers at once; never fails, because the core would only log it and go on.
    fn answer(&mut self, effect: Effect<BlockchatContext>) -> Resume<BlockchatContext> {
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
            // Fires right after Decide with the same bare quorum; late votes are collected by `consensus`.
            E::Finalize(_, _, _, r) => r.resume_with(()),
            // Below: never asked, because extensions are disabled and synced blocks never enter the core.
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
        wrap: fn(Round, VotingStep) -> VoteOutput,
    ) -> Resume<BlockchatContext> {
        let step = match timeout.kind {
            TimeoutKind::Propose => VotingStep::Propose,
            TimeoutKind::Prevote => VotingStep::Prevote,
            TimeoutKind::Precommit => VotingStep::Precommit,
            TimeoutKind::Rebroadcast => VotingStep::Rebroadcast,
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
        SignedMessage::new(vote, self.sign(mark))
    }

    fn sign_proposal(&mut self, proposal: CoreProposal) -> malachitebft_core_types::SignedProposal<BlockchatContext> {
        let ours = convert::our_unsigned_proposal(&proposal);
        let hash = ours.sign_hash(self.chain);
        let mark = GuardMark { height: ours.height, round: ours.round, step: SignStep::Proposal, hash };
        SignedMessage::new(proposal, self.sign(mark))
    }

    fn sign(&mut self, mark: GuardMark) -> Signature {
        self.out.push(VoteOutput::Signed(mark));
        let signer = self.signer.as_ref().expect("the core signs only when enabled, which needs a signer");
        let signature = signer.sign(mark.hash);
        self.verified.insert((signer.address(), mark.hash, signature));
        signature
    }

    /// Was this signature verified before it came here? If that is not known, it is verified now.
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

/// What the core wants written down, as our journal keeps it. Other inputs never come here.
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

impl From<JournalStep> for VotingStep {
    fn from(step: JournalStep) -> Self {
        match step {
            JournalStep::Propose => Self::Propose,
            JournalStep::Prevote => Self::Prevote,
            JournalStep::Precommit => Self::Precommit,
        }
    }
}

impl From<VotingStep> for TimeoutKind {
    fn from(step: VotingStep) -> Self {
        match step {
            VotingStep::Propose => Self::Propose,
            VotingStep::Prevote => Self::Prevote,
            VotingStep::Precommit => Self::Precommit,
            VotingStep::Rebroadcast => Self::Rebroadcast,
        }
    }
}
