//! Drives Malachite's Tendermint core for one height.
//!
//! Owns: one `State` of the core, and the translation of its effects. Does not own: bodies, timers, the journal, the
//! guard, the network: all of these come out as [`VoteOutput`]s for `consensus`.
//! Always true: one height, one core; nothing of another height and nothing unverified is handed to it (it would queue
//! it unchecked); what comes out keeps the core's order, and what it signs is announced before it is published.
//! Start reading at [`VotingCore::step`].

use super::answers::Answers;
use super::context::{BlockHash, BlockchatContext, CoreAddress, CoreHeight, SeededSet};
use super::convert::{self, CoreCertificate};
use crate::event::RoundTimer;
use crate::journal::{GuardMark, JournalRecord, JournalStep, SignStep};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::{Address, Signer};
use blockchat_proto::units::{Height, Round};
use blockchat_proto::validators::ValidatorSet;
use blockchat_proto::vote::{Certificate, RoundCertificate, RoundProof, SignedProposal, SignedVote, Vote, VoteKind};
use malachitebft_core_consensus::{Input, LocallyProposedValue, Params, ProposedValue, State, process};
use malachitebft_core_types::{
    ThresholdParams, Timeout, TimeoutKind, Validity, ValueOrigin, ValuePayload, VoteExtensionPolicy,
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
    /// Everything of this height up to here was signed before, and the messages are lost: we sign what comes after.
    pub(crate) signed_up_to: Option<GuardMark>,
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
    Timeout { round: Round, step: RoundTimer },
}

