//! Counts of everything the runs met. A simulator that never met a crash proves nothing about crashes, so zeros are
//! failures.
//!
//! Start reading at [`Met`].

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::ops::AddAssign;

/// Something worth counting. The name is a stable key of the JSON report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// Decided heights.
    Heights,
    /// Transactions in final blocks.
    Transactions,
    /// Nodes that lost power.
    Crashes,
    /// Of these: between two effects of one event.
    CrashesBetweenEffects,
    /// All nodes at once.
    KillAlls,
    /// Journal entries that were not synced and went with the power.
    EntriesLost,
    /// Restarts that found leftovers of a final height in the journal.
    Leftovers,
    /// Restarts that found the journal ahead of the guard.
    GuardBehind,
    /// Restarts in the middle of a height, from the journal.
    Replays,
    /// Restarts that found a lock in the journal.
    LocksCarried,
    /// Heights that were decided in a round above 0.
    LateRounds,
    /// Blocks that were proposed again in a later round.
    Reproposals,
    /// Final blocks that were decided in a later round than they were built in.
    ReproposalsDecided,
    /// Gossiped messages lost.
    Lost,
    /// Gossiped messages that came twice.
    Doubled,
    /// Messages that overtook an earlier one.
    Overtook,
    /// Cuts of the network in two.
    Partitions,
    /// Steps of a node's clock.
    ClockSteps,
    /// Blocks from ahead of a clock, held until it came.
    Held,
    /// Blocks fetched by hash.
    BodiesFetched,
    /// Final blocks that came by catching up.
    Synced,
    /// Of these: in one write with others.
    SyncedTogether,
    /// Answers that took more than one write.
    AnswersInParts,
    /// Nodes that lost power before a write of several blocks, or between two parts of it.
    CrashesInCatchUp,
    /// Questions between nodes that failed.
    QuestionsFailed,
    /// Nodes that joined an old chain.
    LateJoiners,
    /// Nodes whose data folder was lost, the key and its guard kept.
    Wiped,
    /// Two or more at once.
    WipedTogether,
    /// Of the wiped: those whose lock only the guard still knew.
    WipedLocked,
    /// Observers that took part.
    Observers,
    /// Changes of the validator set.
    SetChanges,
    /// Members that were jailed for absence.
    Jailed,
    /// Jailed members that came back.
    Unjailed,
    /// Transactions refused on submission.
    Refused,
    /// Two transactions of one nonce, sent to two nodes.
    DoubleSpends,
    /// Lies that were sent.
    Lies,
    /// Messages that did not verify.
    Forgeries,
    /// Two different signed messages of one liar for one place.
    Equivocations,
    /// Messages that could not concern the node that heard them, and were dropped unread.
    Noise,
    /// Contradictions that a node told to all.
    Accusations,
    /// Liars that were barred.
    Barred,
    /// Answers for which a peer was blamed.
    Blamed,
    /// Versions of the rules that began.
    Versions,
    /// Programs that were replaced by one that knows more versions.
    Updates,
    /// Welcome grants paid.
    Grants,
    /// Claims for which there was no grant.
    ClaimsRefused,
    /// Events handled.
    Events,
}

