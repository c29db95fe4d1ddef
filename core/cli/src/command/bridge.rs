//! `fil bridge`: this profile for a screen on this machine, over a WebSocket on loopback.
//!
//! For browser tests and for work on the screen. The door has two locks: a random token, printed once and good for one
//! connection, and the origin, which a browser cannot lie about: only pages of this machine (or those named) get in.
//! Frames are JSON texts: `{id, request}` is answered by `{id, response}` or `{id, failure}`; `{update}` comes unasked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fil_client::bridge::types::{Failure, FailureKind, Request};
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response as Accepted};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::arguments::Bridge;
use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;
use crate::texts::fill;

/// One frame from the screen, in bytes.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Requests of one screen that are answered at once; further ones wait in the socket.
const REQUESTS_MAX: usize = 64;

pub(super) async fn run(arguments: Bridge, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.map_err(|error| Refusal::internal(&error))?;
    let port = listener.local_addr().map_err(|error| Refusal::internal(&error))?.port();
    let door = Door { token: token()?, origins: arguments.origin, reusable: arguments.reusable, used: Arc::default() };
    output.show(&json!({ "port": port, "token": door.token }), |texts| {
        fill(texts.bridge_ready, &[("port", &port.to_string()), ("token", &door.token)])
    });
    let link = &*link;
    let mut screens = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => screens.push(serve(stream, link, &door)),
                Err(error) => return Err(Refusal::internal(&error)),
            },
            Some(served) = screens.next() => {
                // The token is used up with its one connection.
                if served && !door.reusable {
                    return Ok(());
                }
            }
        }
    }
}

struct Door {
    token: String,
    origins: Vec<String>,
    reusable: bool,
    used: Arc<AtomicBool>,
}

impl Door {
    /// Lets a connection in, or says why not.
    fn check(&self, query: &str, origin: Option<&str>) -> Result<(), &'static str> {
        if let Some(origin) = origin
            && !is_of_this_machine(origin)
            && !self.origins.iter().any(|allowed| allowed == origin)
        {
            return Err("this origin may not connect");
        }
        if query.split('&').find_map(|pair| pair.strip_prefix("token=")) != Some(self.token.as_str()) {
            return Err("the token is wrong");
        }
        if self.used.swap(true, Ordering::SeqCst) && !self.reusable {
            return Err("the token was used");
        }
        Ok(())
    }
}

/// Whether an origin is a page served by this machine.
fn is_of_this_machine(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// Serves one connection to its end. True if it was let in.
async fn serve(stream: TcpStream, link: &Link, door: &Door) -> bool {
    // The error type is the library's: a whole response.
    #[allow(clippy::result_large_err)]
    let check = |upgrade: &Upgrade, accepted: Accepted| {
        let origin = upgrade.headers().get("origin").map(|value| value.to_str().unwrap_or("unreadable"));
        door.check(upgrade.uri().query().unwrap_or_default(), origin).map(|()| accepted).map_err(|reason| {
            let mut refusal = ErrorResponse::new(Some(reason.to_owned()));
            *refusal.status_mut() = StatusCode::FORBIDDEN;
            refusal
        })
    };
    let limits = WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX));
    let Ok(socket) = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(limits)).await else {
        return false;
    };
    let (mut to_screen, mut from_screen) = socket.split();
    let mut updates = link.bridge().updates();
    let mut open = FuturesUnordered::new();
    loop {
        let frame = tokio::select! {
            received = from_screen.next(), if open.len() < REQUESTS_MAX => match received {
                Some(Ok(Message::Text(text))) => {
                    open.push(answer(link, &text));
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return true,
                Some(Ok(_)) => continue,
            },
            Some(frame) = open.next() => frame,
            update = updates.next() => match update {
                Some(update) => json!({ "update": update }),
                None => return true,
            },
        };
        let sent: Result<(), Error> = to_screen.send(Message::text(frame.to_string())).await;
        if sent.is_err() {
            return true;
        }
    }
}

/// A frame from the screen.
#[derive(Deserialize)]
struct Asked {
    id: Value,
    request: Value,
}

/// Answers one frame; a malformed one too. It is asked here and now, so that changes keep the order of their frames.
fn answer(link: &Link, text: &str) -> impl Future<Output = Value> + use<> {
    let (id, request) = match serde_json::from_str::<Asked>(text) {
        Ok(asked) => (asked.id, serde_json::from_value::<Request>(asked.request)),
        Err(error) => (Value::Null, Err(error)),
    };
    let asking = request.map(|request| link.bridge().request(request));
    async move {
        let result = match asking {
            Ok(answered) => answered.await,
            Err(error) => Err(Failure { kind: FailureKind::Invalid, detail: error.to_string() }),
        };
        match result {
            Ok(response) => json!({ "id": id, "response": response }),
            Err(failure) => json!({ "id": id, "failure": failure }),
        }
    }
}

/// 256 random bits in hexadecimal.
fn token() -> Result<String, Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_opens_once_for_the_right_token_and_origin() {
        let door = |reusable| Door {
            token: "abc".into(),
            origins: vec!["https://screen.example".into()],
            reusable,
            used: Arc::default(),
        };
        let once = door(false);
        assert_eq!(once.check("token=xyz", None), Err("the token is wrong"));
        assert_eq!(once.check("", None), Err("the token is wrong"));
        assert_eq!(once.check("token=abc", Some("https://evil.example")), Err("this origin may not connect"));
        assert_eq!(once.check("token=abc", Some("http://localhost.evil.example")), Err("this origin may not connect"));
        assert_eq!(once.check("token=abc", Some("null")), Err("this origin may not connect"));
        assert_eq!(once.check("x=1&token=abc", Some("http://127.0.0.1:5173")), Ok(()));
        assert_eq!(once.check("token=abc", None), Err("the token was used"));
        let often = door(true);
        assert_eq!(often.check("token=abc", Some("http://localhost")), Ok(()));
        assert_eq!(often.check("token=abc", Some("https://screen.example")), Ok(()));
    }
}
