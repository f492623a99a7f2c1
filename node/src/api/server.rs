//! The router, its limits, and serving until told to stop.
//!
//! Limits: `CONNECTIONS_MAX` connections, each with a time for its next request's head (`connections`), `REQUESTS_MAX`
//! requests under way, a body per route (a batch is the longest), `REQUEST_WITHIN` for an answer. Requests beyond them are
//! answered with a problem at once, never queued.

use super::connections;
use super::listener::Limited;
use super::problem::ApiError;
use super::routes::{accounts, blocks, events, health, history, messages, peers, status, transactions};
use super::state::ApiState;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use blockchat_client::shapes::{ApiCode, path};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Open connections at a time. Further ones wait until one is closed.
const CONNECTIONS_MAX: usize = 512;
/// A connection on which nothing moves for so long is closed; event streams send something every 15 s.
const IDLE_WITHIN: Duration = Duration::from_secs(60);
/// Requests under way at a time, without event streams and health checks.
const REQUESTS_MAX: usize = 256;
/// Batches under way at a time: each may hold 8 MiB.
const BATCHES_MAX: usize = 8;
/// Longest time for one answer.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// All routes with their limits.
pub fn router(state: ApiState) -> Router {
    let one = DefaultBodyLimit::max(transactions::JSON_BYTES_MAX);
    let many = DefaultBodyLimit::max(transactions::BATCH_BYTES_MAX);
    let quick = Router::new()
        .route(path::STATUS, get(status::status))
        .route(path::GENESIS, get(status::genesis))
        .route(path::PEERS, get(peers::peers))
        .route(path::PEERS_KNOWN, get(peers::known))
        .route(&under(path::ACCOUNTS, "address"), get(accounts::account))
        .route(&under(path::MESSAGES, "address"), get(messages::messages))
        .route(&under(path::HISTORY, "address"), get(history::history))
        .route(&under(path::BLOCKS, "block"), get(blocks::block))
        .route(path::BLOCKS, get(blocks::blocks))
        .route(&under(path::TRANSACTIONS, "id"), get(transactions::transaction))
        .route(path::TRANSACTIONS, post(transactions::submit).layer(one));
    let batch = Router::new().route(path::TRANSACTIONS_BATCH, post(transactions::submit_batch).layer(many));
    let health = Router::new().route(path::LIVE, get(health::live)).route(path::READY, get(health::ready));
    limited(quick, REQUESTS_MAX)
        .merge(limited(batch, BATCHES_MAX))
        .layer(middleware::from_fn(within_time))
        .route(path::EVENTS, get(events::events))
        .merge(health)
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
}

/// Serves until `shutdown`; requests under way are finished, event streams are ended.
pub async fn serve(state: ApiState, listener: TcpListener, shutdown: CancellationToken) {
    let app = router(ApiState { ending: shutdown.clone(), ..state });
    let listener = Limited::new(listener, CONNECTIONS_MAX, IDLE_WITHIN);
    connections::serve(listener, app, shutdown).await;
}

fn under(path: &str, name: &str) -> String {
    format!("{path}/{{{name}}}")
}

/// At most `most` requests of these routes at a time; the permit lives until the answer's head is made.
fn limited(routes: Router<ApiState>, most: usize) -> Router<ApiState> {
    let permits = Arc::new(Semaphore::new(most));
    routes.layer(middleware::from_fn(move |request: Request, next: Next| {
        let permits = Arc::clone(&permits);
        async move {
            match permits.try_acquire() {
                Ok(_permit) => next.run(request).await,
                Err(_) => ApiError::new(ApiCode::Busy, "too many requests are under way; try again in a moment")
                    .into_response(),
            }
        }
    }))
}

async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(ApiCode::Timeout, "no answer within 10 s; try again in a moment").into_response(),
    }
}

async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::new(ApiCode::NoSuchPath, format!("there is nothing at {}; the API is under /v1", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let detail = format!("{} does not answer {method}", uri.path());
    ApiError::new(ApiCode::MethodNotAllowed, detail)
}
