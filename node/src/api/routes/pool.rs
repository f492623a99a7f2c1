//! `GET /v1/pool?account=&limit=&cursor=`.

use crate::api::paging::{POOL, part_of, place_of_pooled};
use crate::api::problem::ApiError;
use crate::api::{ApiState, pool_views};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use blockchat_client::shapes::{Page, PoolRequest, PoolRowView};

/// Pooled transactions by sender and nonce; of one account if the request names it.
pub(in crate::api) async fn pool(
    State(state): State<ApiState>,
    query: Result<Query<PoolRequest>, QueryRejection>,
) -> Result<Json<Page<PoolRowView>>, ApiError> {
    let wanted = part_of(query)?;
    let part = POOL.wanted(wanted.part())?;
    let found = state.engine.pool(part.pool_place()?, wanted.account, part.limit).await?;
    let parameters = &state.genesis.genesis().parameters;
    let items = found.rows.iter().map(|row| pool_views::pooled(row, parameters)).collect();
    Ok(Json(POOL.page_up_to(items, found.next.map(place_of_pooled))))
}
