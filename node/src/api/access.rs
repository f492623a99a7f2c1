//! Which names this API answers to, and which web pages may ask it. SPEC API-9.
//!
//! Why: a page from anywhere can make a browser ask an API on the same machine, and a name of its owner's may lead here.
//! Always true: a request for a name that is neither an address, `localhost`, nor allowed by the operator is refused, and
//! so is one of a page that is neither this API's own nor allowed; programs that send neither are not concerned.
//! Start reading at [`check`].

use super::problem::ApiError;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use blockchat_client::shapes::ApiCode;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// A browser may remember so long what a page may do.
const REMEMBER: Duration = Duration::from_secs(600);
/// The name under which browsers say which event they heard last.
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// Names and origins that the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    hosts: BTreeSet<String>,
    origins: BTreeSet<String>,
}

impl Access {
    /// Names that lead here, and origins of pages that may ask (`*`: any); both checked already by `config`.
    pub fn new(hosts: &[String], origins: &[String]) -> Self {
        let origin = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Self { hosts: hosts.iter().map(|name| bare(name)).collect(), origins: origins.iter().map(origin).collect() }
    }

    fn may_host(&self, authority: &str) -> bool {
        let name = bare(host_of(authority));
        name == "localhost" || is_address(&name) || self.hosts.contains(&name)
    }

    fn may_origin(&self, origin: &str) -> bool {
        self.origins.contains("*") || self.origins.contains(&origin.to_ascii_lowercase())
    }

    /// Tells browsers that the allowed pages may read and post; nothing if none is allowed.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let access = self.clone();
        let allowed = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
            origin.to_str().is_ok_and(|origin| access.may_origin(origin))
        };
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([header::CONTENT_TYPE, header::ACCEPT, header::CACHE_CONTROL, LAST_EVENT])
            .expose_headers([header::RETRY_AFTER])
            .allow_private_network(true)
            .max_age(REMEMBER);
        (!self.origins.is_empty()).then_some(layer)
    }
}

/// Refuses what is asked under a foreign name or by a foreign page.
pub(super) async fn check(access: Access, request: Request, next: Next) -> Response {
    match refusal(&access, request.version(), request.uri(), request.headers()) {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(access: &Access, version: Version, uri: &Uri, headers: &HeaderMap) -> Option<ApiError> {
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().map(HeaderValue::to_str).collect();
    let host = match (hosts.as_slice(), uri.authority()) {
        // A request line with a whole address in it counts more. RFC 9112, 3.2.2.
        (_, Some(authority)) => authority.as_str(),
        ([Ok(host)], None) => host,
        // No browser speaks so; old probes do.
        ([], None) if version == Version::HTTP_10 => "localhost",
        _ => return Some(ApiError::new(ApiCode::HostRefused, "a request names one Host, in plain ASCII")),
    };
    if !access.may_host(host) {
        let name = host_of(host);
        let detail = format!(
            "this API does not answer to the name {name:?}: ask it by its address, or start the node with --allow-host {name}"
        );
        return Some(ApiError::new(ApiCode::HostRefused, detail));
    }
    let origin = headers.get(header::ORIGIN)?;
    let origin = origin.to_str().unwrap_or("?");
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if own || access.may_origin(origin) {
        return None;
    }
    let detail =
        format!("pages of {origin} may not ask this API: start the node with --allow-origin {origin} to let them");
    Some(ApiError::new(ApiCode::OriginRefused, detail))
}

/// The name or address in `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_of(authority: &str) -> &str {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => authority.rsplit_once(':').filter(|(host, _)| !host.contains(':')).map_or(authority, |(host, _)| host),
    }
}

/// As names are compared.
fn bare(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn is_address(name: &str) -> bool {
    // A zone is the asker's own business.
    name.parse::<IpAddr>().is_ok() || name.split('%').next().is_some_and(|bare| bare.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(access: &Access, host: &str, origin: Option<&str>) -> Option<ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        origin.map(|origin| headers.insert(header::ORIGIN, origin.parse().unwrap()));
        refusal(access, Version::HTTP_11, &Uri::from_static("/v1/status"), &headers)
    }

    /// SPEC API-9.
    #[test]
    fn only_addresses_localhost_and_allowed_names_are_answered_to() {
        let access = Access::new(&["Node.example.".into()], &[]);
        for (host, allowed) in [
            ("127.0.0.1:7474", true),
            ("10.1.2.3", true),
            ("[::1]:7474", true),
            ("[2001:db8::1]", true),
            ("[fe80::1%25eth0]:7474", true),
            ("localhost:7474", true),
            ("LOCALHOST", true),
            ("node.example:80", true),
            ("node.example.", true),
            ("other.example", false),
            ("evil.localhost.example:7474", false),
            ("127.0.0.1.evil.example", false),
            ("node.example.evil", false),
            ("", false),
        ] {
            assert_eq!(asked(&access, host, None).is_none(), allowed, "{host}");
        }
    }

    /// SPEC API-9.
    #[test]
    fn only_own_and_allowed_pages_may_ask() {
        let closed = Access::default();
        let open = Access::new(&[], &["https://wallet.example/".into()]);
        for (access, origin, allowed) in [
            (&closed, "http://127.0.0.1:7474", true),
            (&closed, "http://127.0.0.1:8000", false),
            (&closed, "https://wallet.example", false),
            (&closed, "null", false),
            (&open, "https://Wallet.example", true),
            (&open, "http://wallet.example", false),
            (&Access::new(&[], &["*".into()]), "null", true),
        ] {
            assert_eq!(asked(access, "127.0.0.1:7474", Some(origin)).is_none(), allowed, "{origin}");
        }
    }

    #[test]
    fn a_whole_address_in_the_request_line_counts_more_than_the_host_beside_it() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1"));
        let refused =
            refusal(&Access::default(), Version::HTTP_11, &Uri::from_static("http://evil.example/"), &headers);
        assert!(refused.is_some());
        let none = HeaderMap::new();
        let uri = Uri::from_static("/healthz/live");
        assert!(refusal(&Access::default(), Version::HTTP_11, &uri, &none).is_some());
        assert!(refusal(&Access::default(), Version::HTTP_10, &uri, &none).is_none(), "old probes");
    }
}
