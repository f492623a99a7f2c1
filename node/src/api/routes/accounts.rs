//! `GET /v1/accounts/{address}`.

use crate::api::problem::ApiError;
use crate::api::{ApiState, views};
use axum::Json;
use axum::extract::{Path, State};
use blockchat_client::shapes::{AccountView, ApiCode};
use blockchat_proto::keys::Address;

/// One account, final and with its pooled transactions. An account that never appeared is empty, not missing.
pub(in crate::api) async fn account(
    State(state): State<ApiState>,
    Path(address): Path<String>,
) -> Result<Json<AccountView>, ApiError> {
    let answer = state.engine.account(parse_address(&address)?).await?;
    Ok(Json(views::account(answer)))
}

/// The address in a path.
pub(super) fn parse_address(text: &str) -> Result<Address, ApiError> {
    text.parse().map_err(|reason| ApiError::new(ApiCode::BadAddress, format!("{text:?}: {reason}")))
}
