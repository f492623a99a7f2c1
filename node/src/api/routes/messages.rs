//! `GET /v1/messages/{address}?limit=&cursor=`.

use super::accounts::parse_address;
use crate::api::paging::{MESSAGES, PageQuery, place_of_position};
use crate::api::problem::ApiError;
use crate::api::{ApiState, history_views};
use crate::store::history::{Filter, RowKind};
use axum::Json;
use axum::extract::{Path, State};
use blockchat_client::shapes::{MessageView, Page};

/// Final messages to and from an account, newest first.
pub(in crate::api) async fn messages(
    State(state): State<ApiState>,
    Path(address): Path<String>,
    query: PageQuery,
) -> Result<Json<Page<MessageView>>, ApiError> {
    let address = parse_address(&address)?;
    let part = MESSAGES.part(query)?;
    let filter = Filter::default().only([RowKind::Message]);
    let found = state.blocks.account(address, filter, part.position()?, part.limit).await?;
    let items = found.items.into_iter().filter_map(history_views::message).collect();
    Ok(Json(MESSAGES.page_up_to(items, found.next.map(place_of_position))))
}
