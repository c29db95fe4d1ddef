//! A hostile server for a client to meet: over HTTP and on the socket it says whatever its script says, and once that is
//! over it is honest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fil_protocol::{ClientFrame, Command, RawCommand, Stream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

pub(crate) const ACCOUNT: &str = "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a";

pub(crate) fn session() -> Value {
    json!({
        "organisation": "0d0d0d0d-0d0d-0d0d-0d0d-0d0d0d0d0d0d", "organisation_slug": "demo",
        "profile": { "account": ACCOUNT, "handle": "ada", "name": "Ada" },
        "device": "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f",
        "access_token": "a.b.c", "access_expires_in_ms": 600_000, "refresh_token": "filr_x"
    })
}

pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) fn json_answer(body: &Value) -> Vec<u8> {
    answer("200 OK", "content-type: application/json\r\n", body.to_string().as_bytes())
}

pub(crate) fn about() -> Vec<u8> {
    json_answer(&json!({ "name": "fil", "protocol": { "current": 1, "lowest": 1 } }))
}

pub(crate) fn welcome() -> Value {
    json!({
        "type": "welcome", "protocol": 1, "server_time_ms": 1_700_000_000_000_u64, "epoch": "02020202-0202-0202-0202-020202020202",
        "horizon": 0, "profile": { "account": ACCOUNT, "handle": "ada", "name": "Ada" },
        "applied": 0, "verdicts": [], "account_rev": 0, "heads": []
    })
}

/// What the hostile server does with the next connections.
#[derive(Default)]
pub(crate) struct Script {
    /// Bytes for requests of HTTP, by the beginning of their path; the rest is honest.
    pub(crate) about: Option<Arc<[u8]>>,
    pub(crate) sessions: Option<Arc<[u8]>>,
    /// What the next sockets say after hello. When there is nothing left, the server is honest.
    pub(crate) sockets: VecDeque<Vec<Vec<u8>>>,
}

pub(crate) struct Hostile {
    pub(crate) address: String,
    pub(crate) script: Arc<Mutex<Script>>,
    /// How every socket ended: the commands that the client had sent on it.
    pub(crate) ended: mpsc::UnboundedReceiver<Vec<Command>>,
}

pub(crate) async fn start() -> Hostile {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let script = Arc::new(Mutex::new(Script::default()));
    let (sender, ended) = mpsc::unbounded_channel();
    let shared = Arc::clone(&script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&shared), sender.clone()));
        }
    });
    Hostile { address, script, ended }
}

pub(crate) async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<Script>>,
    ended: mpsc::UnboundedSender<Vec<Command>>,
) {
    let mut head = [0; 512];
    let Ok(count) = stream.peek(&mut head).await else { return };
    let head = String::from_utf8_lossy(&head[..count]).into_owned();
    if head.contains("/api/v1/socket") {
        let lies = script.lock().unwrap().sockets.pop_front();
        let _ = ended.send(converse(stream, lies).await);
        return;
    }
    let bytes = {
        let script = script.lock().unwrap();
        if head.starts_with("GET /api/v1/server") {
            script.about.clone().unwrap_or_else(|| about().into())
        } else {
            script.sessions.clone().unwrap_or_else(|| json_answer(&session()).into())
        }
    };
    // The request is small: one piece. The client may have hung up before everything is written.
    let mut request = [0; 64 * 1024];
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

/// One socket: the lies, or an honest server. The commands that came.
pub(crate) async fn converse(stream: TcpStream, lies: Option<Vec<Vec<u8>>>) -> Vec<Command> {
    let mut commands = Vec::new();
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return commands };
    let Some(Ok(hello)) = socket.next().await else { return commands };
    let hello = ClientFrame::decode(hello.to_text().unwrap()).expect("the client speaks the protocol");
    assert!(matches!(hello, ClientFrame::Hello(_)), "{hello:?}");
    if let Some(lies) = lies {
        for lie in lies {
            // The client may end the connection at any of them, which is what it should do.
            if socket.get_mut().write_all(&lie).await.is_err() {
                return commands;
            }
        }
        // What it answers is read until it has been silent for a moment or ends the connection.
        while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_millis(30), socket.next()).await {
            if let Message::Text(text) = message {
                ClientFrame::decode(&text).expect("the client speaks the protocol");
            }
        }
        return commands;
    }
    let _ = socket.send(Message::text(welcome().to_string())).await;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let answer = match ClientFrame::decode(&text).unwrap() {
            ClientFrame::Command { no, command: RawCommand::Known(command) } => {
                commands.push(command);
                json!({ "type": "verdict", "no": no, "outcome": "applied", "seq": no })
            }
            // After a lie about the epoch the client first asks what the server has.
            ClientFrame::Pull { request, stream: Stream::Account, .. } => {
                json!({ "type": "account", "request": request, "after": 0, "rev": 0, "full": true, "entries": [] })
            }
            _ => continue,
        };
        let _ = socket.send(Message::text(answer.to_string())).await;
        if commands.len() == 2 {
            return commands;
        }
    }
    commands
}

/// A text message as a server frames it, without a mask.
pub(crate) fn framed(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut frame = vec![0x81];
    match bytes.len() {
        0..=125 => frame.push(u8::try_from(bytes.len()).unwrap()),
        126..=65_535 => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(bytes);
    frame
}
