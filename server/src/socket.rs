//! One WebSocket: the handshake, and the task that carries frames between the client and the node.
//!
//! The handshake asks for an access token in `Authorization` and, from a browser, an `Origin` on the list; a refusal is
//! an ordinary HTTP answer with a `ProtocolError`. From then on one task per socket waits for whatever comes first:
//!
//! | who | what | then |
//! |---|---|---|
//! | client | a frame | counted, decoded, given to the node |
//! | client | something that is no frame | an `error` frame, then the end |
//! | node | frames | written, up to [`CHUNK_BYTES`] before each flush, then taken off the backlog |
//! | node | the end | what is left is written if the client takes it within [`CLOSE_GRACE`] |
//! | clock | no `hello` in time, token expired | an `error` frame, then the end |
//! | clock | nothing heard for two heartbeats | a ping; after the third the connection is dead |
//!
//! One task was chosen over a reader and a writer because ten thousand of them wait at the same time. While a client
//! does not take what is written to it, nothing more is read from it either.
//!
//! The close codes stand in `crate::hub::close_code`, the only place where one is chosen.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fil_protocol::limits::{DEVICE_NAME_BYTES_MAX, FRAME_BYTES_MAX, HEARTBEAT_MS};
use fil_protocol::{ClientFrame, ErrorCode, ProtocolError, ServerFrame};
use futures_util::SinkExt;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::now_ms;
use crate::edge::{Edge, Mailbox, Waiting};
use crate::http::failure::Failure;
use crate::http::{authenticate, bearer};
use crate::hub::close_code;
use crate::limits::{DeviceFrames, Pace};
use crate::metrics::names;
use crate::node::{Actor, Backlog, ConnectionId};

/// Bytes that are written before a flush.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Time for a socket to take what is left when it is closed.
pub const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// Time for a socket to take one chunk.
pub const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);
/// Silence after which the server asks.
pub const PING_AFTER: Duration = Duration::from_millis(2 * HEARTBEAT_MS);
/// Silence after which nobody is there.
pub const DEAD_AFTER: Duration = Duration::from_millis(3 * HEARTBEAT_MS);
/// Kept small, because every idle socket has one; a larger message grows it for as long as it takes.
const READ_BUFFER_BYTES: usize = 2 * 1024;
const WRITE_BUFFER_BYTES: usize = 8 * 1024;

/// `GET /api/v1/socket`.
pub async fn open(State(edge): State<Arc<Edge>>, request: Request) -> Result<Response, Failure> {
    let (mut parts, _) = request.into_parts();
    check_origin(&edge.config.allowed_origins, &parts.headers)?;
    let (actor, claims) = authenticate(&edge, bearer(&parts.headers)?).await?;
    edge.limits.request_of(actor.account)?;
    let upgrade =
        WebSocketUpgrade::from_request_parts(&mut parts, &edge).await.map_err(|rejection| refused(&rejection))?;
    if edge.stopping.is_on() {
        return Err(ProtocolError::retry_after(ErrorCode::Unavailable, "the server is stopping", 2_000).into());
    }
    let upgrade = upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES);
    Ok(upgrade.on_upgrade(move |socket| run(edge, socket, actor, claims.expires_at_ms)))
}

/// A browser names the page that opens the socket; only known pages may. Whoever sends no `Origin` is no browser.
fn check_origin(allowed: &[String], headers: &HeaderMap) -> Result<(), ProtocolError> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (first, second) = (origins.next(), origins.next());
    let known = |origin: &axum::http::HeaderValue| allowed.iter().any(|known| known.as_bytes() == origin.as_bytes());
    match (first, second) {
        (None, _) => Ok(()),
        (Some(origin), None) if known(origin) => Ok(()),
        _ => Err(ProtocolError::new(ErrorCode::Forbidden, "this web origin is not in allowed_origins")),
    }
}

fn refused(rejection: &WebSocketUpgradeRejection) -> Failure {
    let detail = "this is the address of a WebSocket: open it with the headers Connection, Upgrade and Sec-WebSocket-*";
    match rejection {
        WebSocketUpgradeRejection::MethodNotGet(_) => {
            Failure::with_status(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, detail)
        }
        _ => Failure::malformed(detail),
    }
}

