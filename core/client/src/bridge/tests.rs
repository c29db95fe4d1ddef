//! The bridge against a server in this process: real sockets on the loopback, real databases, no sleeps. A test waits
//! for updates or for what the server has seen, and fails if that takes [`LIMIT`].

mod messages;
mod profile;
mod sessions;

use std::time::Duration;

use fil_protocol::ClientFrame;
use tempfile::TempDir;
use tokio::time::timeout;

use super::types::{
    Connection, FailureKind, ItemBody, ItemState, Request, Response, Status, Timeline, TimelineRange, Update,
};
use super::{Bridge, Options, TokenChoice, UpdateReceiver};
use crate::fake::server::{FakeServer, PASSWORD, State};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A server, a folder of profiles, and Ada's bridge.
struct Stage {
    server: FakeServer,
    data: TempDir,
    bridge: Bridge,
    updates: UpdateReceiver,
}

fn options(data: &TempDir) -> Options {
    Options { tokens: TokenChoice::PrivateFile, ..Options::new(data.path(), "ada") }
}

impl Stage {
    /// Nobody is signed in.
    async fn new() -> Self {
        let server = FakeServer::start().await;
        let data = tempfile::tempdir().unwrap();
        let bridge = Bridge::open(options(&data)).unwrap();
        let updates = bridge.updates();
        Self { server, data, bridge, updates }
    }

    /// Ada is signed in and everything is here.
    async fn live() -> Self {
        let mut stage = Self::new().await;
        stage.ask(stage.sign_in(PASSWORD)).await;
        stage.until_connection(Connection::Live).await;
        stage
    }

    fn sign_in(&self, password: &str) -> Request {
        Request::SignIn {
            server: self.server.address.clone(),
            organisation: "acme".to_owned(),
            handle: "ada".to_owned(),
            password: password.to_owned(),
        }
    }

    async fn ask(&self, request: Request) -> Response {
        let told = format!("{request:?}");
        let answer = timeout(LIMIT, self.bridge.request(request)).await.unwrap_or_else(|_| panic!("no answer: {told}"));
        answer.unwrap_or_else(|failure| panic!("{told}: {failure}"))
    }

    async fn refused(&self, request: Request) -> FailureKind {
        let answer = timeout(LIMIT, self.bridge.request(request)).await.expect("an answer");
        answer.expect_err("a refusal").kind
    }

    /// The app is closed and opened again.
    async fn reopen(self) -> Self {
        let Self { server, data, bridge, .. } = self;
        timeout(LIMIT, bridge.close()).await.expect("the bridge closes");
        let bridge = Bridge::open(options(&data)).unwrap();
        let updates = bridge.updates();
        Self { server, data, bridge, updates }
    }

    /// Asks again after every update until the answer fits.
    async fn until<T>(&mut self, request: Request, fits: impl Fn(Response) -> Option<T>) -> T {
        let mut last = None;
        let found = timeout(LIMIT, async {
            loop {
                // What is not here yet, or cannot be read at the moment, is asked for again.
                let answer = self.bridge.request(request.clone()).await;
                last = Some(format!("{answer:?}"));
                if let Some(found) = answer.ok().and_then(&fits) {
                    return found;
                }
                self.updates.next().await.expect("the bridge is open");
            }
        });
        found.await.unwrap_or_else(|_| panic!("in the end {request:?} was answered {last:?}"))
    }

    async fn until_status(&mut self, fits: impl Fn(&Status) -> bool) -> Status {
        self.until(Request::Status, |response| match response {
            Response::Status { status } if fits(&status) => Some(status),
            _ => None,
        })
        .await
    }

    async fn until_connection(&mut self, connection: Connection) {
        self.until_status(|status| status.connection == connection).await;
    }

    /// Cuts the connection and waits for another one that is caught up.
    async fn cut_and_return(&mut self) {
        let hellos = |state: &State| state.frames.iter().filter(|frame| matches!(frame, ClientFrame::Hello(_))).count();
        let before = hellos(&self.server.state());
        self.server.cut();
        let returned = async {
            loop {
                let Response::Status { status } = self.ask(Request::Status).await else { unreachable!("asked for it") };
                match status.connection {
                    Connection::Live if hellos(&self.server.state()) > before => return,
                    Connection::Offline => drop(self.ask(Request::ConnectNow).await),
                    _ => drop(self.updates.next().await),
                }
            }
        };
        timeout(LIMIT, returned).await.expect("another connection");
    }

    /// Waits until a timeline's messages are drawn like this: `✓` sent, `…` queued, `✗` refused.
    async fn until_drawn(&mut self, conversation: &str, expected: &[&str]) -> Timeline {
        let range = TimelineRange::Opening { limit: 50 };
        let request = Request::Timeline { conversation: conversation.to_owned(), range };
        let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        self.until(request, |response| match response {
            Response::Timeline { timeline } if draw(&timeline) == expected => Some(timeline),
            _ => None,
        })
        .await
    }

    async fn open_direct(&self, handle: &str) -> String {
        let account = crate::fake::server::profile(handle).account.to_string();
        match self.ask(Request::OpenDirect { account }).await {
            Response::Opened { conversation } => conversation,
            other => panic!("{other:?}"),
        }
    }

    async fn send(&self, conversation: &str, text: &str) -> String {
        let (conversation, text) = (conversation.to_owned(), text.to_owned());
        match self.ask(Request::Send { conversation, text }).await {
            Response::Queued { message } => message,
            other => panic!("{other:?}"),
        }
    }
}

fn draw(timeline: &Timeline) -> Vec<String> {
    let message = |item: &super::types::TimelineItem| match &item.body {
        ItemBody::Message { text, edited, .. } => {
            let state = match item.state {
                ItemState::Queued => "…",
                ItemState::Sent => "✓",
                ItemState::Rejected { .. } => "✗",
            };
            Some(format!("{state} {}: {text}{}", item.author.handle, if *edited { " (edited)" } else { "" }))
        }
        _ => None,
    };
    timeline.items.iter().filter_map(message).collect()
}