/// What the core wants, in order.
#[derive(Clone, Debug)]
pub(crate) enum VoteOutput {
    /// Write down before anything later is sent.
    Append(JournalRecord),
    /// A signature was made, of a message for this block or for none: the guard must allow it. Comes before the message it
    /// belongs to is published.
    Signed {
        mark: GuardMark,
        block: Option<Hash32>,
    },
    StartTimer(Round, RoundTimer),
    CancelTimer(Round, RoundTimer),
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
    answers: Answers,
    height: Height,
    signed_up_to: Option<GuardMark>,
}

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
            enabled: start.signing && start.signer.is_some() && start.signed_up_to.is_none(),
        };
        let set = SeededSet::new(start.validators.clone(), start.parent);
        let state = State::new(BlockchatContext, CoreHeight(start.height), set, params, CORE_QUEUE, CORE_QUEUE);
        let answers =
            Answers { chain: start.chain, signer: start.signer.cloned(), verified: BTreeSet::new(), out: vec![] };
        let signed_up_to = start.signed_up_to.filter(|_| start.signing && start.signer.is_some());
        Self { state: Some(state), answers, height: start.height, signed_up_to }
    }

    /// Starts the height: replays what the journal says first, if anything.
    ///
    /// During the replay nothing is written down again but what we sign anew: a vote that a crash caught between the
    /// decision to cast it and the journal.
    pub(crate) fn begin(&mut self, replay: &[JournalRecord]) -> Vec<VoteOutput> {
        let inputs: Vec<_> = replay.iter().filter_map(|record| self.replayed_input(record)).collect();
        let replays = !inputs.is_empty();
        let set = self.state().validator_set().clone();
        let height = CoreHeight(self.height);
        self.process(Input::StartHeight(height, set, replays, None, VoteExtensionPolicy::Disabled));
        if replays {
            self.state_mut().record_recovered_own_precommit_extensions(inputs.iter());
            self.state_mut().index_wal_entries(inputs.iter());
        }
        if let Some(mark) = self.signed_up_to {
            self.pass(&mark);
        }
        for input in inputs {
            self.process(input);
        }
        if replays {
            self.state_mut().reset_entries_index();
        }
        if replays || self.signed_up_to.is_some() {
            self.after_replay(replay);
        }
        std::mem::take(&mut self.answers.out)
    }

    /// Lets the rounds up to the mark's pass, as if every wait in them had run out. SPEC VOTE-8.
    ///
    /// The core signs nothing while it is not enabled, so nothing at or below the mark. What comes after it in the mark's own
    /// round is signed for nil, which no lock forbids: others may be unable to leave that round without us.
    fn pass(&mut self, mark: &GuardMark) {
        use TimeoutKind::{Precommit, Prevote, Propose};
        for round in 0..mark.round.0 {
            self.wait_is_over(Round(round), Precommit);
        }
        if mark.step == SignStep::Prevote {
            self.wait_is_over(mark.round, Propose);
        }
        self.state_mut().params.enabled = true;
        let left: &[TimeoutKind] = match mark.step {
            SignStep::Proposal => &[Propose, Prevote, Precommit],
            SignStep::Prevote => &[Prevote, Precommit],
            SignStep::Precommit => &[Precommit],
        };
        for kind in left {
            self.wait_is_over(mark.round, *kind);
        }
    }

    fn wait_is_over(&mut self, round: Round, kind: TimeoutKind) {
        self.process(Input::TimeoutElapsed(Timeout::new(convert::core_round(round), kind)));
    }

    /// The votes of the round it is in, prevotes and precommits apart, our own first: for members that lack some of them.
    /// Nothing if we do not vote, and nothing that is not of more than a third.
    pub(crate) fn votes_of_round(&self) -> Vec<RoundCertificate> {
        let state = self.state();
        let Some(round) = state.driver.votes().per_round(state.round()).filter(|_| state.is_active_validator()) else {
            return vec![];
        };
        let own = state.address().0;
        let of_kind = |kind: VoteKind| {
            let votes = round.received_votes().iter().map(convert::our_vote);
            let mut votes: Vec<_> = votes.filter(|signed| signed.vote.kind == kind).collect();
            votes.sort_by_key(|signed| signed.vote.validator != own);
            RoundCertificate { proof: RoundProof::Skip, votes }
        };
        let set = &state.validator_set().set;
        let enough =
            |certificate: &RoundCertificate| certificate.votes.len() > 1 && certificate.check_structure(set).is_ok();
        [VoteKind::Prevote, VoteKind::Precommit].map(of_kind).into_iter().filter(enough).collect()
    }

    /// All votes of a round that it has taken in, in the order in which they came.
    pub(crate) fn votes_heard(&self, round: Round) -> Vec<Vote> {
        let round = self.state().driver.votes().per_round(convert::core_round(round));
        let votes = round.into_iter().flat_map(|round| round.received_votes());
        votes.map(|signed| convert::our_vote(signed).vote).collect()
    }

    /// Does it know that a quorum prevoted this block in this round?
    pub(crate) fn knows_polka(&self, round: Round, block: Hash32) -> bool {
        self.state().polka_certificate(convert::core_round(round), &BlockHash(block)).is_some()
    }

    /// Hands the core one input of its height.
    pub(crate) fn step(&mut self, input: VoteInput) -> Vec<VoteOutput> {
        if let Some(input) = self.core_input(input) {
            self.process(input);
        }
        std::mem::take(&mut self.answers.out)
    }

    fn state(&self) -> &State<BlockchatContext> {
        self.state.as_ref().expect("the state is only taken while the core runs")
    }

    fn state_mut(&mut self) -> &mut State<BlockchatContext> {
        self.state.as_mut().expect("the state is only taken while the core runs")
    }

    fn process(&mut self, input: Input<BlockchatContext>) {
        let mut state = self.state.take().expect("the core is never re-entered");
        let answers = &mut self.answers;
        let result: Result<(), malachitebft_core_consensus::Error<BlockchatContext>> = process!(
            input: input,
            state: &mut state,
            metrics: &(),
            with: effect => Ok::<_, Infallible>(answers.answer(effect))
        );
        if let Err(error) = result {
            self.answers.out.push(VoteOutput::Failed(error.to_string()));
        }
        self.state = Some(state);
    }

    /// What the journal recorded, as the core's input. Everything in the journal was verified before it was written.
    fn replayed_input(&mut self, record: &JournalRecord) -> Option<Input<BlockchatContext>> {
        let input = match record {
            JournalRecord::Body(_) | JournalRecord::Lost(_) => return None,
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
        self.answers.out.retain(|output| match output {
            VoteOutput::Append(record) => ours(record) && !replay.contains(record),
            VoteOutput::BuildBlock { round } => convert::core_round(*round) == now && !proposed(*round),
            _ => true,
        });
    }

    fn core_input(&mut self, input: VoteInput) -> Option<Input<BlockchatContext>> {
        let height = CoreHeight(self.height);
        Some(match input {
            VoteInput::Proposal(signed) => {
                let hash = signed.proposal.sign_hash(self.answers.chain);
                self.answers.verified.insert((signed.proposal.leader, hash, signed.signature));
                Input::Proposal(convert::core_proposal(&signed))
            }
            VoteInput::Vote(signed) => {
                self.answers.remember(&signed);
                Input::Vote(convert::core_vote(&signed))
            }
            VoteInput::Certificate(certificate) => {
                certificate.votes.iter().for_each(|vote| self.answers.remember(vote));
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

impl From<JournalStep> for RoundTimer {
    fn from(step: JournalStep) -> Self {
        match step {
            JournalStep::Propose => Self::Propose,
            JournalStep::Prevote => Self::Prevote,
            JournalStep::Precommit => Self::Precommit,
        }
    }
}

impl From<RoundTimer> for TimeoutKind {
    fn from(step: RoundTimer) -> Self {
        match step {
            RoundTimer::Propose => Self::Propose,
            RoundTimer::Prevote => Self::Prevote,
            RoundTimer::Precommit => Self::Precommit,
            RoundTimer::Rebroadcast => Self::Rebroadcast,
        }
    }
}
