//! The words of a trace for events and effects.

pub(super) use super::trace::Note;
use super::trace::mark_of;
use blockchat_engine::effect::Effect;
use blockchat_engine::event::{Event, Query, RoundTimer, Timer};
use blockchat_engine::journal::{GuardMark, JournalEntry, JournalRecord};
use blockchat_proto::gossip::ConsensusMessage;
use blockchat_proto::hash::Hash32;
use blockchat_proto::transaction::VerifiedTransaction;
use blockchat_proto::vote::{Evidence, RoundCertificate, SignedProposal, SignedVote, VoteKind};

/// Of an event.
pub(super) fn of_event(event: &Event) -> Note {
    match event {
        Event::TimerElapsed(timer) => of_timer("timer", timer),
        Event::SubmitTransactions { transactions, .. } => of_transactions("submit", transactions),
        Event::GossipTransactions { transactions, .. } => of_transactions("hears transactions", transactions),
        Event::Proposal { proposal, block, .. } => {
            let what = if block.is_some() { "hears proposal+block" } else { "hears proposal" };
            of_proposal(what, proposal.get())
        }
        Event::Vote { vote, .. } => of_vote("hears prevote", "hears precommit", vote.get()),
        Event::RoundCertificate { certificate, .. } => of_certificate("hears certificate", certificate.get()),
        Event::Evidence(evidence) => of_evidence("hears evidence", evidence.get()),
        Event::PeerStatus { peer, status } => {
            Note { what: "peer status", height: status.height.0, round: peer.0, mark: mark_of(&status.hash) }
        }
        Event::PeerGone { peer } => Note { what: "peer gone", round: peer.0, ..Note::default() },
        Event::IdentityElsewhere { shut_out } => {
            Note { what: "hears of another run", round: u64::from(*shut_out), ..Note::default() }
        }
        Event::BlocksReceived { request, blocks, .. } => {
            let first = blocks.first().map(|(block, _)| (block.height().0, mark_of(&block.hash())));
            let (height, mark) = first.unwrap_or_default();
            Note { what: "gets blocks", height, round: request.0, mark }
        }
        Event::BodyReceived { request, block } => {
            let mark = block.as_ref().map_or(0, |block| mark_of(&block.hash()));
            Note { what: "gets body", height: 0, round: request.0, mark }
        }
        Event::RequestFailed { request, .. } => Note { what: "gets no answer", round: request.0, ..Note::default() },
        Event::Query { request, query } => {
            let what = match query {
                Query::Account(_) => "asked for account",
                Query::Transaction(_) => "asked for transaction",
                Query::Waits(_) => "asked for waits",
                Query::Body(_) => "asked for body",
                Query::Proof(_) => "asked for a proof",
                Query::Consensus => "asked for consensus",
                Query::Validators => "asked for validators",
                Query::Pool { .. } => "asked for pool",
            };
            Note { what, round: request.0, ..Note::default() }
        }
    }
}

/// Of an effect.
pub(super) fn of_effect(effect: &Effect) -> Note {
    match effect {
        Effect::Journal(entry) => of_entry(entry),
        Effect::Sync(state) => of_mark("  sync", &state.mark),
        Effect::Broadcast(ConsensusMessage::Vote(vote)) => of_vote("  SENDS prevote", "  SENDS precommit", vote),
        Effect::Broadcast(ConsensusMessage::Proposal { proposal, .. }) => of_proposal("  SENDS proposal", proposal),
        Effect::Broadcast(ConsensusMessage::RoundCertificate(votes)) => of_certificate("  SENDS certificate", votes),
        Effect::GossipTransactions(transactions) => of_transactions("  gossips", transactions),
        Effect::GossipEvidence(evidence) => of_evidence("  ACCUSES", evidence),
        Effect::KeepEvidence(all) => {
            let kept = u64::try_from(all.len()).unwrap_or(u64::MAX);
            Note { what: "  keeps evidence", round: kept, ..Note::default() }
        }
        Effect::GossipVerdict { ticket, .. } => Note { what: "  verdict", mark: ticket.0, ..Note::default() },
        Effect::StartTimer { timer, after_ms } => Note { mark: *after_ms, ..of_timer("  starts timer", timer) },
        Effect::CancelTimer(timer) => of_timer("  cancels timer", timer),
        Effect::Finalise(blocks) => blocks.last().map_or_else(Note::default, |last| Note {
            what: "  COMMITS",
            height: last.block.height().0,
            round: u64::from(last.certificate.round.0),
            mark: mark_of(&last.block.hash()),
        }),
        Effect::PublishView(view) => Note {
            what: "  shows",
            height: view.tip.height.0,
            round: u64::from(view.round.0),
            mark: u64::try_from(view.pool_transactions).unwrap_or(u64::MAX),
        },
        Effect::Reply { request, .. } => Note { what: "  replies", round: request.0, ..Note::default() },
        Effect::Answer { request, .. } => Note { what: "  answers", round: request.0, ..Note::default() },
        Effect::RememberOwn(transactions) => of_transactions("  remembers", transactions),
        Effect::ForgetOwn(ids) => Note { what: "  forgets", mark: ids.first().map_or(0, mark_of), ..Note::default() },
        Effect::Replaced(all) => {
            let mark = all.first().map_or(0, |first| mark_of(&first.id));
            Note { what: "  tells of replaced", mark, ..Note::default() }
        }
        Effect::RequestBlocks { request, peer, from, .. } => {
            Note { what: "  asks for blocks", height: from.0, round: request.0, mark: peer.0 }
        }
        Effect::RequestBody { request, block, .. } => {
            Note { what: "  asks for body", height: 0, round: request.0, mark: mark_of(block) }
        }
        Effect::SendStatus(peer) => Note { what: "  sends status", round: peer.0, ..Note::default() },
        Effect::Blame { peer, .. } => Note { what: "  BLAMES", round: peer.0, ..Note::default() },
        Effect::Halt(_) => Note { what: "  HALTS", ..Note::default() },
    }
}