/// Name, what a person reads, and whether 50 seeds must have met it.
const ROWS: [(Met, &str, &str, bool); 47] = [
    (Met::Heights, "heights", "heights decided", true),
    (Met::Transactions, "transactions", "transactions final", true),
    (Met::Crashes, "crashes", "crashes", true),
    (Met::CrashesBetweenEffects, "crashes_between_effects", "  between two effects of one event", true),
    (Met::KillAlls, "kill_alls", "  all nodes at once", true),
    (Met::EntriesLost, "entries_lost", "journal entries lost, not synced yet", true),
    (Met::Leftovers, "leftovers", "restarts with a journal that was not emptied", true),
    (Met::GuardBehind, "guard_behind", "restarts with the guard behind the journal", true),
    (Met::Replays, "replays", "restarts in the middle of a height", true),
    (Met::LocksCarried, "locks_carried", "  with a lock", true),
    (Met::LateRounds, "late_rounds", "heights decided in a round > 0", true),
    (Met::Reproposals, "reproposals", "blocks proposed again", true),
    (Met::ReproposalsDecided, "reproposals_decided", "  and decided", true),
    (Met::Lost, "lost", "gossiped messages lost", true),
    (Met::Doubled, "doubled", "  doubled", true),
    (Met::Overtook, "overtook", "  overtaking others", true),
    (Met::Partitions, "partitions", "partitions", true),
    (Met::ClockSteps, "clock_steps", "steps of a clock", true),
    (Met::Held, "held", "blocks held, from ahead of time", true),
    (Met::BodiesFetched, "bodies_fetched", "blocks fetched by hash", true),
    (Met::Synced, "synced", "blocks caught up with", true),
    (Met::SyncedTogether, "synced_together", "  in one write with others", true),
    (Met::AnswersInParts, "answers_in_parts", "  answers that took several writes", true),
    (Met::CrashesInCatchUp, "crashes_in_catch_up", "  crashes around a write of several blocks", true),
    (Met::QuestionsFailed, "questions_failed", "questions not answered", true),
    (Met::LateJoiners, "late_joiners", "late joiners", true),
    (Met::Wiped, "wiped", "data folders lost", true),
    (Met::WipedTogether, "wiped_together", "  two at once", true),
    (Met::WipedLocked, "wiped_locked", "  with a lock", false),
    (Met::Observers, "observers", "observers", true),
    (Met::SetChanges, "set_changes", "changes of the validator set", true),
    (Met::Jailed, "jailed", "validators jailed", true),
    (Met::Unjailed, "unjailed", "  and back", true),
    (Met::Refused, "refused", "submits refused", true),
    (Met::DoubleSpends, "double_spends", "double spends tried", true),
    (Met::Lies, "lies", "lies told", true),
    (Met::Forgeries, "forgeries", "messages that did not verify", true),
    (Met::Equivocations, "equivocations", "places where a liar signed twice", true),
    (Met::Noise, "noise", "messages of no concern to their hearer", true),
    (Met::Accusations, "accusations", "  told to all as evidence", true),
    (Met::Barred, "barred", "  and the liar barred", true),
    (Met::Blamed, "blamed", "peers blamed", true),
    (Met::Versions, "versions", "versions of the rules begun", true),
    (Met::Updates, "updates", "programs updated", true),
    (Met::Grants, "grants", "welcome grants paid", true),
    (Met::ClaimsRefused, "claims_refused", "  claims refused", true),
    (Met::Events, "events", "events handled", true),
];

/// From so many seeds on, a count of zero is a failure.
pub const SEEDS_FOR_ALL: u64 = 50;

/// How often each was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u64; ROWS.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; ROWS.len()])
    }
}

impl Counts {
    /// Once more.
    pub fn met(&mut self, what: Met) {
        self.add(what, 1);
    }

    /// So many more.
    pub fn add(&mut self, what: Met, times: u64) {
        self.0[index(what)] += times;
    }

    /// How often.
    pub fn get(&self, what: Met) -> u64 {
        self.0[index(what)]
    }

    /// The labels, with the numbers, in order.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        ROWS.iter().zip(self.0).map(|((_, _, words, _), number)| (*words, number))
    }

    /// The names of what many seeds should have met and did not.
    pub fn missing(&self) -> Vec<&'static str> {
        let rows = ROWS.iter().zip(self.0);
        rows.filter(|((.., required), number)| *required && *number == 0).map(|((_, name, ..), _)| *name).collect()
    }
}

fn index(what: Met) -> usize {
    what as usize
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, number)| *sum += number);
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(ROWS.len()))?;
        for ((_, name, ..), number) in ROWS.iter().zip(self.0) {
            map.serialize_entry(name, &number)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_list() {
        for (position, (what, ..)) in ROWS.iter().enumerate() {
            assert_eq!(index(*what), position);
        }
    }

    #[test]
    fn what_was_never_met_is_named() {
        let mut counts = Counts::default();
        counts.met(Met::Heights);
        counts.add(Met::Jailed, 3);
        assert_eq!((counts.get(Met::Heights), counts.get(Met::Jailed)), (1, 3));
        assert!(!counts.missing().contains(&"heights") && counts.missing().contains(&"crashes"));
    }
}
