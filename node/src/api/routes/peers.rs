//! `GET /v1/peers` and `GET /v1/peers/known`.

use crate::api::ApiState;
use crate::api::problem::ApiError;
use axum::Json;
use axum::extract::State;
use blockchat_proto::api::{KnownPeerView, PeerView};
use tokio::sync::oneshot;

/// Connected peers of this chain.
pub(in crate::api) async fn peers(State(state): State<ApiState>) -> Json<Vec<PeerView>> {
    Json(state.info.peers.borrow().clone())
}

/// All peers that the node knows of: it asks its network, because the list may be long and is seldom wanted.
pub(in crate::api) async fn known(State(state): State<ApiState>) -> Result<Json<Vec<KnownPeerView>>, ApiError> {
    let stopping = || ApiError::unavailable("stopping", "the node is stopping");
    let (answer, known) = oneshot::channel();
    state.info.known.send(answer).await.map_err(|_| stopping())?;
    known.await.map(Json).map_err(|_| stopping())
}
