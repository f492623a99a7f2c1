//! Errors as RFC 9457 problems: status, stable code, and what to do next.

use crate::engine_handle::EngineUnavailable;
use crate::store::history::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use blockchat_client::shapes::Problem;
use blockchat_proto::ledger::TxRejected;

/// An error on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// 400: the request itself is wrong.
    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404.
    pub(super) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 503: the same request may succeed later.
    pub(super) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }

    /// A refused transaction: 422, but 429 and 503 where only the node's own limits are in the way.
    pub(super) fn refused(reason: &TxRejected) -> Self {
        let status = match reason {
            TxRejected::SenderLimit { .. } => StatusCode::TOO_MANY_REQUESTS,
            TxRejected::PoolFull => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, reason.code(), reason.to_string())
    }
}

impl From<EngineUnavailable> for ApiError {
    fn from(unavailable: EngineUnavailable) -> Self {
        let detail = unavailable.to_string();
        match unavailable {
            EngineUnavailable::QueueFull => Self::unavailable("busy", detail),
            EngineUnavailable::Stopped => Self::unavailable("stopping", detail),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, next = error.next_step(), "the store cannot be read");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_fault", format!("{error}; see the node's log"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".into(),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code.into(),
        };
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
