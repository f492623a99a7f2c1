//! The router, its limits, and serving until told to stop.
//!
//! Limits: `CONNECTIONS_MAX` connections, each with a time for its next request's head (`connections`), so many requests of
//! a kind under way, a body per route (a batch is the longest), a time and room for bodies and answers (`admission`).
//! Requests beyond them are answered with a problem at once, never queued. Health checks are beyond all limits but that of
//! connections, where the newest always gets in.

use super::access;
use super::admission::{self, Admission, Lane};
use super::connections;
use super::listener::Door;
use super::problem::ApiError;
use super::room::SharedRoom;
use super::routes::{
    accounts, blocks, consensus, events, health, history, messages, metrics, node, page, peers, pool, receipts, status,
    transactions, validators,
};
use super::state::ApiState;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use blockchat_client::shapes::{ApiCode, path};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Open connections at a time.
const CONNECTIONS_MAX: usize = 512;
/// A connection on which nothing moves for so long is closed; event streams send something every 15 s.
const IDLE_WITHIN: Duration = Duration::from_secs(60);
/// Questions being answered at a time, and of one client.
const READS_MAX: usize = 256;
const READS_EACH_MAX: usize = 128;
/// Transactions being taken in at a time, and of one client.
const SUBMITS_MAX: usize = 128;
const SUBMITS_EACH_MAX: usize = 64;
/// Batches being taken in at a time, and of one client: each may hold 8 MiB.
const BATCHES_MAX: usize = 8;
const BATCHES_EACH_MAX: usize = 6;

/// All routes with their limits.
pub fn router(state: ApiState) -> Router {
    let admission = Admission::new();
    let reads = Router::new()
        .route(path::STATUS, get(status::status))
        .route(path::GENESIS, get(status::genesis))
        .route(path::CONSENSUS, get(consensus::consensus))
        .route(path::VALIDATORS, get(validators::validators))
        .route(path::POOL, get(pool::pool))
        .route(path::NODE, get(node::node))
        .route(path::METRICS, get(metrics::metrics))
        .route(path::OPENAPI, get(page::openapi))
        .route("/", get(page::index))
        .route("/page.js", get(page::script))
        .route("/page.css", get(page::style))
        .route(path::PEERS, get(peers::peers))
        .route(path::PEERS_KNOWN, get(peers::known))
        .route(&under(path::ACCOUNTS, "address"), get(accounts::account))
        .route(&format!("{}/{}", under(path::ACCOUNTS, "address"), path::PROOF), get(receipts::account))
        .route(&under(path::RECEIPTS, "id"), get(receipts::receipt))
        .route(path::HEADERS, get(receipts::headers))
        .route(&under(path::VALIDATOR_SETS, "hash"), get(receipts::validator_set))
        .route(&under(path::MESSAGES, "address"), get(messages::messages))
        .route(&under(path::HISTORY, "address"), get(history::history))
        .route(&under(path::BLOCKS, "block"), get(blocks::block))
        .route(path::BLOCKS, get(blocks::blocks))
        .route(&under(path::TRANSACTIONS, "id"), get(transactions::transaction));
    let submits = Router::new().route(path::TRANSACTIONS, post(transactions::submit));
    let batches = Router::new().route(path::TRANSACTIONS_BATCH, post(transactions::submit_batch));
    let health = Router::new().route(path::LIVE, get(health::live)).route(path::READY, get(health::ready));
    let health = health.layer(middleware::from_fn(admission::always));
    let submits = limited(submits, admission.lane(SUBMITS_MAX, SUBMITS_EACH_MAX));
    let batches = limited(batches, admission.lane(BATCHES_MAX, BATCHES_EACH_MAX));
    let access = state.access.clone();
    let cors = access.cors();
    let routes = limited(reads, admission.lane(READS_MAX, READS_EACH_MAX))
        .merge(body_first(submits, transactions::JSON_BYTES_MAX, admission.bodies()))
        .merge(body_first(batches, transactions::BATCH_BYTES_MAX, admission.bodies()))
        .route(path::EVENTS, get(events::events))
        .merge(health)
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method);
    let routes = match cors {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    let check = move |request: Request, next: Next| access::check(access.clone(), request, next);
    let count = middleware::from_fn_with_state(state.clone(), counted);
    routes.layer(middleware::from_fn(check)).layer(count).with_state(state)
}

/// Serves until `shutdown`; requests under way are finished, event streams are ended.
pub async fn serve(state: ApiState, listener: TcpListener, shutdown: CancellationToken) {
    let app = router(ApiState { ending: shutdown.clone(), ..state });
    let door = Door::new(listener, CONNECTIONS_MAX, IDLE_WITHIN);
    connections::serve(door, app, shutdown).await;
}

/// At most so many requests of these routes at a time.
fn limited(routes: Router<ApiState>, lane: Lane) -> Router<ApiState> {
    routes.layer(middleware::from_fn(move |request: Request, next: Next| admission::work(lane.clone(), request, next)))
}

/// Routes that take a body of at most `most` bytes.
fn body_first(routes: Router<ApiState>, most: usize, bodies: SharedRoom) -> Router<ApiState> {
    let read = move |request: Request, next: Next| admission::body_first(most, bodies.clone(), request, next);
    routes.layer(DefaultBodyLimit::disable()).layer(middleware::from_fn(read))
}

fn under(path: &str, name: &str) -> String {
    format!("{path}/{{{name}}}")
}

/// Counts answers by their status.
async fn counted(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    state.info.metrics.answered(response.status().as_u16());
    response
}

async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::new(ApiCode::NoSuchPath, format!("there is nothing at {}; the API is under /v1", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let detail = format!("{} does not answer {method}", uri.path());
    ApiError::new(ApiCode::MethodNotAllowed, detail)
}
