//! Connections as fast as they are taken, held for as long as there is room.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::{Flood, Flooder};
use crate::Failure;

/// The beginning of a handshake that never comes to its end.
const HEAD: &[u8] =
    b"GET /api/v1/socket HTTP/1.1\r\nHost: flood\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX-Drip: ";

/// How long a flooder waits whose connection was not taken.
const PAUSE: Duration = Duration::from_millis(1);

/// Connects from the flooder's address. Closing the connection leaves nothing behind: a flood would use up the ports
/// otherwise.
pub(super) async fn connect(flood: &Flood, flooder: &Flooder) -> Option<TcpStream> {
    let connecting = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(flooder.address(), 0))?;
        socket.set_zero_linger()?;
        socket.connect(flood.address).await
    };
    let connected: io::Result<TcpStream> = connecting.await;
    if connected.is_err() {
        flood.count(&flood.ends);
        sleep(PAUSE).await;
    }
    connected.ok()
}

/// One client: every second connection says nothing, the others begin a handshake, and send a byte of it when it is their
/// turn. The oldest makes room for the newest.
pub(super) async fn drown(flood: &Flood, flooder: &Flooder) -> Result<(), Failure> {
    let mut held: VecDeque<(TcpStream, bool)> = VecDeque::with_capacity(flood.held_max);
    let mut turn = 0;
    loop {
        let Some(stream) = connect(flood, flooder).await else { continue };
        flood.count(&flood.sent);
        let drips = turn % 2 == 0;
        if drips {
            // A new connection has room for it.
            let _ = stream.try_write(HEAD);
        }
        if held.len() == flood.held_max {
            held.pop_front();
        }
        held.push_back((stream, drips));
        turn += 1;
        let place = turn % held.len();
        let (stream, drips) = &held[place];
        if *drips && stream.try_write(b"a").is_err_and(|error| error.kind() != ErrorKind::WouldBlock) {
            held.remove(place);
            flood.count(&flood.ends);
        }
        tokio::task::yield_now().await;
    }
}
