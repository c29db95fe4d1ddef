//! One WebSocket of the load generator, with as little around it as possible.
//!
//! It shares two cores with the server that it measures, and ten thousand of them live in one thread, so it reads as many
//! frames as there are with one call, allocates nothing per frame, and masks with a key of zeros, which is a legal key and
//! saves a pass. It knows what it needs of RFC 6455: text frames in one piece, ping, close. The baseline relay is spoken to
//! with the same code, so what is left of its cost is on both sides of every ratio. A general library was refused for the
//! copies and the buffers that each of ten thousand sockets would keep.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Room for what one read brings, at first. It grows to the largest frame.
const READ_BYTES: usize = 4 * 1024;
/// A frame longer than this is a defect of whoever sends it.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// An open WebSocket, from the client's side.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    incoming: Vec<u8>,
    /// What of `incoming` was read and not yet taken.
    unread: Range<usize>,
    outgoing: Vec<u8>,
    /// Bytes that came so far, frames' heads and the handshake included.
    pub received_bytes: u64,
    /// Bytes that went so far, likewise.
    pub sent_bytes: u64,
}

/// A text frame that was read: where it lies in the buffer, until the next is asked for.
#[derive(Clone, Debug)]
pub struct Text(Range<usize>);

impl Wire {
    /// Connects and shakes hands. An answer other than 101 is an error with its first line.
    pub async fn open(address: SocketAddr, path: &str, token: &str) -> io::Result<Self> {
        Self::greet(TcpStream::connect(address).await?, address, path, token).await
    }

