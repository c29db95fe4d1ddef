//! The baseline: a bare WebSocket relay on tokio-tungstenite that stores nothing and checks nothing.
//!
//! Whoever connects to `/room/N` is in room N. A `hello` is answered by a `welcome`, a `command` by a `verdict` to its
//! sender and by the same text to everybody else in the room. There is no account, no number of events, no
//! durability: it is what the sockets alone cost, so that what Fil adds can be seen.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::Failure;

/// Messages that wait for one receiver. When they are that many, further ones are dropped: a relay promises nothing.
const WAITING_MAX: usize = 4_096;
/// Messages that are written before a flush.
const WRITTEN_AT_ONCE: usize = 64;

type Room = Arc<Mutex<Vec<(u64, Sender<Utf8Bytes>)>>>;

/// Serves on a port of this machine, 0 for any free one, until the process is killed; prints `listening on ADDRESS` first.
pub fn serve(port: u16) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpSocket::new_v4()?;
        // The port of a relay that was killed a moment ago.
        listener.set_reuseaddr(true)?;
        listener.bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        let listener: TcpListener = listener.listen(4_096)?;
        println!("listening on {}", listener.local_addr()?);
        let rooms: Arc<Mutex<HashMap<String, Room>>> = Arc::default();
        for id in 0.. {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(converse(stream, id, Arc::clone(&rooms)));
        }
        Ok(())
    })
}

async fn converse(stream: TcpStream, id: u64, rooms: Arc<Mutex<HashMap<String, Room>>>) {
    let _ = stream.set_nodelay(true);
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "the library's callback is that way")]
    let note_path = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    // The same buffers as Fil's, so that idle connections can be compared.
    let config = WebSocketConfig::default().read_buffer_size(2 * 1024).write_buffer_size(8 * 1024);
    let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, note_path, Some(config)).await;
    let Ok(socket) = accepted else { return };
    let room = Arc::clone(lock(&rooms).entry(path).or_default());
    let (sender, receiver) = channel(WAITING_MAX);
    lock(&room).push((id, sender));
    // An error means that the client is gone.
    let _ = forward(socket, id, &room, receiver).await;
    lock(&room).retain(|(other, _)| *other != id);
}

async fn forward(
    mut socket: WebSocketStream<TcpStream>,
    id: u64,
    room: &Room,
    mut receiver: Receiver<Utf8Bytes>,
) -> Result<(), Error> {
    let mut waiting = Vec::with_capacity(WRITTEN_AT_ONCE);
    loop {
        tokio::select! {
            count = receiver.recv_many(&mut waiting, WRITTEN_AT_ONCE) => {
                if count == 0 {
                    return Ok(());
                }
                for text in waiting.drain(..) {
                    socket.feed(Message::Text(text)).await?;
                }
                socket.flush().await?;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if let Some(answer) = answer(&text) {
                        if text.starts_with("{\"type\":\"command\"") {
                            for (_, other) in lock(room).iter().filter(|(other, _)| *other != id) {
                                let _ = other.try_send(text.clone());
                            }
                        }
                        socket.send(Message::Text(answer.into())).await?;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
    }
}

fn answer(text: &str) -> Option<String> {
    if text.starts_with("{\"type\":\"hello\"") {
        return Some("{\"type\":\"welcome\"}".to_owned());
    }
    let number = text.strip_prefix("{\"type\":\"command\",\"no\":")?.split(',').next()?;
    Some(format!("{{\"type\":\"verdict\",\"no\":{number},\"outcome\":\"applied\",\"seq\":1}}"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
