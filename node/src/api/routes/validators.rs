//! `GET /v1/validators?limit=&cursor=`.

use crate::api::paging::{PageQuery, VALIDATORS};
use crate::api::problem::ApiError;
use crate::api::{ApiState, validator_views};
use axum::Json;
use axum::extract::State;
use blockchat_client::shapes::{Page, ValidatorRowView};

/// Members of the set, and accounts that have a stake or a past, by address.
pub(in crate::api) async fn validators(
    State(state): State<ApiState>,
    query: PageQuery,
) -> Result<Json<Page<ValidatorRowView>>, ApiError> {
    let part = VALIDATORS.part(query)?;
    let facts = state.engine.validators().await?;
    let page = VALIDATORS.page_of_all(&part, facts, |facts| facts.address.0.to_vec());
    Ok(Json(Page { items: page.items.iter().map(validator_views::validator).collect(), next: page.next }))
}
