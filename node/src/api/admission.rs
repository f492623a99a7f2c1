//! The checks between a connection and a route, for the request on its way in and the answer on its way out. SPEC
//! API-10.
//!
//! Owns: when a body is read, how many requests are under way, how many bytes of bodies and answers are held. Does not own:
//! connections (`listener`), names and pages that may ask (`access`).
//!
//! Always true:
//! - a request is counted only once it is here as a whole: a client that sends slowly takes no place from others;
//! - an answer counts until it is written; without room, the client that holds the most of them is parted from;
//! - health checks pass none of this.
//!
//! Start reading at [`work`].

use super::caller::Caller;
use super::problem::ApiError;
use super::room::{Place, SharedRoom, Yields};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use blockchat_client::shapes::ApiCode;
use futures::StreamExt;
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Longest time for one answer to be made.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Longest time for a body to come.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of bodies that are on their way or being worked on: eight of the longest batches.
const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of answers that wait to be taken.
const ANSWERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Shorter answers are not counted: all connections together hold 8 MiB of them.
const ANSWER_BYTES_SMALL: usize = 16 * 1024;
/// An answer is handed to the connection in parts of this many bytes, so that no more than it is copied ahead.
const PART_BYTES: usize = 64 * 1024;

/// Room for one kind of request: so many at a time, and a part of them for one client.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    requests: SharedRoom,
    answers: SharedRoom,
}

/// All that requests and answers take room of.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    bodies: SharedRoom,
    answers: SharedRoom,
}

impl Admission {
    pub(super) fn new() -> Self {
        Self {
            bodies: SharedRoom::new(BODIES_BYTES_MAX, BODIES_BYTES_MAX, Yields::Oldest),
            answers: SharedRoom::new(ANSWERS_BYTES_MAX, usize::MAX, Yields::Oldest),
        }
    }

    /// At most `most` requests at a time, `most_each` of them from one client.
    pub(super) fn lane(&self, most: usize, most_each: usize) -> Lane {
        Lane { requests: SharedRoom::new(most, most_each, Yields::Never), answers: self.answers.clone() }
    }

    /// Bytes of bodies.
    pub(super) fn bodies(&self) -> SharedRoom {
        self.bodies.clone()
    }
}

/// Lets a request that is here as a whole be answered, if there is room.
pub(super) async fn work(lane: Lane, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return no_caller();
    };
    let Some(permit) = lane.requests.take(caller.client, 1, caller.ended.clone()) else {
        return busy("too many requests are under way; try again in a moment");
    };
    let working = caller.working();
    let answer = timeout(ANSWER_WITHIN, next.run(request)).await;
    drop((permit, working));
    let response = match answer {
        Ok(response) => response,
        Err(_) => ApiError::new(ApiCode::Timeout, "no answer within 10 s; try again in a moment").into_response(),
    };
    hold(&lane.answers, &caller, response).await
}

/// Health checks: whatever else is asked, and however much.
pub(super) async fn always(request: Request, next: Next) -> Response {
    let working = request.extensions().get::<Caller>().map(Caller::working);
    let response = next.run(request).await;
    drop(working);
    response
}

/// Reads the whole body before anything else happens; at most `most` bytes of it.
pub(super) async fn body_first(most: usize, bodies: SharedRoom, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return no_caller();
    };
    let place = bodies.enter(caller.client, caller.ended.clone());
    let (head, body) = request.into_parts();
    match read(body, most, &place).await {
        Ok(bytes) => {
            place.stands_still(false);
            next.run(Request::from_parts(head, Body::from(bytes))).await
        }
        Err(refused) => refused.into_response(),
    }
}

async fn read(body: Body, most: usize, place: &Place) -> Result<Vec<u8>, ApiError> {
    let refused = |status, detail: String| ApiError::new(ApiCode::BodyRefused, detail).with_status(status);
    let deadline = Instant::now() + BODY_WITHIN;
    let (mut parts, mut bytes) = (body.into_data_stream(), vec![]);
    loop {
        let part = timeout_at(deadline, parts.next()).await;
        let part =
            part.map_err(|_| refused(StatusCode::REQUEST_TIMEOUT, "the body did not come within 10 s".into()))?;
        let Some(part) = part else { return Ok(bytes) };
        let part: Bytes =
            part.map_err(|error| refused(StatusCode::BAD_REQUEST, format!("the body broke off: {error}")))?;
        if bytes.len() + part.len() > most {
            return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {most} bytes")));
        }
        if !place.grow(part.len()) {
            return Err(ApiError::new(ApiCode::Busy, "too much is on its way already; try again in a moment"));
        }
        bytes.extend_from_slice(&part);
    }
}

/// An answer that is long counts until its client has taken it.
async fn hold(answers: &SharedRoom, caller: &Caller, response: Response) -> Response {
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length > ANSWER_BYTES_SMALL) else {
        return response;
    };
    let Some(place) = answers.take(caller.client, length, caller.ended.clone()) else {
        return busy("too many answers wait to be taken; try again in a moment");
    };
    let (mut head, body) = response.into_parts();
    match axum::body::to_bytes(body, length).await {
        Ok(rest) => {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            Response::from_parts(head, Body::new(Held { rest, _place: place }))
        }
        Err(error) => ApiError::new(ApiCode::StoreFault, format!("the answer broke off: {error}")).into_response(),
    }
}

/// A body that gives back its room with its last part.
struct Held {
    rest: Bytes,
    _place: Place,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.rest.len().min(PART_BYTES);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

fn busy(detail: &str) -> Response {
    ApiError::new(ApiCode::Busy, detail).into_response()
}

/// A router without connections below it: a mistake of ours.
fn no_caller() -> Response {
    ApiError::new(ApiCode::Stuck, "the request came over no connection").into_response()
}
