//! `GET /v1/events`: new final blocks as server-sent events.

use crate::api::ApiState;
use crate::api::caller::{Caller, Working};
use crate::api::problem::ApiError;
use crate::api::room::Place;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use blockchat_client::shapes::{ApiCode, BLOCK_EVENT, BlockEvent};
use blockchat_engine::chain_view::ChainView;
use blockchat_proto::ledger::Tip;
use blockchat_proto::units::Height;
use futures::stream;
use futures::{Stream, StreamExt};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;

/// The tip at once, then each new one; the tip is left out if it is the one that `Last-Event-ID` names. A slow reader misses
/// intermediate tips, never the last.
pub(in crate::api) async fn events(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, ApiError> {
    let place = state.streams.take(caller.client, 1, caller.ended.clone());
    let place = place.ok_or_else(|| ApiError::new(ApiCode::Busy, "too many event streams are open"))?;
    let (views, told) = (state.engine.watch(), last_told(&headers));
    let start = Follower { views, told, _place: place, _working: caller.working() };
    let tips = stream::unfold(start, next_tip).take_until(state.ending.cancelled_owned());
    Ok(Sse::new(tips).keep_alive(KeepAlive::default()))
}

/// The height of the event that a reader heard last, before it was cut off. What is no height of ours is ignored.
fn last_told(headers: &HeaderMap) -> Option<Height> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    id.parse().ok().map(Height)
}

/// One reader of the stream.
struct Follower {
    views: watch::Receiver<Arc<ChainView>>,
    told: Option<Height>,
    /// Its share of the open streams, given back when the stream is dropped.
    _place: Place,
    /// Its connection is not closed to make room for others.
    _working: Working,
}

/// Waits until the tip is another than the last one told; ends when the node stops.
async fn next_tip(mut follower: Follower) -> Option<(Result<Event, Infallible>, Follower)> {
    let told = follower.told;
    let tip = follower.views.wait_for(|view| Some(view.tip.height) != told).await.ok()?.tip;
    follower.told = Some(tip.height);
    Some((Ok(event(&tip)), follower))
}

fn event(tip: &Tip) -> Event {
    let block = BlockEvent { height: tip.height, hash: tip.hash, time: tip.time };
    let data = serde_json::to_string(&block).expect("an event is plain numbers and a hash");
    Event::default().event(BLOCK_EVENT).id(tip.height.to_string()).data(data)
}
