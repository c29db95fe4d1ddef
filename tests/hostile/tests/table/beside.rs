//! What the router serves beside the OpenAPI document: the socket, the page of an invite, the figures, the documentation
//! (S4 and S13 of the security list).
//!
//! A test asks the router itself which paths it has: a route that is neither in the document nor here fails it.

use std::collections::BTreeSet;
use std::sync::Arc;

use fil_server::http::{metrics_router, router};
use fil_server::secret::Secret;

use crate::route::ROUTES;
use crate::routes::METHODS;
use crate::stage::{Ask, Findings, Stage, dump};

/// Every path that the document does not have.
const BESIDE: [&str; 7] = [
    "/api/docs",
    "/api/docs/",
    "/api/docs/openapi.json",
    "/api/docs/{*rest}",
    // Also in `frames.rs`, `handshake.rs`, `tokens.rs` and `floods.rs`.
    "/api/v1/socket",
    "/invite",
    "/metrics",
];

/// The token of an operator's Prometheus.
const METRICS_TOKEN: &str = "canary-secret";

/// A request for one of them: its path in [`BESIDE`], what is asked for, a header, and what comes of it. `ADA` stands for
/// Ada's token.
type Case = (&'static str, &'static str, (&'static str, &'static str), &'static str);

/// No header that matters.
const NONE: (&str, &str) = ("accept", "*/*");

const CASES: [Case; 16] = [
    ("/api/docs", "/api/docs", NONE, "303"),
    ("/api/docs", "/api/docs?url=https://thief.example/", NONE, "303"),
    ("/api/docs/", "/api/docs/", NONE, "200"),
    ("/api/docs/openapi.json", "/api/docs/openapi.json", NONE, "200"),
    ("/api/docs/{*rest}", "/api/docs/..%2f..%2f..%2fetc%2fpasswd", NONE, "404 unsupported"),
    ("/api/docs/{*rest}", "/api/docs/%2e%2e%2fv1%2fme", NONE, "404 unsupported"),
    ("/api/docs/{*rest}", "/api/docs/index.html%00", NONE, "404 unsupported"),
    ("/api/v1/socket", "/api/v1/socket", NONE, "401 unauthorised"),
    ("/api/v1/socket", "/api/v1/socket", ("authorization", "Bearer ADA"), "400 malformed"),
    ("/invite", "/invite", NONE, "200"),
    ("/invite", "/invite?canary-secret=<script>", NONE, "200"),
    ("/metrics", "/metrics", NONE, "403 forbidden"),
    ("/metrics", "/metrics", ("authorization", "Bearer ADA"), "403 forbidden"),
    ("/metrics", "/metrics", ("authorization", "Bearer canary-secre"), "403 forbidden"),
    ("/metrics", "/metrics?token=canary-secret", ("cookie", "token=canary-secret"), "403 forbidden"),
    ("/metrics", "/metrics", ("authorization", "Bearer canary-secret"), "200"),
];

/// Addresses with which somebody behind a proxy on the same machine comes, when there is no token.
const FORWARDED: [(&str, &str); 4] = [
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-for", ""),
    ("forwarded", "for=127.0.0.1"),
    ("forwarded", "nonsense"),
];

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("routes beside the document", CASES.len() + FORWARDED.len() + BESIDE.len() * (METHODS.len() - 1))
}

/// The paths of a router, as it says itself when it is printed for debugging; there is no other way to ask. What it says
/// in another version of the library is not understood, and fails.
fn paths(router: &impl std::fmt::Debug) -> BTreeSet<String> {
    let printed = format!("{router:?}");
    let (routes, _) = printed.split_once("fallback_router").expect("fallbacks stand by themselves");
    let named = routes.split("RouteId(").filter_map(|part| part.split_once("): \"")?.1.split_once('"'));
    named.map(|(path, _)| path.to_owned()).collect()
}

/// S13: nobody adds a route that no table knows.
#[tokio::test]
async fn every_path_of_the_router_is_in_the_document_or_here() {
    let stage = Stage::new().await;
    let known: BTreeSet<String> = ROUTES.iter().map(|route| route.path).chain(BESIDE).map(str::to_owned).collect();
    assert_eq!(paths(&router(Arc::clone(stage.running.edge()))), known, "a route has no cases");
    assert_eq!(paths(&metrics_router()), ["/metrics".to_owned()].into());
    for path in BESIDE {
        assert!(CASES.iter().any(|case| case.0 == path), "{path} has no cases");
    }
}

/// Nothing is told to whom it is not for, nothing that was sent comes back, and nothing is written.
#[tokio::test]
async fn every_route_beside_the_document_gives_its_typed_answer() {
    let stage = Stage::with(|config| config.metrics.token = Secret::new(METRICS_TOKEN)).await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    for (_, path, (header, value), expected) in CASES {
        let ask = Ask::get(path).with(header, value.replace("ADA", &stage.ada.access_token));
        let answer = stage.ask(&ask).await;
        // A redirection has no body.
        let got = if answer.status == 303 { "303".to_owned() } else { answer.refusal() };
        findings.check(got, expected, format!("{path} with {header}: {value}"));
        let location = answer.headers.get("location").map_or(b"/api/docs/".as_slice(), |value| value.as_bytes());
        assert_eq!(location, b"/api/docs/", "{path} leads elsewhere");
        assert!(!answer.text.contains("canary-secret"), "{path} gives back what was sent");
    }
    for (path, method) in BESIDE.iter().flat_map(|path| METHODS.map(|method| (*path, method))) {
        let ask = Ask::new(method.parse().unwrap(), path.replace("{*rest}", "index.html"));
        if method != "GET" {
            let answer = stage.ask(&ask.bearer(&stage.ada.access_token)).await;
            let got = if answer.text.is_empty() { format!("{} nothing", answer.status) } else { answer.refusal() };
            findings.check(got, "405 unsupported", format!("{method} {path}"));
            assert!(answer.headers.contains_key("allow"), "{method} {path} does not say which methods there are");
        }
    }
    assert_eq!(dump(&stage.database(), &[]), before);
    stage.check_neighbour(&mut neighbour).await;
    findings.end();
}

/// S4: without a token the figures are for this machine alone, and not for whomever a proxy on it lets in.
#[tokio::test]
async fn figures_are_not_for_those_behind_a_proxy() {
    let stage = Stage::new().await;
    let mut findings = Findings::default();
    for (header, value) in FORWARDED {
        let ask = Ask::get("/metrics").with(header, value).with("authorization", format!("Bearer {METRICS_TOKEN}"));
        findings.check(stage.ask(&ask).await.refusal(), "403 forbidden", format!("{header}: {value}"));
    }
    findings.end();
    assert_eq!(stage.ask(&Ask::get("/metrics")).await.status, 200);
}
