//! `GET /v1/messages/{address}?limit=&cursor=`.

use super::accounts::parse_address;
use crate::api::paging::{MESSAGES, PageQuery, place_of_position};
use crate::api::problem::ApiError;
use crate::api::{ApiState, views};
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
    let found = state.blocks.messages(address, part.position()?, part.limit + 1).await?;
    let page = MESSAGES.page(&part, found, |found| place_of_position(found.position()));
    Ok(Json(Page { items: page.items.iter().filter_map(views::message).collect(), next: page.next }))
}
