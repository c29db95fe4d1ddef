//! The description of the interface: OpenAPI 3.1 at `/api/docs/openapi.json`, a page to read and try it at `/api/docs`.

use axum::Router;
use axum::middleware::map_response;
use fil_protocol::ProtocolError;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

/// What is true of the whole interface.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Fil",
        description = "The REST interface of a Fil server.\n\n\
            Sign in with `POST /api/v1/sessions`, send the access token as `Authorization: Bearer …`, and refresh it \
            before its ten minutes are over. Every refusal is a `ProtocolError`; a program acts on its `code`. \
            `Retry-After` and `retry_after_ms` say when to come back.\n\n\
            What is live goes over the WebSocket at `/api/v1/socket`, opened with the same header; its frames are \
            described in `docs/PROTOCOL.md`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "server", description = "The server itself."),
        (name = "sessions", description = "Signing in and out, devices."),
        (name = "accounts", description = "People."),
        (name = "conversations", description = "Conversations, members, messages, search."),
    ),
    modifiers(&Security),
    security(("access_token" = [])),
)]
pub(super) struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.bearer_format = Some("JWT".to_owned());
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("access_token", SecurityScheme::Http(scheme));
    }
}

/// Refusals of every route that asks who is calling.
#[derive(Debug, IntoResponses)]
#[allow(dead_code, reason = "read by the derive, which turns it into documentation")]
pub(super) enum Refusals {
    /// Nobody is signed in, the token has expired, the device was revoked or the account disabled.
    #[response(status = 401, headers(("WWW-Authenticate" = String)))]
    Unauthorised(ProtocolError),
    /// Too many requests.
    #[response(status = 429, headers(("Retry-After" = u64, description = "Seconds.")))]
    RateLimited(ProtocolError),
    /// The server failed; nothing was changed.
    #[response(status = 500)]
    Internal(ProtocolError),
    /// The server is starting, stopping or out of room.
    #[response(status = 503, headers(("Retry-After" = u64, description = "Seconds.")))]
    Unavailable(ProtocolError),
}

/// Refusals of every route with a body.
#[derive(Debug, IntoResponses)]
#[allow(dead_code, reason = "read by the derive, which turns it into documentation")]
pub(super) enum BodyRefusals {
    /// The request does not have the shape that the route takes, or breaks a rule that `detail` names.
    #[response(status = 400)]
    Malformed(ProtocolError),
    /// The body did not arrive in time.
    #[response(status = 408)]
    TooSlow(ProtocolError),
    /// The body is larger than 256 KiB.
    #[response(status = 413)]
    TooLarge(ProtocolError),
    /// The body is not `application/json`.
    #[response(status = 415)]
    NotJson(ProtocolError),
}

/// The document and its page.
pub(super) fn router(document: utoipa::openapi::OpenApi) -> Router {
    let page = Router::from(SwaggerUi::new("/api/docs").url("/api/docs/openapi.json", document));
    page.layer(map_response(super::failure::no_such_page))
}
