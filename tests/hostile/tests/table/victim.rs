//! The client as the victim: a server that lies, over HTTP and on the socket (rows 22, 26, 27, 28, 38 and 60 of the failure
//! catalogue; S17 of the security list). Whatever it says, the client has a typed trouble, keeps its memory, and keeps
//! what the person wrote until a server has it.

use std::time::Duration;

use fil_client::bridge::types::{Request, Response};
use fil_client::bridge::{Bridge, Options, TokenChoice};
use fil_hostile::panics::Watch;
use fil_protocol::Command;

use crate::liar::{Hostile, framed, start};
use crate::lies::{ADDRESSES, BELOW, BEN, LINKS, PROFILES, answers, lies, servers};
use crate::stage::Findings;

const PATIENCE: Duration = Duration::from_secs(30);

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    let typed = ADDRESSES.len() + LINKS.len() + PROFILES.len();
    ("a client's server", answers().len() + servers().len() + typed + lies().len() + BELOW.len())
}

fn options(folder: &std::path::Path, profile: &str) -> Options {
    Options { tokens: TokenChoice::PrivateFile, ..Options::new(folder, profile) }
}

fn sign_in(server: &str) -> Request {
    Request::SignIn {
        server: server.to_owned(),
        organisation: String::new(),
        handle: "ada".to_owned(),
        password: "canary-secret".to_owned(),
    }
}

async fn told(bridge: &Bridge, request: Request) -> String {
    let answered = tokio::time::timeout(PATIENCE, bridge.request(request)).await.expect("every request is answered");
    match answered {
        Ok(_) => "done".to_owned(),
        Err(failure) => {
            assert!(failure.detail.len() <= 1_024, "{} bytes", failure.detail.len());
            assert!(!failure.detail.contains("canary-secret"), "{}", failure.detail);
            format!("{:?}", failure.kind)
        }
    }
}

/// Every answer to a sign-in, and every thing that a person may be talked into typing. What memory the answers cost is
/// measured in `tests/hostile/tests/memory.rs`.
#[tokio::test]
async fn a_client_tells_every_lie_at_the_door_from_a_server() {
    let _panics = Watch::begin();
    let hostile = start().await;
    let folder = tempfile::tempdir().unwrap();
    let bridge = Bridge::open(options(folder.path(), "ada")).unwrap();
    let mut findings = Findings::default();
    for (name, bytes, expected) in answers() {
        hostile.script.lock().unwrap().sessions = Some(bytes.into());
        findings.check(told(&bridge, sign_in(&hostile.address)).await, format!("{expected:?}"), name);
    }
    for (name, bytes, expected) in servers() {
        hostile.script.lock().unwrap().about = Some(bytes.into());
        findings.check(told(&bridge, sign_in(&hostile.address)).await, format!("{expected:?}"), name);
    }
    for (address, expected) in ADDRESSES {
        findings.check(told(&bridge, sign_in(address)).await, format!("{expected:?}"), format!("{address:?}"));
    }
    for link in LINKS {
        let request = Request::AcceptInvite { link: (*link).to_owned(), password: "canary-secret".to_owned() };
        findings.check(told(&bridge, request).await, "InviteInvalid", format!("{link:?}"));
    }
    for profile in PROFILES {
        let opened = Bridge::open(options(folder.path(), profile));
        let got = opened.map_or_else(|failure| format!("{:?}", failure.kind), |_| "open".to_owned());
        findings.check(got, "Invalid", format!("profile {profile:?}"));
    }
    let session = bridge.request(Request::Session).await.unwrap();
    assert_eq!(session, Response::Session { session: None }, "nobody was signed in by any of it");
    bridge.close().await;
    findings.end();
}

/// Every lie on the socket: the client goes on, answers its screen, and still has what was written for the first honest
/// server, which gets it once and in order.
#[tokio::test]
async fn a_client_survives_every_lie_on_the_socket_and_loses_nothing() {
    let _panics = Watch::begin();
    let mut hostile = start().await;
    let folder = tempfile::tempdir().unwrap();
    let bridge = Bridge::open(options(folder.path(), "ada")).unwrap();
    let texts = lies()
        .into_iter()
        .map(|(name, frames)| (name, frames.iter().map(|frame| framed(&frame.to_string())).collect::<Vec<_>>()));
    let below = BELOW.iter().map(|(name, bytes)| (*name, vec![bytes.to_vec()]));
    let cases: Vec<(&str, Vec<Vec<u8>>)> = texts.chain(below).collect();
    hostile.script.lock().unwrap().sockets = cases.iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(told(&bridge, sign_in(&hostile.address)).await, "done");
    let Response::Opened { conversation } =
        bridge.request(Request::OpenDirect { account: BEN.to_owned() }).await.unwrap()
    else {
        panic!("a conversation was opened")
    };
    let send = Request::Send { conversation: conversation.clone(), text: "still to be sent".to_owned() };
    bridge.request(send).await.unwrap();
    for (name, _) in &cases {
        ended(&mut hostile, &bridge).await;
        assert_eq!(told(&bridge, Request::Conversations).await, "done", "after {name}");
        let Response::Status { status } = bridge.request(Request::Status).await.unwrap() else { panic!("{name}") };
        assert_eq!(status.waiting, 2, "what was written is gone after {name}: {status:?}");
    }
    let commands = ended(&mut hostile, &bridge).await;
    assert!(
        matches!(&commands[..], [Command::CreateConversation { .. }, Command::SendMessage { text, .. }] if text == "still to be sent"),
        "{commands:?}"
    );
    bridge.close().await;
}

/// The next socket has ended. Meanwhile the person presses *connect now*, since nobody waits for a back-off here.
async fn ended(hostile: &mut Hostile, bridge: &Bridge) -> Vec<Command> {
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let waiting = async {
        loop {
            tokio::select! {
                ended = hostile.ended.recv() => return ended.expect("the server goes on"),
                _ = pace.tick() => {
                    told(bridge, Request::ConnectNow).await;
                }
            }
        }
    };
    tokio::time::timeout(2 * PATIENCE, waiting).await.expect("the client comes back")
}