    /// The same with a receive buffer of this size in the operating system: who does not read is felt soon.
    pub async fn open_narrow(address: SocketAddr, path: &str, token: &str, bytes: u32) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(bytes)?;
        Self::greet(socket.connect(address).await?, address, path, token).await
    }

    async fn greet(stream: TcpStream, address: SocketAddr, path: &str, token: &str) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Zmlsb2FkZmlsb2FkZmlsbw==\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        let mut wire = Self {
            stream,
            incoming: Vec::new(),
            unread: 0..0,
            outgoing: request.into_bytes(),
            received_bytes: 0,
            sent_bytes: 0,
        };
        wire.flush().await?;
        loop {
            if let Some(head) = wire.head()? {
                wire.unread.start += head;
                return Ok(wire);
            }
            if wire.fill().await? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "closed during the handshake"));
            }
        }
    }

    /// The length of the head of the answer, once all of it is there.
    fn head(&self) -> io::Result<Option<usize>> {
        let bytes = &self.incoming[self.unread.clone()];
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        if bytes.starts_with(b"HTTP/1.1 101") {
            return Ok(Some(end + 4));
        }
        let text = String::from_utf8_lossy(&bytes[..end]);
        Err(io::Error::other(format!("the handshake was answered with {:?}", text.lines().next().unwrap_or_default())))
    }

    /// Puts a text frame behind those that wait for [`Self::flush`].
    pub fn queue(&mut self, text: &str) {
        self.outgoing.push(0x80 | TEXT);
        match text.len() {
            short @ 0..=125 => self.outgoing.push(0x80 | short as u8),
            medium @ 126..=0xffff => {
                self.outgoing.push(0x80 | 126);
                self.outgoing.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                self.outgoing.push(0x80 | 127);
                self.outgoing.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        self.outgoing.extend_from_slice(&[0; 4]);
        self.outgoing.extend_from_slice(text.as_bytes());
    }

    /// Whether frames wait for [`Self::flush`].
    pub fn has_queued(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Writes what was queued.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.outgoing).await?;
        self.sent_bytes += self.outgoing.len() as u64;
        self.outgoing.clear();
        Ok(())
    }

    /// Queues and flushes.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        self.queue(text);
        self.flush().await
    }

    /// The next text frame; none once the other side has closed. Safe to give up in the middle: nothing is lost.
    pub async fn next(&mut self) -> io::Result<Option<Text>> {
        loop {
            if let Some(text) = self.ready()? {
                return Ok(Some(text));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The next text frame, if all of it is there already.
    pub fn ready(&mut self) -> io::Result<Option<Text>> {
        while let Some((code, payload, end)) = self.frame()? {
            self.unread.start = end;
            match code {
                TEXT => return Ok(Some(Text(payload))),
                PING => {
                    self.outgoing.extend_from_slice(&[0x80 | PONG, 0x80, 0, 0, 0, 0]);
                    // Six bytes that fit, or else go with what is sent next.
                    if let Ok(written) = self.stream.try_write(&self.outgoing) {
                        self.sent_bytes += written as u64;
                        self.outgoing.drain(..written);
                    }
                }
                CLOSE => return Err(io::Error::new(ErrorKind::ConnectionAborted, self.close_reason(payload))),
                PONG => {}
                other => return Err(io::Error::other(format!("a frame with the code {other:#x}"))),
            }
        }
        Ok(None)
    }

    /// The text that was read. Do not keep a [`Text`] over the next read.
    pub fn text(&self, text: &Text) -> &str {
        // The server sends UTF-8; what is not would be found here rather than measured.
        std::str::from_utf8(&self.incoming[text.0.clone()]).unwrap_or_default()
    }

    /// One frame of the buffer: its code, its payload, and where the next one begins.
    fn frame(&self) -> io::Result<Option<(u8, Range<usize>, usize)>> {
        let bytes = &self.incoming[self.unread.clone()];
        let (Some(first), Some(second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
        if first & 0xf0 != 0x80 || second & 0x80 != 0 {
            return Err(io::Error::other("a frame in pieces, with extensions or masked"));
        }
        let (head, length) = match second {
            126 => match bytes.get(2..4) {
                Some(two) => (4, usize::from(u16::from_be_bytes([two[0], two[1]]))),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10).and_then(|eight| <[u8; 8]>::try_from(eight).ok()) {
                Some(eight) => (10, usize::try_from(u64::from_be_bytes(eight)).unwrap_or(usize::MAX)),
                None => return Ok(None),
            },
            short => (2, usize::from(*short)),
        };
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        if bytes.len() < head + length {
            return Ok(None);
        }
        let start = self.unread.start + head;
        Ok(Some((first & 0x0f, start..start + length, start + length)))
    }

    fn close_reason(&self, payload: Range<usize>) -> String {
        let bytes = &self.incoming[payload];
        match bytes.split_first_chunk::<2>() {
            Some((code, reason)) => {
                format!("closed with {} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason))
            }
            None => "closed".to_owned(),
        }
    }

    /// Reads what is there, at least a byte; 0 at the end.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.start > 0 && self.incoming.len() - self.unread.end < READ_BYTES {
            self.incoming.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        if self.incoming.len() - self.unread.end < READ_BYTES / 2 {
            let larger = (self.incoming.len() * 2).max(READ_BYTES);
            self.incoming.resize(larger, 0);
        }
        let end = self.unread.end;
        let count = self.stream.read(&mut self.incoming[end..]).await?;
        self.unread.end += count;
        self.received_bytes += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    /// A library that knows all of RFC 6455 echoes frames of every size of head back, with a ping in between.
    #[tokio::test]
    async fn frames_of_all_sizes_come_back_as_they_went() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let (mut texts, mut pongs) = (0, 0);
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Text(_) => {
                        texts += 1;
                        socket.send(Message::Ping("are you there".into())).await.unwrap();
                        socket.send(message).await.unwrap();
                    }
                    Message::Pong(_) => pongs += 1,
                    _ => break,
                }
                if texts == 6 && pongs == 6 {
                    socket.close(None).await.unwrap();
                }
            }
            (texts, pongs)
        });
        let mut wire = Wire::open(address, "/", "none").await.unwrap();
        for bytes in [0, 1, 125, 126, 65_535, 300_000] {
            let text = "x".repeat(bytes);
            wire.send(&text).await.unwrap();
            let back = wire.next().await.unwrap().unwrap();
            assert_eq!(wire.text(&back), text, "{bytes}");
        }
        wire.flush().await.unwrap();
        assert!(wire.next().await.is_err());
        // The other side waits for an answer to its close, or for the end.
        drop(wire);
        assert_eq!(echo.await.unwrap(), (6, 6));
    }
}
