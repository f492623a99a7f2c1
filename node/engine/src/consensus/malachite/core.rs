//! Drives Malachite's Tendermint core for one height.
//!
//! Owns: one `State` of the core, and the translation of its effects. Does not own: bodies, timers, the journal, the
//! guard, the network: all of these leave as [`VoteOutput`]s for `consensus`.
//! Always true: one core per height; it gets only verified input of its own height (it would queue others unchecked);
//! outputs keep the core's order, and each signature is announced before it is published.
//! Start reading at [`VotingCore::step`].

use super::answers::Answers;
use super::context::{BlockHash, BlockchatContext, CoreAddress, CoreHeight, SeededSet};
use super::convert::{self, CoreCertificate};
use crate::event::RoundTimer;
use crate::journal::{GuardMark, JournalRecord, JournalStep, SignStep};
use blockchat_proto::coins::{Stake, is_quorum};
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
use std::ops::Bound;

/// Input for starting a height.
pub(crate) struct CoreStart<'a> {
    /// Genesis hash: part of the signed content.
    pub(crate) chain: Hash32,
    /// The height to decide.
    pub(crate) height: Height,
    /// Parent hash: seed of the leader draw.
    pub(crate) parent: Hash32,
    /// The deciding set.
    pub(crate) validators: ValidatorSet,
    /// Our key; an observer follows without one.
    pub(crate) signer: Option<&'a Signer>,
    /// May we sign at this height?
    pub(crate) signing: bool,
    /// Everything of this height up to here was signed before, and the messages are lost: only later ones are signed.
    pub(crate) signed_up_to: Option<GuardMark>,
}

/// Inputs of a height.
#[derive(Clone, Debug)]
pub(crate) enum VoteInput {
    /// A verified proposal of a member.
    Proposal(SignedProposal),
    /// A verified vote of a member.
    Vote(SignedVote),
    /// Verified votes of members that let us follow.
    Certificate(RoundCertificate),
    /// A known block, with the verdict.
    Verdict { block: Hash32, round: Round, lock_round: Option<Round>, leader: Address, valid: bool },
    /// A block that we built as leader of this round.
    Built { block: Hash32, round: Round },
    /// A timeout expired.
    Timeout { round: Round, step: RoundTimer },
}

/// Outputs of the core, in order.
#[derive(Clone, Debug)]
pub(crate) enum VoteOutput {
    /// Write this to the journal before anything later is sent.
    Append(JournalRecord),
    /// A signature of a message for this block, or for none: the guard must allow it. Precedes the publication of that
    /// message.
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
    /// Sent before: already durable.
    RepublishVote(SignedVote),
    PublishCertificate(RoundCertificate),
    /// Final.
    Decided(Certificate),
    /// The core reports an impossible error.
    Failed(String),
}

/// Malachite's core at one height.
pub(crate) struct VotingCore {
    state: Option<State<BlockchatContext>>,
    answers: Answers,
    height: Height,
    signed_up_to: Option<GuardMark>,
}

/// The core queues inputs of later heights; we never pass any.
const CORE_QUEUE: usize = 1;

impl VotingCore {
    /// A core at a height. Call [`VotingCore::begin`] next.
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

    /// Starts the height: first replays the journal, if there is one.
    ///
    /// During the replay only newly signed messages are written again: a vote that a crash caught between the decision
    /// to cast it and the journal.
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

    /// Passes the rounds up to the mark's, as if every timeout in them had expired. SPEC VOTE-8.
    ///
    /// The core signs nothing while it is disabled, so nothing at or below the mark. Later messages in the mark's own
    /// round are signed for nil, which no lock forbids: others may be unable to leave that round without us.
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

    /// The votes of its current round, prevotes and precommits separately, our own first: for members that lack some of
    /// them. Empty if we do not vote, or if they are not of more than a third.
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

    /// All accepted votes of a round, in order of arrival.
    pub(crate) fn votes_heard(&self, round: Round) -> Vec<Vote> {
        let round = self.state().driver.votes().per_round(convert::core_round(round));
        let votes = round.into_iter().flat_map(|round| round.received_votes());
        votes.map(|signed| convert::our_vote(signed).vote).collect()
    }

    /// Did so many members vote in later rounds, with a third of the stake or more, that the others are no quorum? SPEC
    /// VOTE-3.
    ///
    /// With more than a third in one round, the core has followed them already.
    pub(crate) fn is_left_behind(&self) -> bool {
        let state = self.state();
        let later = state.driver.votes().all_rounds().range((Bound::Excluded(state.round()), Bound::Unbounded));
        let votes = later.flat_map(|(_, round)| round.received_votes());
        let ahead: BTreeSet<_> = votes.map(|signed| convert::our_vote(signed).vote.validator).collect();
        let set = &state.validator_set().set;
        let others = set.members().iter().filter(|member| !ahead.contains(&member.address));
        !is_quorum(others.fold(Stake::default(), |sum, member| sum.plus(member.stake)), set.total())
    }

    /// Does it know that a quorum prevoted this block in this round?
    pub(crate) fn knows_polka(&self, round: Round, block: Hash32) -> bool {
        self.state().polka_certificate(convert::core_round(round), &BlockHash(block)).is_some()
    }

    /// Passes one input of its height to the core.
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

    /// A journal record as input of the core. Everything in the journal was verified before it was written.
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

    /// Drops what is already on disk from a replay's output, and answers questions that the journal has answered.
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
