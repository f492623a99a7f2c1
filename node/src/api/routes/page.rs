//! `GET /`: a small page of our own that lists the paths and lets one try them; and `GET /v1/openapi.json`, from which it is
//! made.
//!
//! Always true: the page loads nothing from anywhere else, runs no script but its own, and is shown in no other page.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use blockchat_client::shapes;
use serde_json::Value;
use std::sync::LazyLock;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

type Page = ([(HeaderName, HeaderValue); 4], &'static str);

/// The page.
pub(in crate::api) async fn index() -> Page {
    page("text/html; charset=utf-8", include_str!("../page/index.html"))
}

/// Its script.
pub(in crate::api) async fn script() -> Page {
    page("text/javascript; charset=utf-8", include_str!("../page/page.js"))
}

/// Its looks.
pub(in crate::api) async fn style() -> Page {
    page("text/css; charset=utf-8", include_str!("../page/page.css"))
}

fn page(kind: &'static str, content: &'static str) -> Page {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, content)
}

/// The API as an OpenAPI document.
pub(in crate::api) async fn openapi() -> Json<&'static Value> {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| shapes::document(env!("CARGO_PKG_VERSION")));
    Json(&DOCUMENT)
}
