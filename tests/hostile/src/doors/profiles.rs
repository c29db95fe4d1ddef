//! A profile's own files, as a crash, another program or another version left them.

use std::fs;

use fil_client::bridge::Bridge;
use fil_client::bridge::types::{FailureKind, Request};
use serde_json::Value;

use super::bridge::{NOWHERE, options};
use super::{CANARY, DETAIL_BYTES_MAX};

/// The record, and below a line `token` the file with the token.
pub(super) fn enter(bytes: &[u8]) {
    const LINE: &[u8] = b"\ntoken\n";
    let at = bytes.windows(LINE.len()).position(|window| window == LINE);
    let (record, token) = at.map_or((bytes, None), |at| (&bytes[..at], Some(&bytes[at + LINE.len()..])));
    if leads_away(record) {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let profile = folder.path().join("profiles/hostile");
    fs::create_dir_all(&profile).expect("the folder is new");
    fs::write(profile.join("profile.json"), record).expect("the disk has room");
    if let Some(token) = token {
        fs::write(profile.join("token"), token).expect("the disk has room");
    }
    match Bridge::open(options(folder.path())) {
        Ok(bridge) => {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there are threads");
            let session = runtime.block_on(bridge.request(Request::Session));
            session.expect("who is signed in is known without a network");
            runtime.block_on(bridge.close());
        }
        Err(failure) => {
            let told =
                matches!(failure.kind, FailureKind::DamagedProfile | FailureKind::NewerProfile | FailureKind::Invalid);
            assert!(told, "{:?}: {}", failure.kind, failure.detail);
            assert!(failure.detail.len() <= DETAIL_BYTES_MAX && !failure.detail.contains(CANARY), "{}", failure.detail);
            let kept = fs::read(profile.join("profile.json")).expect("it is there");
            assert_eq!(kept, record, "a record that cannot be used was touched");
        }
    }
}

/// Whether opening it would connect anywhere but to [`NOWHERE`]: an input may not choose that.
fn leads_away(record: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(record) else { return false };
    value["server"].as_str().is_some_and(|server| server != NOWHERE && looks_like_an_address(server))
}

fn looks_like_an_address(server: &str) -> bool {
    let server = server.trim();
    [server.to_owned(), format!("https://{server}")].iter().any(|text| reqwest::Url::parse(text).is_ok())
}
