//! `GET /healthz/live` and `GET /healthz/ready`.
//!
//! Always true: live depends on this process only, never on peers; ready means that the node takes part in its chain.

use crate::api::problem::ApiError;
use crate::api::{ApiState, views};
use crate::clock::unix_millis;
use crate::clock_watch;
use crate::engine_handle::EngineUnavailable;
use crate::silence;
use axum::Json;
use axum::extract::State;
use blockchat_client::shapes::{ApiCode, LiveView, ReadyView};
use blockchat_engine::chain_view::{ChainView, PhaseView, Silence};
use blockchat_proto::hash::Hash32;
use blockchat_proto::keys::Address;
use blockchat_proto::units::UnixMillis;
use std::time::Duration;

/// An event loop that answers nothing for so long hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A height that is undecided for so long, in ms, is not what a node is for.
const UNDECIDED_MS: u64 = 30_000;

/// 200 while the event loop answers; a full queue is work, not death.
pub(in crate::api) async fn live(State(state): State<ApiState>) -> Result<Json<LiveView>, ApiError> {
    match tokio::time::timeout(ANSWER_WITHIN, state.engine.body(Hash32::ZERO)).await {
        Ok(Ok(_) | Err(EngineUnavailable::QueueFull)) => Ok(Json(LiveView { live: true })),
        Ok(Err(EngineUnavailable::Stopped)) => Err(ApiError::new(ApiCode::Stopping, "the node is stopping")),
        Err(_) => Err(ApiError::new(ApiCode::Stuck, "the event loop does not answer")),
    }
}

/// 200 while the node takes part in its chain; otherwise 503 with the reason.
pub(in crate::api) async fn ready(State(state): State<ApiState>) -> Result<Json<ReadyView>, ApiError> {
    let view = state.engine.view();
    let peers = state.info.peers.borrow().len();
    let reason = takes_no_part(&view, peers, state.info.validator, unix_millis());
    if let Some(reason) = reason {
        return Err(ApiError::new(ApiCode::NotReady, reason));
    }
    let peers = u32::try_from(peers).unwrap_or(u32::MAX);
    Ok(Json(ReadyView { ready: true, height: view.tip.height, peers, phase: views::phase(&view) }))
}

/// Why it takes no part; nothing if it does.
fn takes_no_part(view: &ChainView, peers: usize, validator: Option<Address>, now: UnixMillis) -> Option<String> {
    let member = view.staked || validator.is_some_and(|own| view.validators.get(&own).is_some());
    let alone = views::is_alone(view, validator);
    let catches_up = matches!(view.phase, PhaseView::CatchingUp { .. });
    let shut_out = view.silence == Some(Silence::ShutOut);
    if let Some(reason) = silence::explain(view).filter(|_| shut_out || (member && !catches_up)) {
        return Some(reason);
    }
    if let Some(reason) = clock_watch::begins(view, now) {
        return Some(reason);
    }
    match &view.phase {
        PhaseView::CatchingUp { target } => Some(format!("catching up: at {} of {target}", view.tip.height)),
        PhaseView::WaitingForStake { online, missing } => {
            let share = views::percent(*online, view.validators.total());
            let missing: Vec<_> = missing.iter().map(Address::short).collect();
            Some(format!("waiting for stake: {share} % of 66.7 % online, missing {}", missing.join(", ")))
        }
        PhaseView::UpdateNeeded => Some(views::update_needed(view)),
        PhaseView::Idle | PhaseView::Deciding if peers == 0 && !alone => Some("no peers yet".into()),
        PhaseView::Idle | PhaseView::Deciding if !view.reached_tip => Some("starting: not yet at the tip".into()),
        PhaseView::Idle | PhaseView::Deciding => undecided(view, now),
    }
}

