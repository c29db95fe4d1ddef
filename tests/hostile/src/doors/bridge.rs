//! What a screen asks for: requests to a profile that is signed in and offline, on its real databases.

use std::fs;
use std::path::Path;

use fil_client::bridge::types::{FailureKind, Request, Response};
use fil_client::bridge::{Bridge, Options, TokenChoice};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::DETAIL_BYTES_MAX;

/// Where nobody listens: connections to the first port of this machine are refused at once.
pub(super) const NOWHERE: &str = "http://127.0.0.1:1";

struct World {
    runtime: Runtime,
    bridge: Bridge,
    folder: TempDir,
}

/// Every line is one request.
pub(super) fn enter(bytes: &[u8]) {
    let requests: Vec<Request> = bytes.split(|byte| *byte == b'\n').filter_map(decode).collect();
    if requests.is_empty() {
        return;
    }
    // A profile of its own for every input, so that what an input does is a function of it.
    let mut world = World::new();
    for request in requests {
        world.ask(request);
    }
    world.check_what_is_kept();
}

fn decode(line: &[u8]) -> Option<Request> {
    let request: Request = serde_json::from_slice(line).ok()?;
    let text = serde_json::to_string(&request).expect("requests are plain data");
    assert_eq!(serde_json::from_str::<Request>(&text).ok().as_ref(), Some(&request), "{text:.300}");
    // An input may not choose where this process connects to; the table asks for these by name.
    let leads_away = matches!(request, Request::SignIn { .. } | Request::AcceptInvite { .. });
    (!leads_away).then_some(request)
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        sign_in(folder.path());
        let bridge = Bridge::open(options(folder.path())).expect("the profile is sound");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
        let mut world = Self { runtime, bridge, folder };
        // The conversation that the corpus names.
        world
            .ask(Request::OpenDirect { account: "0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b".to_owned() })
            .expect("it opens");
        world
    }

    fn ask(&mut self, request: Request) -> Option<Response> {
        let shown = format!("{request:?}");
        match self.runtime.block_on(self.bridge.request(request)) {
            Ok(response) => {
                let text = serde_json::to_string(&response).expect("responses are plain data");
                assert_eq!(serde_json::from_str::<Response>(&text).ok().as_ref(), Some(&response), "{shown:.300}");
                Some(response)
            }
            Err(failure) => {
                assert_ne!(failure.kind, FailureKind::Internal, "{shown:.300} is a defect: {}", failure.detail);
                assert!(failure.detail.len() <= DETAIL_BYTES_MAX, "{} bytes about {shown:.300}", failure.detail.len());
                None
            }
        }
    }

    /// What the screen was shown is there when the app is opened again: nothing was only in memory.
    fn check_what_is_kept(mut self) {
        let before = self.shown();
        self.runtime.block_on(self.bridge.close());
        self.bridge = Bridge::open(options(self.folder.path())).expect("what was asked for did not break the profile");
        assert_eq!(self.shown(), before, "it was shown, and was not kept");
        self.runtime.block_on(self.bridge.close());
    }

    /// The conversations, and how many commands wait and were refused.
    fn shown(&mut self) -> (Option<Response>, Option<(u32, u32)>) {
        let waiting = match self.ask(Request::Status) {
            Some(Response::Status { status }) => Some((status.waiting, status.rejected)),
            _ => None,
        };
        (self.ask(Request::Conversations), waiting)
    }
}

/// The options of the profile `hostile` in this folder.
pub(super) fn options(folder: &Path) -> Options {
    Options { tokens: TokenChoice::PrivateFile, ..Options::new(folder, "hostile") }
}

/// The record of somebody who is signed in to a server that is not there.
fn record() -> String {
    format!(
        r#"{{"version":1,"server":"{NOWHERE}","organisation":"0d0d0d0d-0d0d-0d0d-0d0d-0d0d0d0d0d0d","organisation_slug":"demo",
"account":"0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a","device":"0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f","handle":"ada","name":"Ada"}}"#
    )
}

/// Makes the profile `hostile` in this folder: signed in, to a server that is not there.
pub fn sign_in(folder: &Path) {
    let profile = folder.join("profiles/hostile");
    fs::create_dir_all(&profile).expect("the folder is new");
    fs::write(profile.join("profile.json"), record()).expect("the disk has room");
    fs::write(profile.join("token"), "filr_canary-secret").expect("the disk has room");
}
