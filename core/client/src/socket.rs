//! The WebSocket: opens it with an access token, carries frames both ways, and renews the token on the way.
//!
//! One [`run`] is one attempt and at most one connection. It ends by itself with [`SocketEvent::Ended`], or when the
//! sending side of `outgoing` is dropped, which closes the socket politely and reports nothing more.
//!
//! Reading waits for whoever takes the events, so a slow disk slows the server down instead of filling memory. Reading
//! and writing do not wait for each other: two ends that both write first would block for ever. A frame that does not
//! decode is from a newer server and is skipped; what it may have brought is found by the next heartbeat.

use std::sync::Arc;
use std::time::Duration;

use fil_protocol::{Class, ClientFrame, ProtocolError, ServerFrame};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use crate::auth::{Auth, AuthError};
use crate::grant::Access;
use crate::http::{HttpError, decode_refusal};

/// How long the connection may take to stand, from the name's look-up to the server's switch of protocols.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// One message from the server, in bytes: above any window of the longest messages.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long to wait before trying again to renew the token of a connection that is open.
const RENEW_AGAIN: Duration = Duration::from_secs(10);
/// How long saying good-bye may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// What the socket reports.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    /// It is open.
    Opened,
    /// A frame came.
    Frame(Box<ServerFrame>),
    /// There is no socket: the attempt failed, or the connection ended.
    Ended {
        /// What the server said, if it said anything.
        error: Option<ProtocolError>,
    },
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, and carries frames until the end. Every event goes through `report`, which may wait, and answers false
/// when nobody listens any more.
pub(crate) async fn run(
    auth: Arc<Auth>,
    tls: Arc<rustls::ClientConfig>,
    mut outgoing: mpsc::Receiver<ClientFrame>,
    renewals: mpsc::WeakSender<ClientFrame>,
    report: impl AsyncFn(SocketEvent) -> bool,
) {
    let (stream, access) = match open(&auth, &tls).await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::debug!(%error, "no connection");
            report(SocketEvent::Ended { error: error.refusal() }).await;
            return;
        }
    };
    if !report(SocketEvent::Opened).await {
        return;
    }
    let mut renewing = JoinSet::new();
    renewing.spawn(renew(Arc::clone(&auth), access.clone(), renewals));
    let (sink, source) = stream.split();
    tokio::select! {
        () = read(source, &auth, &access, &report) => {
            report(SocketEvent::Ended { error: None }).await;
        }
        written = write(sink, &mut outgoing) => {
            if let Err(error) = written {
                tracing::debug!(%error, "the connection broke");
                report(SocketEvent::Ended { error: None }).await;
            }
        }
    }
}

/// A socket and the token that opened it. A token that the server calls expired is replaced once.
async fn open(auth: &Auth, tls: &Arc<rustls::ClientConfig>) -> Result<(Stream, Access), AuthError> {
    let access = auth.access().await?;
    match shake_hands(auth, tls, &access).await {
        Err(HttpError::Refused(error)) if error.code.class() == Class::Refresh => {
            let access = auth.access_after(&access.token).await?;
            Ok((shake_hands(auth, tls, &access).await?, access))
        }
        shaken => Ok((shaken?, access)),
    }
}

async fn shake_hands(auth: &Auth, tls: &Arc<rustls::ClientConfig>, access: &Access) -> Result<Stream, HttpError> {
    let unreachable = |error: tungstenite::Error| match error {
        tungstenite::Error::Http(response) => {
            let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
            decode_refusal(status, response.body().as_deref().unwrap_or_default())
        }
        error => HttpError::Unreachable(error.to_string()),
    };
    let mut request = auth.server().socket().as_str().into_client_request().map_err(unreachable)?;
    let bearer = HeaderValue::try_from(format!("Bearer {}", access.token));
    let mut bearer = bearer.map_err(|_| HttpError::Unreachable("the access token is no header".to_owned()))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    let connector = Connector::Rustls(Arc::clone(tls));
    let shaking = connect_async_tls_with_config(request, Some(config), true, Some(connector));
    match timeout(HANDSHAKE_MAX, shaking).await {
        Ok(shaken) => shaken.map(|(stream, _)| stream).map_err(unreachable),
        Err(_) => Err(HttpError::Unreachable("the handshake took too long".to_owned())),
    }
}

/// Reports frames until the connection ends.
async fn read(
    mut source: SplitStream<Stream>,
    auth: &Auth,
    access: &Access,
    report: &impl AsyncFn(SocketEvent) -> bool,
) {
    while let Some(message) = source.next().await {
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(Message::Close(_)) => return,
            Ok(_) => continue,
            Err(error) => {
                tracing::debug!(%error, "the connection broke");
                return;
            }
        };
        let frame = match ServerFrame::decode(&text) {
            Ok(frame) => frame,
            Err(error) => {
                // The error's text may quote the frame, so only its place is logged.
                tracing::warn!(column = error.column(), "a frame that this version does not know was skipped");
                continue;
            }
        };
        if let ServerFrame::Error { error, .. } = &frame
            && error.code.class() == Class::Refresh
        {
            auth.forget_access(&access.token).await;
        }
        if !report(SocketEvent::Frame(Box::new(frame))).await {
            return;
        }
    }
}

/// Writes frames, those that wait together in one go, until nobody has any more.
async fn write(
    mut sink: SplitSink<Stream, Message>,
    outgoing: &mut mpsc::Receiver<ClientFrame>,
) -> Result<(), tungstenite::Error> {
    while let Some(frame) = outgoing.recv().await {
        sink.feed(Message::text(frame.encode())).await?;
        while let Ok(frame) = outgoing.try_recv() {
            sink.feed(Message::text(frame.encode())).await?;
        }
        sink.flush().await?;
    }
    // A server that does not answer the good-bye is not waited for.
    let _ = timeout(CLOSE_MAX, sink.close()).await;
    Ok(())
}

/// Sends another token well before each ends. Without one the server ends the connection, and the next attempt says why.
async fn renew(auth: Arc<Auth>, mut access: Access, frames: mpsc::WeakSender<ClientFrame>) {
    sleep_until(auth.instant(access.renew_at_ms)).await;
    // Even a renewal that comes late, after sleep or on a busy machine, may be in time: the server decides.
    loop {
        match auth.access_after(&access.token).await {
            Ok(newer) => {
                let Some(frames) = frames.upgrade() else { return };
                if frames.send(ClientFrame::Renew { token: newer.token.clone() }).await.is_err() {
                    return;
                }
                drop(frames);
                access = newer;
                sleep_until(auth.instant(access.renew_at_ms)).await;
            }
            Err(AuthError::Later(error)) => {
                tracing::debug!(%error, "the token is renewed later");
                sleep(RENEW_AGAIN).await;
            }
            Err(AuthError::Ended(_)) => return,
        }
    }
}
