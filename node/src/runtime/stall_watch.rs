//! Says in the log that the chain stands still, and again every ten seconds, with the missing members.
//!
//! Does not own: what health and status say (`api`). Start reading at [`Stall::look`].

use crate::clock::unix_millis;
use crate::clock_watch;
use crate::engine_handle::EngineHandle;
use blockchat_engine::chain_view::{ChainView, PhaseView};
use blockchat_proto::keys::Address;
use blockchat_proto::units::{Height, UnixMillis};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Interval of the checks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A height undecided for so long is a standstill, in ms; and so often it is said again.
const SAID_EVERY_MS: u64 = 10_000;

/// The notice to log.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Stands(String),
    Begins(String),
    GoesOn(Height),
}

/// The last notice.
#[derive(Debug, Default)]
struct Stall(Option<(Height, UnixMillis)>);

/// Until `stop`.
pub(super) async fn watch(engine: EngineHandle, stop: CancellationToken) {
    let mut stall = Stall::default();
    let mut often = tokio::time::interval(LOOK_EVERY);
    while stop.run_until_cancelled(often.tick()).await.is_some() {
        match stall.look(&engine.view(), unix_millis()) {
            Some(Word::Stands(words)) => warn!("{words}"),
            Some(Word::Begins(words)) => info!("{words}"),
            Some(Word::GoesOn(tip)) => info!(%tip, "the chain goes on"),
            None => {}
        }
    }
}

impl Stall {
    fn look(&mut self, view: &ChainView, now: UnixMillis) -> Option<Word> {
        let (tip, height) = (view.tip.height, view.tip.height.next());
        if self.0.is_some_and(|(stood, _)| stood < height) {
            self.0 = None;
            return Some(Word::GoesOn(tip));
        }
        if let Some(words) = clock_watch::begins(view, now) {
            let due = self.0.is_none_or(|(_, last)| now.since(last) >= SAID_EVERY_MS);
            return due.then(|| {
                self.0 = Some((height, now));
                Word::Begins(words)
            });
        }
        let since = view.undecided_since?;
        let last = self.0.map_or(since, |(_, last)| last);
        if now.since(last) < SAID_EVERY_MS {
            return None;
        }
        self.0 = Some((height, now));
        let seconds = now.since(since) / 1_000;
        Some(Word::Stands(format!(
            "the chain stands still: height {height} is undecided for {seconds} s, in round {}; {}",
            view.round,
            missing(view)
        )))
    }
}

fn missing(view: &ChainView) -> String {
    let absent = match &view.phase {
        PhaseView::WaitingForStake { missing, .. } => missing,
        _ => &view.silent,
    };
    if absent.is_empty() {
        return "every member was heard of lately".into();
    }
    let absent: Vec<_> = absent.iter().map(Address::to_string).collect();
    format!("missing: {}", absent.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_engine::chain_view::RulesView;
    use blockchat_proto::coins::{Coins, Stake};
    use blockchat_proto::hash::Hash32;
    use blockchat_proto::ledger::Tip;
    use blockchat_proto::units::{Round, RulesVersion};
    use blockchat_proto::validators::{Validator, ValidatorSet};

    const ABSENT: Address = Address([7; 32]);

    fn deciding(height: u64, since: u64) -> ChainView {
        let member = |n| Validator { address: Address([n; 32]), stake: Stake(10) };
        let (begun, missing) = (UnixMillis(since), vec![ABSENT]);
        ChainView {
            tip: Tip { height: Height(height - 1), hash: Hash32::ZERO, time: UnixMillis(0), parent: Hash32::ZERO },
            state_root: Hash32::ZERO,
            supply: Coins::ZERO,
            stakes: std::sync::Arc::default(),
            validators: ValidatorSet::new((1..=4).map(member).collect()).unwrap(),
            round: Round(3),
            leader: ABSENT,
            phase: PhaseView::WaitingForStake { online: Stake(20), missing },
            rules: RulesView { version: RulesVersion(1), known: RulesVersion(1), next_begins: None },
            voting: true,
            silence: None,
            clocks_ahead_ms: None,
            staked: true,
            undecided_since: Some(begun),
            silent: vec![],
            reached_tip: true,
            pool_transactions: 0,
            pool_bytes: 0,
        }
    }

    #[test]
    fn a_standstill_is_said_every_ten_seconds_with_who_is_missing_until_it_ends() {
        let (mut stall, view) = (Stall::default(), deciding(8, 5_000));
        let said: Vec<_> = (0..60).filter(|second| stall.look(&view, UnixMillis(second * 1_000)).is_some()).collect();
        assert_eq!(said, [15, 25, 35, 45, 55]);
        let Some(Word::Stands(words)) = stall.look(&view, UnixMillis(65_000)) else { panic!("it still stands") };
        let expected = format!("the chain stands still: height 8 is undecided for 60 s, in round 3; missing: {ABSENT}");
        assert_eq!(words, expected);
        assert_eq!(stall.look(&deciding(9, 66_000), UnixMillis(66_000)), Some(Word::GoesOn(Height(8))));
        assert_eq!(stall.look(&deciding(9, 66_000), UnixMillis(67_000)), None);
    }

    #[test]
    fn a_chain_that_begins_later_says_when() {
        let (mut stall, mut view) = (Stall::default(), deciding(1, 0));
        view.tip.time = UnixMillis(60_000);
        let said: Vec<_> = (0..30).filter_map(|second| stall.look(&view, UnixMillis(second * 1_000))).collect();
        assert_eq!(said.len(), 3);
        assert!(matches!(&said[1], Word::Begins(words) if words.contains("in 50 s")), "{said:?}");
    }

    #[test]
    fn a_chain_that_waits_for_transactions_does_not_stand_still() {
        let idle = ChainView { undecided_since: None, phase: PhaseView::Idle, ..deciding(8, 0) };
        assert_eq!(Stall::default().look(&idle, UnixMillis(1_000_000)), None);
    }
}
