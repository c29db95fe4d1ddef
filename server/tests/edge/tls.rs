//! TLS by files. Certificate and key are for `localhost`, made for this test, and good for nothing else.

use std::path::Path;

use reqwest::StatusCode;

use crate::stage::Stage;

#[tokio::test]
async fn a_server_with_certificate_and_key_speaks_only_tls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/tls");
    let stage = Stage::with(|config| {
        config.tls.certificate = folder.join("certificate.pem");
        config.tls.key = folder.join("key.pem");
    })
    .await;
    let certificate = std::fs::read(folder.join("certificate.pem")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&certificate).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
    let port = stage.running.address().port();
    let response = client.get(format!("https://localhost:{port}/healthz")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    assert!(stage.running.url().starts_with("https://"));
    assert!(client.get(format!("http://localhost:{port}/healthz")).send().await.is_err());
}
