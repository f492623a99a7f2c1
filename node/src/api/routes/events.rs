//! `GET /v1/events`: new final blocks as server-sent events.

use crate::api::ApiState;
use crate::api::problem::ApiError;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use blockchat_engine::chain_view::ChainView;
use blockchat_proto::ledger::Tip;
use blockchat_proto::units::Height;
use futures::stream;
use futures::{Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// The tip at once, then each new one. A slow reader misses intermediate tips, never the last.
pub(in crate::api) async fn events(
    State(state): State<ApiState>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, ApiError> {
    let permit = Arc::clone(&state.streams).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::unavailable("busy", "too many event streams are open"))?;
    let start = Follower { views: state.engine.watch(), told: None, _permit: permit };
    let tips = stream::unfold(start, next_tip).take_until(state.ending.cancelled_owned());
    Ok(Sse::new(tips).keep_alive(KeepAlive::default()))
}

/// One reader of the stream.
struct Follower {
    views: watch::Receiver<Arc<ChainView>>,
    told: Option<Height>,
    /// Its share of the open streams, given back when the stream is dropped.
    _permit: OwnedSemaphorePermit,
}

/// Waits until the tip is another than the last one told; ends when the node stops.
async fn next_tip(mut follower: Follower) -> Option<(Result<Event, Infallible>, Follower)> {
    let told = follower.told;
    let tip = follower.views.wait_for(|view| Some(view.tip.height) != told).await.ok()?.tip;
    follower.told = Some(tip.height);
    Some((Ok(event(&tip)), follower))
}

fn event(tip: &Tip) -> Event {
    let data = serde_json::json!({ "height": tip.height, "hash": tip.hash, "time": tip.time });
    Event::default().event("block").id(tip.height.to_string()).data(data.to_string())
}