async fn run(edge: Arc<Edge>, socket: WebSocket, actor: Actor, expires_at_ms: u64) {
    let connection = edge.next_connection();
    let (backlog, mailbox) = (Arc::new(Backlog::default()), Arc::new(Mailbox::default()));
    if edge.node.connected(connection, actor, Arc::clone(&backlog), Arc::clone(&mailbox)).await.is_err() {
        return;
    }
    metrics::gauge!(names::SOCKETS).increment(1.0);
    metrics::counter!(names::SOCKETS_OPENED).increment(1);
    tracing::debug!(connection = connection.0, account = %actor.account, device = %actor.device, "socket opened");
    let now = Instant::now();
    let session = Session {
        limit: edge.limits.frames_of(actor.device, now.into_std()),
        hello_by: Some(now + edge.config.limits.hello_timeout()),
        expires: instant(expires_at_ms),
        heard: now,
        pinged: false,
        paused_until: None,
        edge: Arc::clone(&edge),
        socket,
        actor,
        connection,
        backlog,
        mailbox,
    };
    let code = session.converse().await;
    edge.node.disconnected(connection).await;
    metrics::gauge!(names::SOCKETS).decrement(1.0);
    metrics::counter!(names::SOCKETS_CLOSED, "code" => code.to_string()).increment(1);
    tracing::debug!(connection = connection.0, code, "socket closed");
}

/// How a socket ends.
enum End {
    /// The client is gone, or does not take anything.
    Gone,
    /// The node has said why; its frames are written.
    Closed(u16, ErrorCode),
    /// The edge says why.
    Refused(ProtocolError),
}

struct Session {
    edge: Arc<Edge>,
    socket: WebSocket,
    actor: Actor,
    connection: ConnectionId,
    backlog: Arc<Backlog>,
    mailbox: Arc<Mailbox>,
    /// Shared with the device's sockets before and after this one.
    limit: DeviceFrames,
    /// When `hello` must have come; none once it has.
    hello_by: Option<Instant>,
    /// When the access token expires.
    expires: Instant,
    /// When the client was last heard.
    heard: Instant,
    /// Whether a ping is on its way since then.
    pinged: bool,
    /// Nothing is read before this.
    paused_until: Option<Instant>,
}

impl Session {
    /// Carries frames until the end. The close code that the connection ended with.
    async fn converse(mut self) -> u16 {
        let mailbox = Arc::clone(&self.mailbox);
        let mut timer = pin!(sleep_until(self.next_deadline()));
        let end = loop {
            let paused = self.paused_until;
            let step = tokio::select! {
                waiting = mailbox.take() => self.write(waiting).await,
                message = self.socket.recv(), if paused.is_none() => {
                    let step = self.read(message).await;
                    // A pause or a renewal moved the next deadline; everything else is found when the timer fires.
                    let deadline = self.next_deadline();
                    if self.paused_until.is_some() || deadline > timer.deadline() + Duration::from_secs(1) {
                        timer.as_mut().reset(deadline);
                    }
                    step
                }
                () = &mut timer => {
                    let step = self.look_at_the_clock().await;
                    timer.as_mut().reset(self.next_deadline());
                    step
                }
            };
            if let Err(end) = step {
                break end;
            }
        };
        self.end(end).await
    }

    fn next_deadline(&self) -> Instant {
        let silence = if self.pinged { DEAD_AFTER } else { PING_AFTER };
        let mut deadline = self.expires.min(self.heard + silence);
        for other in [self.hello_by, self.paused_until].into_iter().flatten() {
            deadline = deadline.min(other);
        }
        deadline
    }

