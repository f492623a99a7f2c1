//! `GET /v1/messages/{address}?limit=&before=`.

use super::accounts::parse_address;
use crate::api::problem::ApiError;
use crate::api::{ApiState, views};
use crate::store::history::Position;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use blockchat_proto::api::MessageView;
use blockchat_proto::units::Height;
use serde::Deserialize;

/// Messages in one answer unless asked otherwise.
const LIMIT_DEFAULT: usize = 50;
/// Most messages in one answer: each may lie in a block of its own.
const LIMIT_MAX: usize = 500;

/// Which messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Page {
    /// At most so many.
    limit: Option<usize>,
    /// Only those before this one: `height.index` of the last one seen.
    before: Option<String>,
}

/// Final messages to and from an account, newest first.
pub(in crate::api) async fn messages(
    State(state): State<ApiState>,
    Path(address): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<MessageView>>, ApiError> {
    let address = parse_address(&address)?;
    let Query(page) = page.map_err(|error| ApiError::bad_request("bad_query", error.body_text()))?;
    let limit = page.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(ApiError::bad_request("bad_query", format!("limit is {limit}, but must be 1 to {LIMIT_MAX}")));
    }
    let before = page.before.as_deref().map(parse_before).transpose()?;
    let found = state.blocks.messages(address, before, limit).await?;
    Ok(Json(found.iter().filter_map(views::message).collect()))
}

fn parse_before(text: &str) -> Result<Position, ApiError> {
    let position =
        text.split_once('.').and_then(|(height, index)| Some((Height(height.parse().ok()?), index.parse().ok()?)));
    position.ok_or_else(|| {
        ApiError::bad_request("bad_query", format!("before is {text:?}, but must be height.index, such as 120.3"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_before_a_height_and_index() {
        assert_eq!(parse_before("120.3"), Ok((Height(120), 3)));
        for wrong in ["", "120", "120.", ".3", "1.2.3", "-1.0"] {
            assert!(parse_before(wrong).is_err(), "{wrong}");
        }
    }
}
