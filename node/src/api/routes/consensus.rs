//! `GET /v1/consensus`.

use crate::api::problem::ApiError;
use crate::api::{ApiState, consensus_views};
use axum::Json;
use axum::extract::State;
use blockchat_client::shapes::ConsensusView;

/// The progress of the next height, and the last decided ones: the engine builds it on request.
pub(in crate::api) async fn consensus(State(state): State<ApiState>) -> Result<Json<ConsensusView>, ApiError> {
    let view = state.engine.consensus().await?;
    Ok(Json(consensus_views::consensus(&view)))
}