    async fn look_at_the_clock(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| now >= until) {
            self.paused_until = None;
        }
        if now >= self.expires {
            let detail = "the access token has expired: refresh it, and renew it in time on the next connection";
            return Err(End::Refused(ProtocolError::new(ErrorCode::TokenExpired, detail)));
        }
        if self.hello_by.is_some_and(|by| now >= by) {
            let detail = "no hello came in time";
            return Err(End::Refused(ProtocolError::new(ErrorCode::Malformed, detail)));
        }
        if now >= self.heard + DEAD_AFTER {
            return Err(End::Gone);
        }
        if now >= self.heard + PING_AFTER && !self.pinged {
            self.pinged = true;
            let ping = self.socket.send(Message::Ping(axum::body::Bytes::new()));
            return in_time(ping).await;
        }
        Ok(())
    }

    async fn read(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let now = Instant::now();
        self.heard = now;
        self.pinged = false;
        if let Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) = message {
            self.count(now)?;
        }
        match message {
            Some(Ok(Message::Text(text))) => self.take_frame(&text).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => {
                let detail = "a frame is a text message, not a binary one";
                Err(End::Refused(ProtocolError::new(ErrorCode::Unsupported, detail)))
            }
            Some(Err(error)) => Err(unreadable(&error)),
            Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        }
    }

    /// Every message counts, also pings and pongs below the frames: each is read, and a ping is answered.
    fn count(&mut self, now: Instant) -> Result<(), End> {
        match self.limit.take(now.into_std()) {
            Pace::Now => {}
            Pace::After(wait) => self.paused_until = Some(now + wait),
            Pace::Abuse { retry_after_ms } => {
                metrics::counter!(names::RATE_LIMITED, "limit" => "frames").increment(1);
                let detail = "too many frames for too long";
                return Err(End::Refused(ProtocolError::retry_after(ErrorCode::RateLimited, detail, retry_after_ms)));
            }
        }
        Ok(())
    }

    async fn take_frame(&mut self, text: &str) -> Result<(), End> {
        let frame = ClientFrame::decode(text).map_err(|_| End::Refused(undecodable(text)))?;
        crate::metrics::frames().received(kind(&frame));
        if let ClientFrame::Renew { token } = &frame {
            return self.renew(token);
        }
        if let ClientFrame::Hello(hello) = &frame {
            self.hello_by = None;
            let protocol = hello.protocol.current;
            let client = app_name(&hello.client);
            tracing::debug!(connection = self.connection.0, protocol, client, "hello");
        }
        self.edge.node.frame(self.connection, frame).await.map_err(End::Refused)
    }

    fn renew(&mut self, token: &str) -> Result<(), End> {
        let claims = self.edge.access.verify(token, now_ms()).map_err(End::Refused)?;
        let Actor { organisation, account, device } = self.actor;
        if (claims.organisation, claims.account, claims.device) != (organisation, account, device) {
            let detail = "the token belongs to another device";
            return Err(End::Refused(ProtocolError::new(ErrorCode::Unauthorised, detail)));
        }
        self.expires = instant(claims.expires_at_ms);
        Ok(())
    }

    /// Writes what waits. The node's wish to close ends the patience with a client that does not read.
    async fn write(&mut self, waiting: Waiting) -> Result<(), End> {
        let mailbox = Arc::clone(&self.mailbox);
        let frames = waiting.frames;
        if let Some((code, reason)) = waiting.close {
            let _ = timeout(CLOSE_GRACE, self.write_frames(&frames)).await;
            return Err(End::Closed(code, reason));
        }
        let mut writing = pin!(self.write_frames(&frames));
        tokio::select! {
            written = &mut writing => written,
            () = mailbox.closing() => timeout(CLOSE_GRACE, writing).await.unwrap_or(Err(End::Gone)),
        }
    }

    async fn write_frames(&mut self, frames: &[Arc<str>]) -> Result<(), End> {
        let mut rest = frames;
        while !rest.is_empty() {
            let mut bytes = 0;
            let mut count = 0;
            while count < rest.len() && (count == 0 || bytes + rest[count].len() <= CHUNK_BYTES) {
                bytes += rest[count].len();
                count += 1;
            }
            let (chunk, later) = rest.split_at(count);
            let socket = &mut self.socket;
            let written = timeout(CHUNK_TIMEOUT, async {
                for frame in chunk {
                    socket.feed(Message::Text((&**frame).into())).await?;
                }
                socket.flush().await
            });
            match written.await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(End::Gone),
                Err(_) => {
                    let detail = "the client did not read";
                    return Err(End::Refused(ProtocolError::new(ErrorCode::TooSlow, detail)));
                }
            }
            self.backlog.subtract(bytes);
            crate::metrics::frames().sent.increment(count as u64);
            crate::metrics::frames().bytes_sent.increment(bytes as u64);
            rest = later;
        }
        Ok(())
    }

    /// Says why, and closes. Neither is waited for long.
    async fn end(&mut self, end: End) -> u16 {
        let (code, reason) = match end {
            End::Gone => return close_code(ErrorCode::Unavailable),
            End::Closed(code, reason) => (code, reason),
            End::Refused(error) => {
                let reason = error.code;
                let frame = ServerFrame::Error { request: None, error }.encode();
                let _ = timeout(CLOSE_GRACE, self.socket.send(Message::Text(frame.into()))).await;
                (close_code(reason), reason)
            }
        };
        let close = CloseFrame { code, reason: name(reason).into() };
        let _ = timeout(CLOSE_GRACE, async {
            self.socket.send(Message::Close(Some(close))).await?;
            // Wait for the client's half, so that the reason is not lost to a reset.
            while let Some(Ok(_)) = self.socket.recv().await {}
            Ok::<(), axum::Error>(())
        })
        .await;
        code
    }
}

async fn in_time(send: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
    match timeout(CHUNK_TIMEOUT, send).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::Gone),
    }
}

