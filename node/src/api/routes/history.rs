//! `GET /v1/history/{address}?direction=&kind=&from=&to=&limit=&cursor=`.

use super::accounts::parse_address;
use crate::api::paging::{HISTORY, bad_query, heights, part_of, place_of_position};
use crate::api::problem::ApiError;
use crate::api::{ApiState, history_views};
use crate::store::history::Filter;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use blockchat_client::shapes::{HistoryRequest, HistoryView, Page};

/// The history of an account, newest first.
pub(in crate::api) async fn history(
    State(state): State<ApiState>,
    Path(address): Path<String>,
    query: Result<Query<HistoryRequest>, QueryRejection>,
) -> Result<Json<Page<HistoryView>>, ApiError> {
    let address = parse_address(&address)?;
    let wanted = part_of(query)?;
    let part = HISTORY.wanted(wanted.part())?;
    let (from, to) = heights(wanted.from, wanted.to)?;
    let filter = Filter { from, to, ..filter_of(&wanted).ok_or_else(|| bad_query("no such kind or direction"))? };
    let found = state.blocks.account(address, filter, part.position()?, part.limit).await?;
    let items = found.items.into_iter().map(history_views::history).collect();
    Ok(Json(HISTORY.page_up_to(items, found.next.map(place_of_position))))
}

/// `None` if it names a kind or a direction that there is not.
fn filter_of(wanted: &HistoryRequest) -> Option<Filter> {
    let mut filter = Filter::default();
    if let Some(direction) = wanted.direction {
        filter.direction = Some(history_views::direction_wanted(direction)?);
    }
    match wanted.kind {
        Some(kind) => Some(filter.only([history_views::kind_wanted(kind)?])),
        None => Some(filter),
    }
}