/// A height that does not end, though enough of the stake is there.
fn undecided(view: &ChainView, now: UnixMillis) -> Option<String> {
    let lasts_ms = now.since(view.undecided_since?);
    let (height, round, seconds) = (view.tip.height.next(), view.round, lasts_ms / 1_000);
    (lasts_ms >= UNDECIDED_MS).then(|| {
        format!("height {height} is undecided for {seconds} s, in round {round}: see its log, and the status of others")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_engine::chain_view::RulesView;
    use blockchat_proto::coins::{Coins, Stake};
    use blockchat_proto::ledger::Tip;
    use blockchat_proto::units::{Height, Round, RulesVersion};
    use blockchat_proto::validators::{Validator, ValidatorSet};

    const OWN: Address = Address([1; 32]);

    fn view(members: u8, phase: PhaseView) -> ChainView {
        let member = |n| Validator { address: Address([n; 32]), stake: Stake(10) };
        ChainView {
            tip: Tip { height: Height(7), hash: Hash32::ZERO, time: UnixMillis(0), parent: Hash32::ZERO },
            state_root: Hash32::ZERO,
            supply: Coins::ZERO,
            stakes: std::sync::Arc::default(),
            validators: ValidatorSet::new((1..=members).map(member).collect()).unwrap(),
            round: Round(0),
            leader: OWN,
            phase,
            rules: RulesView { version: RulesVersion(2), known: RulesVersion(1), next_begins: None },
            voting: true,
            silence: None,
            clocks_ahead_ms: None,
            staked: false,
            undecided_since: None,
            silent: vec![],
            reached_tip: true,
            pool_transactions: 0,
            pool_bytes: 0,
        }
    }

    /// At the moment 0.
    fn takes_no_part(view: &ChainView, peers: usize, validator: Option<Address>) -> Option<String> {
        super::takes_no_part(view, peers, validator, UnixMillis(0))
    }

    #[test]
    fn a_height_without_end_is_no_readiness() {
        let begun = UnixMillis(1_000);
        let deciding = ChainView { undecided_since: Some(begun), ..view(4, PhaseView::Deciding) };
        let at = |now| super::takes_no_part(&deciding, 3, Some(OWN), now);
        assert_eq!(at(begun.plus(29_999)), None);
        assert_eq!(at(UnixMillis(0)), None, "the clock was set back");
        let reason = at(begun.plus(31_000)).unwrap();
        assert!(reason.starts_with("height 8 is undecided for 31 s, in round 0"), "{reason}");
    }

    #[test]
    fn who_has_stake_and_is_jailed_for_its_silence_still_says_which_command_opens_it() {
        for (silence, words) in [(Silence::NoGuard, "guard reset"), (Silence::Elsewhere, "guard reset --api")] {
            let jailed = ChainView { silence: Some(silence), staked: true, ..view(4, PhaseView::Idle) };
            let reason = takes_no_part(&jailed, 3, Some(Address([9; 32]))).unwrap();
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn any_node_that_peers_refuse_for_another_one_with_its_identity_says_so() {
        let refused = ChainView { silence: Some(Silence::ShutOut), ..view(4, PhaseView::Idle) };
        for validator in [Some(OWN), None] {
            let reason = takes_no_part(&refused, 0, validator).unwrap();
            assert!(reason.contains("copied home") && reason.contains("run --join --home"), "{reason}");
        }
    }

    #[test]
    fn a_node_that_does_not_know_the_rules_takes_no_part_and_says_what_it_needs() {
        let reason = takes_no_part(&view(1, PhaseView::UpdateNeeded), 3, Some(OWN)).unwrap();
        assert_eq!(reason, "version 2 of the rules is in force at height 8: this program knows 1; update it");
    }

    #[test]
    fn the_only_validator_needs_no_peers_and_others_do() {
        assert_eq!(takes_no_part(&view(1, PhaseView::Idle), 0, Some(OWN)), None);
        assert!(takes_no_part(&view(1, PhaseView::Idle), 0, None).is_some());
        assert!(takes_no_part(&view(4, PhaseView::Deciding), 0, Some(OWN)).is_some());
        assert_eq!(takes_no_part(&view(4, PhaseView::Deciding), 1, Some(OWN)), None);
    }

    #[test]
    fn who_catches_up_or_waits_for_stake_says_so() {
        let behind = takes_no_part(&view(4, PhaseView::CatchingUp { target: Height(50) }), 3, Some(OWN));
        assert_eq!(behind.unwrap(), "catching up: at 7 of 50");
        let missing = vec![Address([3; 32]), Address([4; 32])];
        let halted = PhaseView::WaitingForStake { online: Stake(20), missing };
        let reason = takes_no_part(&view(4, halted), 1, Some(OWN)).unwrap();
        assert!(reason.starts_with("waiting for stake: 50.0 % of 66.7 % online, missing bcc1"), "{reason}");
    }

    #[test]
    fn a_member_that_does_not_vote_as_others_do_says_why_and_which_command_opens_it() {
        let (round, block) = (Round(2), Hash32::ZERO);
        for (silence, words) in [
            (Silence::NoGuard, "guard reset --api"),
            (Silence::LockUnknown, "guard reset --drop-lock"),
            (Silence::Locked { round, block }, "guard reset --drop-lock"),
            (Silence::Behind { signed: Height(9) }, "put back a data folder"),
            (Silence::Closed, "nothing to do"),
            (Silence::Listening, "nothing to do"),
            (Silence::Elsewhere, "guard reset --api"),
        ] {
            let silent = ChainView { silence: Some(silence), ..view(4, PhaseView::Deciding) };
            let reason = takes_no_part(&silent, 3, Some(OWN)).unwrap();
            assert!(reason.contains(words), "{reason}");
            assert_eq!(takes_no_part(&silent, 3, Some(Address([9; 32]))), None, "no member, no duty");
            let phase = PhaseView::CatchingUp { target: Height(50) };
            let reason = takes_no_part(&ChainView { phase, ..silent }, 3, Some(OWN)).unwrap();
            assert!(reason.starts_with("catching up"), "{reason}");
        }
    }
}