/// Why a text is no frame. The text itself is not repeated: it may hold what somebody wrote.
fn undecodable(text: &str) -> ProtocolError {
    #[derive(serde::Deserialize)]
    struct Tag {
        r#type: String,
    }
    const KNOWN: [&str; 7] = ["hello", "command", "acknowledge", "pull", "read", "renew", "ping"];
    match serde_json::from_str::<Tag>(text) {
        Ok(tag) if !KNOWN.contains(&tag.r#type.as_str()) => {
            ProtocolError::new(ErrorCode::Unsupported, "this version of the server does not know this type of frame")
        }
        Ok(_) => ProtocolError::new(ErrorCode::Malformed, "a field of the frame is missing or of the wrong kind"),
        Err(_) => ProtocolError::new(ErrorCode::Malformed, "a frame is a JSON object with a type"),
    }
}

/// What a broken message is: too large, no text, or a broken connection.
fn unreadable(error: &axum::Error) -> End {
    // The library's error type is behind a box; its sentences are held by a test over a real socket.
    let sentence = error.to_string();
    if sentence.starts_with("Space limit exceeded") {
        let detail = format!("a frame has at most {FRAME_BYTES_MAX} bytes");
        End::Refused(ProtocolError::new(ErrorCode::TooLarge, detail))
    } else if sentence.starts_with("UTF-8") || sentence.starts_with("WebSocket protocol error") {
        End::Refused(ProtocolError::new(ErrorCode::Malformed, "the WebSocket message is broken"))
    } else {
        End::Gone
    }
}

/// The name of an app as the log may show it: whoever sent it chose it, so neither its length nor a line break in it
/// may disturb whoever reads.
fn app_name(given: &str) -> String {
    let mut name = String::new();
    for character in given.chars().filter(|character| !character.is_control()) {
        if name.len() + character.len_utf8() > DEVICE_NAME_BYTES_MAX {
            break;
        }
        name.push(character);
    }
    name
}

fn kind(frame: &ClientFrame) -> &'static str {
    match frame {
        ClientFrame::Hello(_) => "hello",
        ClientFrame::Command { .. } => "command",
        ClientFrame::Acknowledge { .. } => "acknowledge",
        ClientFrame::Pull { .. } => "pull",
        ClientFrame::Read { .. } => "read",
        ClientFrame::Renew { .. } => "renew",
        ClientFrame::Ping => "ping",
    }
}

/// The name of a code as it stands on the wire.
fn name(code: ErrorCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// A point of the wall clock as one of the clock that timers follow.
fn instant(at_ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(at_ms.saturating_sub(now_ms()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_refused_without_repeating_it() {
        let check = |text: &str, expected: ErrorCode| {
            let error = undecodable(text);
            assert_eq!(error.code, expected, "{text}");
            assert!(!error.detail.contains("canary"), "{}", error.detail);
        };
        check("", ErrorCode::Malformed);
        check("canary", ErrorCode::Malformed);
        check("[]", ErrorCode::Malformed);
        check("{\"type\":7}", ErrorCode::Malformed);
        check("{\"type\":\"canary\"}", ErrorCode::Unsupported);
        check("{\"type\":\"pull\",\"canary\":1}", ErrorCode::Malformed);
        check(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), ErrorCode::Malformed);
    }

    #[test]
    fn the_name_of_an_app_is_bounded_in_the_log() {
        assert_eq!(app_name("fil-desktop/0.1.0"), "fil-desktop/0.1.0");
        assert_eq!(app_name("app\n2026-11-21 ERROR forged\u{1b}[31m\u{85}"), "app2026-11-21 ERROR forged[31m");
        let long = app_name(&"\u{e9}".repeat(FRAME_BYTES_MAX / 4));
        assert_eq!(
            (long.len(), app_name(&format!("x{long}")).len()),
            (DEVICE_NAME_BYTES_MAX, DEVICE_NAME_BYTES_MAX - 1)
        );
    }

    #[test]
    fn a_browser_needs_a_known_origin_and_others_need_none() {
        let allowed = ["tauri://localhost".to_owned(), "https://chat.example".to_owned()];
        let check = |origins: &[&str], expected: bool| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(check_origin(&allowed, &headers).is_ok(), expected, "{origins:?}");
        };
        check(&[], true);
        check(&["tauri://localhost"], true);
        check(&["https://chat.example"], true);
        for wrong in [
            "",
            "null",
            "http://chat.example",
            "https://chat.example:8443",
            "https://chat.example.thief.example",
            "https://thief.example/https://chat.example",
            "https://CHAT.example",
            "https://chat.example/",
            "tauri://localhost.thief.example",
            "file://",
        ] {
            check(&[wrong], false);
        }
        check(&["https://chat.example", "https://chat.example"], false);
    }
}
