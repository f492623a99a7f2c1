//! `GET /v1/blocks/{last | height | hash}`, and `GET /v1/blocks?from=&to=&limit=&cursor=`.

use crate::api::paging::{BLOCKS, heights, part_of, place_of_height};
use crate::api::problem::ApiError;
use crate::api::{ApiState, history_views, views};
use crate::store::history::StoredBlock;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use blockchat_client::shapes::{ApiCode, BlockRowView, BlockView, BlocksRequest, Page};
use blockchat_proto::hash::Hash32;
use blockchat_proto::refusal::Retry;
use blockchat_proto::units::Height;
use std::sync::Arc;

/// Final blocks without what is in them, newest first.
pub(in crate::api) async fn blocks(
    State(state): State<ApiState>,
    query: Result<Query<BlocksRequest>, QueryRejection>,
) -> Result<Json<Page<BlockRowView>>, ApiError> {
    let wanted = part_of(query)?;
    let part = BLOCKS.wanted(wanted.part())?;
    let (from, to) = heights(wanted.from, wanted.to)?;
    let below = part.height()?.map_or(to, |last| Height(last.0.saturating_sub(1)));
    let found = state.blocks.rows(from, to.min(below), part.limit).await?;
    let items = found.items.into_iter().map(history_views::block_row).collect();
    Ok(Json(BLOCKS.page_up_to(items, found.next.map(place_of_height))))
}

/// The ways to name a block in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Last,
    At(Height),
    Hash(Hash32),
}

/// One final block.
pub(in crate::api) async fn block(
    State(state): State<ApiState>,
    Path(wanted): Path<String>,
) -> Result<Json<BlockView>, ApiError> {
    let found = find(&state, parse(&wanted)?).await?;
    Ok(Json(views::block(&found, &state.genesis.genesis().parameters)))
}

fn parse(text: &str) -> Result<Wanted, ApiError> {
    let is_digits = !text.is_empty() && text.len() < 64 && text.bytes().all(|byte| byte.is_ascii_digit());
    let wanted = match text {
        "last" => Some(Wanted::Last),
        _ if is_digits => text.parse().ok().map(|height| Wanted::At(Height(height))),
        _ => text.parse().ok().map(Wanted::Hash),
    };
    wanted.ok_or_else(|| {
        let detail = format!("{text:?} names no block: use last, a height, or a hash of 64 hex digits");
        ApiError::new(ApiCode::BadBlockReference, detail)
    })
}

async fn find(state: &ApiState, wanted: Wanted) -> Result<Arc<StoredBlock>, ApiError> {
    let tip = state.engine.view().tip.height;
    let missing = |detail: String| ApiError::new(ApiCode::BlockNotFound, detail);
    match wanted {
        Wanted::Last if tip == Height(0) => {
            Err(missing("there is no block yet: the chain stands at its genesis, height 0".into())
                .retry(Retry::AtHeight(tip.next())))
        }
        Wanted::At(Height(0)) => Err(missing("height 0 is the genesis: see /v1/genesis".into())),
        Wanted::Last => read_at(state, tip).await,
        Wanted::At(height) if height > tip => {
            Err(missing(format!("block {height} is not final yet: the last final one is {tip}"))
                .retry(Retry::AtHeight(height)))
        }
        Wanted::At(height) => read_at(state, height).await,
        Wanted::Hash(hash) => {
            let found = state.blocks.by_hash(hash).await?;
            found.ok_or_else(|| missing(format!("no final block has the hash {hash}")))
        }
    }
}

async fn read_at(state: &ApiState, height: Height) -> Result<Arc<StoredBlock>, ApiError> {
    let found = state.blocks.at(height).await?;
    found.ok_or_else(|| ApiError::new(ApiCode::BlockNotFound, format!("block {height} is not kept by this node")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_asked_for_by_place_or_by_hash() {
        let hash = Hash32([0x11; 32]);
        assert_eq!(parse("last"), Ok(Wanted::Last));
        assert_eq!(parse("42"), Ok(Wanted::At(Height(42))));
        assert_eq!(parse(&hash.to_string()), Ok(Wanted::Hash(hash)), "64 digits are a hash, not a height");
        for wrong in ["", "-1", "4.2", "latest", "99999999999999999999", "abc"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