fn of_timer(what: &'static str, timer: &Timer) -> Note {
    let numbered = |height, round, mark| Note { what, height, round, mark };
    match timer {
        Timer::Round { height, round, step } => {
            let mark = match step {
                RoundTimer::Propose => 1,
                RoundTimer::Prevote => 2,
                RoundTimer::Precommit => 3,
                RoundTimer::Rebroadcast => 4,
            };
            numbered(height.0, u64::from(round.0), mark)
        }
        Timer::Pace(height) => numbered(height.0, 0, 5),
        Timer::HeldBlock(hash) => numbered(0, 6, mark_of(hash)),
        Timer::Body(hash) => numbered(0, 7, mark_of(hash)),
        Timer::CatchUp => numbered(0, 0, 8),
        Timer::NextPart => numbered(0, 0, 11),
        Timer::Mempool => numbered(0, 0, 9),
        Timer::Presence => numbered(0, 0, 10),
    }
}

fn of_transactions(what: &'static str, transactions: &[VerifiedTransaction]) -> Note {
    let mark = transactions.first().map_or(0, |first| mark_of(&first.id()));
    Note { what, height: 0, round: u64::try_from(transactions.len()).unwrap_or(u64::MAX), mark }
}

fn of_vote(prevote: &'static str, precommit: &'static str, signed: &SignedVote) -> Note {
    let vote = &signed.vote;
    let what = match vote.kind {
        VoteKind::Prevote => prevote,
        VoteKind::Precommit => precommit,
    };
    let mark = vote.value.as_ref().map_or(0, mark_of);
    Note { what, height: vote.height.0, round: u64::from(vote.round.0), mark }
}

fn of_proposal(what: &'static str, signed: &SignedProposal) -> Note {
    let proposal = &signed.proposal;
    Note { what, height: proposal.height.0, round: u64::from(proposal.round.0), mark: mark_of(&proposal.block) }
}

fn of_certificate(what: &'static str, certificate: &RoundCertificate) -> Note {
    let (height, round) = certificate.height_and_round().unwrap_or_default();
    Note { what, height: height.0, round: u64::from(round.0), mark: 0 }
}

fn of_evidence(what: &'static str, evidence: &Evidence) -> Note {
    Note { what, height: evidence.height().0, round: 0, mark: mark_of(&Hash32(evidence.accused().0)) }
}

fn of_mark(what: &'static str, mark: &GuardMark) -> Note {
    Note { what, height: mark.height.0, round: u64::from(mark.round.0), mark: mark_of(&mark.hash) }
}

fn of_entry(entry: &JournalEntry) -> Note {
    let note = match &entry.record {
        JournalRecord::Body(_) => Note { what: "  journals body", ..Note::default() },
        JournalRecord::Verdict { block, round, .. } => {
            Note { what: "  journals verdict", round: u64::from(round.0), mark: mark_of(block), height: 0 }
        }
        JournalRecord::Proposal(signed) => of_proposal("  journals proposal", signed),
        JournalRecord::Vote(signed) => of_vote("  journals prevote", "  journals precommit", signed),
        JournalRecord::Timeout { round, .. } => {
            Note { what: "  journals timeout", round: u64::from(round.0), ..Note::default() }
        }
        JournalRecord::Certificate(votes) => of_certificate("  journals certificate", votes),
        JournalRecord::Lost(state) => of_mark("  journals loss", &state.mark),
    };
    Note { height: entry.height.0, ..note }
}
