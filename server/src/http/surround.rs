//! What goes around every request: security headers on the answer, and the figures and the line of log about it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::edge::Edge;
use crate::metrics::names;

/// Nothing that this server answers is ever framed, sniffed, cached or allowed to load anything; the page of the
/// interface's documentation alone may load its own files.
pub(super) async fn security_headers(request: Request, next: Next) -> Response {
    let documentation = request.uri().path().starts_with("/api/docs");
    let mut response = next.run(request).await;
    let policy = if documentation {
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'"
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_SECURITY_POLICY, policy);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    if !documentation {
        set(CACHE_CONTROL, "no-store");
    }
    response
}

/// Counts and logs. The log has the route's pattern, never the path or the query: those carry ids and search words.
pub(super) async fn observe(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    let route = route.unwrap_or_else(|| "none".to_owned());
    let status = response.status();
    let elapsed = started.elapsed();
    metrics::counter!(names::HTTP_REQUESTS, "method" => method, "route" => route.clone(), "status" => status.as_u16().to_string())
        .increment(1);
    metrics::histogram!(names::HTTP_SECONDS, "route" => route.clone()).record(elapsed.as_secs_f64());
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(method, route, status = status.as_u16(), elapsed_us, "request");
    if edge.config.has_tls() {
        let value = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// A method as a label: a client can invent methods without end.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
