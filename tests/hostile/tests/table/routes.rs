//! Every route: without a token, by a method that it does not have, and with ids that are not the caller's (row 37 of
//! the failure catalogue; S13 and S20 of the security list).
//!
//! The routes stand in a table, which tests here compare with the OpenAPI document of the server: a new route, and a new
//! parameter or a new id of an old one, fails until it has its row. What the router has beside the document stands in
//! `beside.rs`.

use std::collections::BTreeSet;

use fil_server::http::document;
use serde_json::{Value, json};

use crate::commands::{WHOSE, Whose, account, conversation};
use crate::ids::ids_of_schema;
use crate::route::{Id, ROUTES, Route};
use crate::stage::{Answer, Ask, Findings, Stage, bytes, dump, nobody};

/// Methods that a route may be asked by.
pub(crate) const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    let closed = ROUTES.iter().filter(|route| !route.open).count();
    let ids: usize = ROUTES.iter().map(|route| route.ids.len() * WHOSE.len()).sum();
    ("routes", closed + ids + wrong_methods().len() + odd_paths().len() + parameters().len())
}

fn paths() -> BTreeSet<&'static str> {
    ROUTES.iter().map(|route| route.path).collect()
}

fn wrong_methods() -> Vec<(&'static str, &'static str)> {
    let has = |path: &str, method: &str| ROUTES.iter().any(|route| route.path == path && route.method == method);
    let all = paths().into_iter().flat_map(|path| METHODS.map(|method| (method, path)));
    all.filter(|(method, path)| !has(path, method)).collect()
}

/// What this table says and what the server says of itself are the same.
#[test]
fn every_route_and_every_parameter_has_its_row() {
    let document = serde_json::to_value(document()).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let mut parameters: Vec<String> = parameters
                .filter(|parameter| parameter["in"] == "path" || parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            parameters.sort_unstable();
            let has_body = operation.get("requestBody").is_some();
            let open = operation["security"] == json!([{}]);
            described.insert((method.to_uppercase(), path.clone(), parameters, has_body, open));
        }
    }
    let ours: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            let parameters = route.parameters.iter().map(|name| (*name).to_owned()).collect();
            (route.method.to_owned(), route.path.to_owned(), parameters, route.body.is_some(), route.open)
        })
        .collect();
    assert_eq!(ours, described);
}

/// A new id fails here until it has its cases, wherever a route takes it: in its path, query, headers or body.
#[test]
fn every_id_of_a_route_has_its_cases() {
    let document = serde_json::to_value(document()).unwrap();
    for route in ROUTES {
        let described = places(&document, &document["paths"][route.path][route.method.to_lowercase()]);
        let ours = route.ids.iter().map(|id| id.place().to_owned()).collect();
        assert_eq!(described, ours, "{} {} has an id without its case", route.method, route.path);
    }
}

/// Where an operation takes ids. What stands in a path names something, however the document describes it.
fn places(document: &Value, operation: &Value) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let part = parameter["in"].as_str().expect("a parameter stands in a part of the request");
        let place = format!("{part}/{}", parameter["name"].as_str().expect("it has a name"));
        if part == "path" {
            places.insert(place);
        } else {
            places.extend(ids_of_schema(document, &parameter["schema"], &place));
        }
    }
    for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        places.extend(ids_of_schema(document, &content.1["schema"], "body"));
    }
    places
}

/// Nobody gets past a route that asks who is calling.
#[tokio::test]
async fn every_closed_route_refuses_a_caller_without_a_token_and_every_route_an_unknown_method() {
    let stage = Stage::new().await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    for route in ROUTES.iter().filter(|route| !route.open) {
        let mut ask = Ask::new(route.method(), route.address(&stage));
        if let Some(body) = route.body {
            ask = Ask { method: route.method(), ..Ask::post(ask.path, body) };
        }
        assert_eq!(stage.ask(&ask).await.refusal(), "401 unauthorised", "{} {}", route.method, route.path);
    }
    for (method, path) in wrong_methods() {
        let path =
            path.replace("{conversation}", &stage.group.to_string()).replace("{device}", &stage.ada.device.to_string());
        let ask = Ask::new(method.parse().unwrap(), path).bearer(&stage.ada.access_token);
        let answer = stage.ask(&ask).await;
        let got = if answer.text.is_empty() { format!("{} nothing", answer.status) } else { answer.refusal() };
        findings.check(got, "405 unsupported", format!("{method} {}", ask.path));
    }
    assert_eq!(dump(&stage.database(), &[]), before);
    findings.end();
}

