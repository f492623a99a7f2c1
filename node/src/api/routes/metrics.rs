//! `GET /metrics`: OpenMetrics text for Prometheus.

use super::node::facts;
use crate::api::{ApiState, leaders};
use crate::clock::unix_millis;
use crate::metrics::{CONTENT_TYPE, Money, Odd, Reading};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use blockchat_engine::chain_view::PhaseView;

/// Everything that is counted, and how the node is now.
pub(in crate::api) async fn metrics(State(state): State<ApiState>) -> impl IntoResponse {
    let view = state.engine.view();
    let (process, disk) = facts(&state).await;
    let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let reading = Reading {
        height: view.tip.height.0,
        round: u64::from(view.round.0),
        tip_age_ms: unix_millis().since(view.tip.time),
        phase: name(&view.phase),
        voting: view.voting,
        validators: wide(view.validators.members().len()),
        odd: Odd {
            suspects: wide(leaders::leaders(&view.stakes.led).iter().filter(|one| one.suspect).count()),
            barred: wide(view.stakes.barred.len()),
            queued: wide(view.stakes.queue.len()),
        },
        money: Money {
            supply: view.supply.micros(),
            treasury: view.stakes.grants.as_ref().map_or(0, |terms| terms.treasury.micros()),
            burned: view.stakes.burned.micros(),
        },
        clocks_ahead_ms: view.clocks_ahead_ms.unwrap_or(0),
        pool: (wide(view.pool_transactions), wide(view.pool_bytes)),
        peers: wide(state.info.peers.borrow().len()),
        traffic: state.info.traffic.so_far(),
        queues: state.queues(),
        process,
        disk,
    };
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], state.info.metrics.text(&reading))
}

/// As in the status.
fn name(phase: &PhaseView) -> &'static str {
    match phase {
        PhaseView::Idle => "idle",
        PhaseView::Deciding => "deciding",
        PhaseView::CatchingUp { .. } => "catching_up",
        PhaseView::UpdateNeeded => "update_needed",
        PhaseView::WaitingForStake { .. } => "waiting_for_stake",
    }
}
