//! Errors as RFC 9457 problems: status, stable code, whether to try again, and what to do next. Codes and what follows from
//! them are defined by `blockchat_client::shapes` (the node's own) and by `TxRejected`; here they only get their words.

use crate::engine_handle::EngineUnavailable;
use crate::store::history::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use blockchat_client::shapes::{ApiCode, Code, Problem, status_of};
use blockchat_proto::ledger::TxRejected;
use blockchat_proto::refusal::Retry;

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: Code,
    retry: Retry,
    detail: String,
}

impl ApiError {
    /// The request is refused, or cannot be answered now.
    pub(super) fn new(code: ApiCode, detail: impl Into<String>) -> Self {
        Self { status: known(code.status()), code: code.into(), retry: code.retry(), detail: detail.into() }
    }

    /// A transaction is refused.
    pub(super) fn refused(reason: &TxRejected) -> Self {
        let (code, retry) = (reason.code(), reason.retry());
        Self { status: known(status_of(code)), code: code.into(), retry, detail: reason.to_string() }
    }

    /// With another status than the code has most often.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The retry advice of this case, where it is more precise than that of its code.
    pub(super) fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }
}

fn known(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("the tables hold statuses of HTTP only")
}

impl From<EngineUnavailable> for ApiError {
    fn from(unavailable: EngineUnavailable) -> Self {
        let code = match unavailable {
            EngineUnavailable::QueueFull => ApiCode::Busy,
            EngineUnavailable::Stopped => ApiCode::Stopping,
        };
        Self::new(code, unavailable.to_string())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, next = error.next_step(), "the store cannot be read");
        Self::new(ApiCode::StoreFault, format!("{error}; see the node's log"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            retry: self.retry,
        };
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.retry == Retry::Now
            && matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
        {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