/// Row 37 and S13: status and body are those of an id that never existed, and nothing is written.
#[tokio::test]
async fn every_route_finds_nothing_by_an_id_that_is_not_the_callers() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let before = dump(&stage.database(), &[]);
    for route in ROUTES {
        for id in route.ids {
            let mut unknown: Option<Answer> = None;
            for whose in WHOSE {
                let ask = aimed(&stage, route, *id, whose).bearer(&stage.ada.access_token);
                let answer = stage.ask(&ask).await;
                assert_eq!(answer.refusal(), "404 not_found", "{} {} {whose:?}", route.method, route.path);
                let answer = Answer { headers: without_date(&answer), ..answer };
                let unknown = unknown.get_or_insert_with(|| answer.clone());
                assert_eq!(&answer, unknown, "{} {} tells {whose:?} from nobody", route.method, route.path);
                assert_eq!(dump(&stage.database(), &[]), before, "{} {} {whose:?}", route.method, route.path);
            }
        }
    }
    assert_eq!(neighbour.ping().await, [], "somebody heard of it");
    stage.check_neighbour(&mut neighbour).await;
}

fn without_date(answer: &Answer) -> reqwest::header::HeaderMap {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    headers
}

fn aimed(stage: &Stage, route: &Route, id: Id, whose: Whose) -> Ask {
    let mut path = route.path.to_owned();
    let mut body = route.body.map(str::to_owned);
    match id {
        Id::ConversationInPath => path = path.replace("{conversation}", &conversation(stage, whose).to_string()),
        Id::ConversationInQuery => path = format!("{path}?query=vault&conversation={}", conversation(stage, whose)),
        Id::DeviceInPath => {
            let device = match whose {
                Whose::Nobody => nobody().into(),
                Whose::Others => stage.ben.device,
                Whose::Left => stage.cleo.device,
                Whose::Foreign => stage.eve.device,
            };
            path = path.replace("{device}", &device.to_string());
        }
        Id::DirectMemberInBody => {
            body = Some(json!({ "kind": "direct", "members": [account(stage, whose)] }).to_string());
        }
        Id::GroupMemberInBody => {
            body = Some(json!({ "kind": "group", "title": "x", "members": [account(stage, whose)] }).to_string());
        }
    }
    match body {
        Some(body) => Ask { method: route.method(), ..Ask::post(path, body) },
        None => Ask::new(route.method(), path),
    }
}

/// Paths that lead nowhere, whatever they look like.
fn odd_paths() -> Vec<&'static str> {
    vec![
        "/",
        "//api/v1/me",
        "/api/v1",
        "/api/v1/",
        "/api/v1/me/",
        "/api/v2/me",
        "/API/V1/ME",
        "/api/v1/%6de%2f",
        "/api/v1/../../etc/passwd",
        "/api/v1/..%2f..%2fetc%2fpasswd",
        "/api/v1/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/..;/me",
        "/api/v1/me%00",
        "/api/v1/me%0d%0aset-cookie:%20a=b",
        "/api/v1/con",
        "/api/v1/keys/refresh.key",
        "/fil.db",
        "/data/fil.db",
        "/.git/config",
        "/api/docs/../v1/none",
        "/invite/x",
        "/metrics/x",
    ]
}

