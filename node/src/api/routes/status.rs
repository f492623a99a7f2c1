//! `GET /v1/status` and `GET /v1/genesis`.

use crate::api::{ApiState, leaders, views};
use crate::clock::unix_millis;
use crate::clock_watch;
use crate::silence;
use axum::Json;
use axum::extract::State;
use blockchat_client::shapes::StatusView;
use blockchat_engine::chain_view::Silence;
use blockchat_proto::genesis::Genesis;

/// The node's status. Answered from the newest view: never waits for the engine.
pub(in crate::api) async fn status(State(state): State<ApiState>) -> Json<StatusView> {
    let view = state.engine.view();
    let info = &state.info;
    Json(StatusView {
        chain: state.genesis.short_name(),
        genesis_hash: state.genesis.hash(),
        version: env!("CARGO_PKG_VERSION").into(),
        sources: blockchat_engine::SOURCES.into(),
        peer_id: info.peer_id.clone(),
        listen: info.listen.clone(),
        validator: info.validator,
        height: view.tip.height,
        tip: view.tip.hash,
        state_root: view.state_root,
        tip_time: view.tip.time,
        supply: view.supply,
        burned: view.stakes.burned,
        phase: views::phase(&view),
        rules: views::rules(&view),
        round: view.round,
        leader: Some(view.leader),
        voting: view.voting,
        silence: silence::explain(&view),
        key_elsewhere: view.silence == Some(Silence::Elsewhere),
        clock: clock_watch::explain(&view).or_else(|| clock_watch::begins(&view, unix_millis())),
        at_tip: views::at_tip(&view, info.peers.borrow().len(), info.validator),
        undecided_since: view.undecided_since,
        silent: view.silent.clone(),
        peers: u32::try_from(info.peers.borrow().len()).unwrap_or(u32::MAX),
        pool_transactions: u32::try_from(view.pool_transactions).unwrap_or(u32::MAX),
        pool_bytes: u64::try_from(view.pool_bytes).unwrap_or(u64::MAX),
        validators: views::validators(&view),
        leaders: leaders::leaders(&view.stakes.led),
        queue: leaders::queue(&view.stakes.queue),
        barred: view.stakes.barred.clone(),
        grants: view.stakes.grants.as_ref().and_then(views::grants),
        started: info.started,
        traffic: info.traffic.so_far(),
    })
}

/// The genesis, so that a client can compute fees and check the chain it signs for.
pub(in crate::api) async fn genesis(State(state): State<ApiState>) -> Json<Genesis> {
    Json(state.genesis.genesis().clone())
}
