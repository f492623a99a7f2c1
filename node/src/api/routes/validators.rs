//! `GET /v1/validators?limit=&cursor=`.

use crate::api::paging::{PageQuery, VALIDATORS};
use crate::api::problem::ApiError;
use crate::api::{ApiState, leaders, validator_views};
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
    let led = leaders::leaders(&state.engine.view().stakes.led);
    let suspect = |address| led.iter().any(|one| one.suspect && one.address == address);
    let items = page.items.iter().map(|facts| validator_views::validator(facts, suspect(facts.address)));
    Ok(Json(Page { items: items.collect(), next: page.next }))
}