/// Parameters with what does not belong there, and how the server takes it.
fn parameters() -> Vec<(&'static str, String, &'static str)> {
    let id = "01890000-0000-7000-8000-000000000000";
    let mut cases = Vec::new();
    for limit in ["0", "51", "-1", "1.5", "x", "", "99999999999999999999", "1e1", "0x10", "%F0%9F%98%80", "1&limit=2"] {
        let expected = if ["0", "51"].contains(&limit) { "400 invalid" } else { "400 malformed" };
        for path in ["/api/v1/accounts?", "/api/v1/search?query=a&", "/api/v1/conversations/GROUP/messages?"] {
            cases.push(("a limit", format!("{path}limit={limit}"), expected));
        }
    }
    for (before, expected) in [
        ("0", "400 invalid"),
        ("9007199254740992", "400 invalid"),
        ("18446744073709551615", "400 invalid"),
        ("18446744073709551616", "400 malformed"),
        ("-1", "400 malformed"),
        ("x", "400 malformed"),
    ] {
        cases.push(("before", format!("/api/v1/conversations/GROUP/messages?before={before}"), expected));
    }
    for before in ["", "-1", "zz", "1'--", "9999999999999999999", "%00", "1%202", "%D9%A1"] {
        cases.push(("a page of the search", format!("/api/v1/search?query=a&before={before}"), "400 malformed"));
    }
    for (query, expected) in [
        ("a%00b".to_owned(), "400 invalid"),
        ("a".repeat(257), "400 too_large"),
        ("%C3%A9".repeat(129), "400 too_large"),
        ("%ff".to_owned(), "200"),
        ("%22%20OR%201=1%20--".to_owned(), "200"),
        ("NEAR(%22a%22,%20999999999)".to_owned(), "200"),
        ("%2a%20%5e%20words%3a".to_owned(), "200"),
        ("%e2%80%ae%f0%9f%91%8d".to_owned(), "200"),
        ("%cc%81".repeat(80), "200"),
    ] {
        cases.push(("a search", format!("/api/v1/search?query={query}"), expected));
        cases.push(("people", format!("/api/v1/accounts?query={query}"), expected));
    }
    cases.push(("no query", "/api/v1/search".to_owned(), "400 malformed"));
    cases.push(("two queries", "/api/v1/search?query=a&query=b".to_owned(), "400 malformed"));
    for wrong in ["7", "me", "{ID}", "urn:uuid:ID", "ID0", "ID%00", "IDID", "%20"] {
        let wrong = wrong.replace("ID", id);
        cases.push(("a device", format!("DELETE /api/v1/devices/{wrong}"), "400 malformed"));
        cases.push(("members", format!("/api/v1/conversations/{wrong}/members"), "400 malformed"));
        cases.push(("history", format!("/api/v1/conversations/{wrong}/messages"), "400 malformed"));
    }
    cases.push(("a conversation in the query", "/api/v1/search?query=a&conversation=7".to_owned(), "400 malformed"));
    cases
}

/// Paths and parameters: typed, and read without a trace.
#[tokio::test]
async fn every_odd_path_and_parameter_gets_its_typed_answer() {
    let stage = Stage::new().await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    for path in odd_paths() {
        // As a raw request: a client that tidies paths up would never ask for these.
        let token = &stage.ada.access_token;
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        let answer = stage.raw(head.as_bytes()).await;
        let refused = answer.starts_with("HTTP/1.1 404") && answer.contains("\"unsupported\"");
        findings.check(if refused { "404 unsupported" } else { &answer }, "404 unsupported", path);
        assert!(!answer.to_lowercase().contains("set-cookie"), "{path}: {answer}");
    }
    for (name, address, expected) in parameters() {
        let address = address.replace("GROUP", &stage.group.to_string());
        let (method, path) = address.split_once(' ').unwrap_or(("GET", &address));
        let answer = stage.ask(&Ask::new(method.parse().unwrap(), path).bearer(&stage.ada.access_token)).await;
        findings.check(answer.refusal(), expected, format!("{name}: {path}"));
        if answer.status == 200 {
            let found: Value = serde_json::from_str(&answer.text).unwrap();
            assert!(found["hits"].as_array().or(found["accounts"].as_array()).is_some(), "{}", answer.text);
        }
    }
    assert_eq!(dump(&stage.database(), &[]), before);
    let own = stage
        .ask(
            &Ask::post(
                format!("/api/v1/conversations/{}/messages", stage.group),
                bytes(&json!({ "text": "still here" })),
            )
            .bearer(&stage.ada.access_token),
        )
        .await;
    assert_eq!(own.status, 201, "{}", own.text);
    findings.end();
}
