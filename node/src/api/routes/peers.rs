//! `GET /v1/peers`.

use crate::api::ApiState;
use axum::Json;
use axum::extract::State;
use blockchat_proto::api::PeerView;

/// Connected peers of this chain.
pub(in crate::api) async fn peers(State(state): State<ApiState>) -> Json<Vec<PeerView>> {
    Json(state.info.peers.borrow().clone())
}
