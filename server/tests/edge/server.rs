//! What the server says about itself: health, figures, documentation, compression.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::stage::{Answer, Stage, refused};

#[tokio::test]
async fn health_version_and_documentation_are_public() {
    let stage = Stage::new().await;
    let get = async |path: &str| Answer::of(stage.request(Method::GET, path)).await;
    assert_eq!(get("/healthz").await.status, StatusCode::OK);
    assert_eq!(get("/readyz").await.status, StatusCode::OK);
    let server: Value = get("/api/v1/server").await.expect(StatusCode::OK);
    assert_eq!((&server["name"], &server["protocol"]["current"]), (&"fil".into(), &1.into()));
    let document: Value = get("/api/docs/openapi.json").await.expect(StatusCode::OK);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/api/v1/conversations/{conversation}/messages"), "{:?}", paths.keys());
    let page = get("/api/docs/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("swagger-ui"));
}

#[tokio::test]
async fn figures_are_for_this_machine_or_the_bearer_of_the_token() {
    let stage = Stage::new().await;
    let get = |path: &str| stage.request(Method::GET, path);
    let figures = Answer::of(get("/metrics")).await;
    assert_eq!(figures.status, StatusCode::OK);
    assert!(figures.text.contains("fil_connections"), "{}", figures.text);
    assert!(figures.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let forwarded = Answer::of(get("/metrics").header("x-forwarded-for", "127.0.0.1")).await;
    assert_eq!(forwarded.refusal(), refused(403, "forbidden"));

    let stage = Stage::with(|config| config.metrics.token = fil_server::secret::Secret::new("canary")).await;
    let get = || stage.request(Method::GET, "/metrics");
    assert_eq!(Answer::of(get()).await.refusal(), refused(403, "forbidden"));
    assert_eq!(Answer::of(get().bearer_auth("canar")).await.refusal(), refused(403, "forbidden"));
    assert_eq!(Answer::of(get().bearer_auth("canary")).await.status, StatusCode::OK);

    let stage = Stage::with(|config| config.metrics.listen = "127.0.0.1:0".to_owned()).await;
    assert_eq!(Answer::of(stage.request(Method::GET, "/metrics")).await.refusal(), refused(403, "forbidden"));
    let second = stage.running.metrics_address().unwrap();
    let figures = Answer::of(stage.http.get(format!("http://{second}/metrics"))).await;
    assert!(figures.text.contains("fil_http_requests_total"), "{}", figures.text);
}

#[tokio::test]
async fn long_answers_are_compressed_and_short_ones_are_not() {
    let stage = Stage::new().await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let conversation = ada.direct(ben.account()).await;
    for _ in 0..3 {
        ada.say(conversation, &"bonjour ".repeat(200)).await;
    }
    let plain = reqwest::Client::builder().gzip(false).build().unwrap();
    let encoding = async |path: &str| {
        let url = format!("{}{path}", stage.running.url());
        let request = plain.get(url).bearer_auth(&ada.session.access_token).header("accept-encoding", "gzip");
        let response = request.send().await.unwrap();
        let encoding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        (encoding, response.bytes().await.unwrap().len())
    };
    let (long, bytes) = encoding(&format!("/api/v1/conversations/{conversation}/messages")).await;
    assert_eq!(long.as_deref(), Some("gzip"));
    assert!(bytes < 2_000, "{bytes}");
    assert_eq!(encoding("/api/v1/me").await.0, None);
}

/// A panic on the node's thread: whoever watches the server is told that it is of no use any more.
#[tokio::test]
async fn a_server_without_its_writer_is_neither_healthy_nor_ready() {
    let stage = Stage::new().await;
    let node = &stage.running.edge().node;
    assert!(node.write::<(), _>(|_| panic!("a defect")).await.is_err());
    node.ended().await;
    for path in ["/healthz", "/readyz"] {
        let answer = Answer::of(stage.request(Method::GET, path)).await;
        assert_eq!(answer.refusal(), refused(503, "unavailable"), "{path}");
    }
}
