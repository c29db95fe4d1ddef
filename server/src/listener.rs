//! The front door: accepts connections, bounds their number and their patience, and hands requests to the router.
//!
//! - At most `connections_max` are open; further ones wait in the operating system's queue.
//! - At most `connections_per_address_max` from one address; further ones are closed at once, before TLS.
//! - The head of a request must arrive within `header_timeout_ms`, which also ends idle connections, and has at most
//!   16 KiB; the TLS handshake has the same time. A client that drips bytes therefore holds one place for seconds.
//!
//! `axum::serve` has no such bounds, and `axum-server` waits without end for the first byte of a connection.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::metrics::names;
use crate::network::counted;
use crate::shutdown::Stopping;

const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// Connections that the operating system may keep waiting until they are accepted. Everybody comes back at once after a
/// restart, and whom it turns away tries again only after a second; the usual 128 are not enough for that. The system has
/// a limit of its own (`net.core.somaxconn`).
const WAITING_MAX: u32 = 4_096;

/// Opens the door: from here on connections wait to be accepted.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait until the connections of the process before are forgotten. On Windows the same name means
    // something else, and this is how it is there without it.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)
}

/// Who is at the other end of the connection. An extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The front door.
#[derive(Clone)]
pub struct Listener {
    config: Arc<Config>,
    tls: Option<TlsAcceptor>,
    router: Router,
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    stopping: Stopping,
}

impl Listener {
    /// A door that closes when `stopping` becomes true.
    pub fn new(config: Arc<Config>, tls: Option<TlsAcceptor>, router: Router, stopping: Stopping) -> Self {
        let places = Arc::new(Semaphore::new(config.limits.connections_max as usize));
        let addresses = Arc::new(Addresses::new(config.limits.connections_per_address_max));
        Self { config, tls, router, places, addresses, stopping }
    }

    /// Accepts connections until the server stops. The listening socket is closed when this returns.
    pub async fn accept(mut self, listener: TcpListener) {
        loop {
            let place = tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => place,
                () = self.stopping.wait() => return,
            };
            let Ok(place) = place else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopping.wait() => return,
            };
            match accepted {
                Ok((stream, address)) => self.admit(stream, address, place),
                // Out of file descriptors, or the client has gone already. Waiting a moment keeps the first from
                // becoming a busy loop.
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Waits until every connection is closed, or the time is up.
    pub async fn drained(&self, at_most: Duration) -> bool {
        let all = self.config.limits.connections_max;
        tokio::time::timeout(at_most, self.places.acquire_many(all)).await.is_ok()
    }

    fn admit(&self, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit) {
        let exempt = self.config.trusts(address.ip());
        let Some(counted) = Arc::clone(&self.addresses).enter(address.ip(), exempt) else {
            metrics::counter!(names::CONNECTIONS_REFUSED).increment(1);
            return;
        };
        // Small frames must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let guarded = Guarded { stream, _place: place, _counted: counted };
        let this = self.clone();
        tokio::spawn(async move {
            let limit = this.config.limits.header_timeout();
            match this.tls.clone() {
                None => this.serve(guarded, address).await,
                Some(tls) => match tokio::time::timeout(limit, tls.accept(guarded)).await {
                    Ok(Ok(stream)) => this.serve(stream, address).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                },
            }
        });
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S, address: SocketAddr) {
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(address));
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.limits.header_timeout())
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            result = &mut connection => log(result),
            () = self.stopping.wait() => {
                connection.as_mut().graceful_shutdown();
                log(connection.await);
            }
        }
    }
}

fn log(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Listener").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

/// Open connections by address.
struct Addresses {
    open: Mutex<HashMap<IpAddr, u32>>,
    max: u32,
}

impl Addresses {
    fn new(max: u32) -> Self {
        Self { open: Mutex::new(HashMap::new()), max }
    }

    fn enter(self: Arc<Self>, address: IpAddr, exempt: bool) -> Option<Counted> {
        let key = (!exempt).then(|| counted(address));
        if let Some(key) = key {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(key).or_insert(0);
            if *count >= self.max {
                return None;
            }
            *count += 1;
        }
        metrics::gauge!(names::CONNECTIONS).increment(1.0);
        Some(Counted { addresses: self, key })
    }
}

/// One connection's place in [`Addresses`].
struct Counted {
    addresses: Arc<Addresses>,
    key: Option<IpAddr>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(names::CONNECTIONS).decrement(1.0);
        let Some(key) = self.key else { return };
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&key);
            }
        }
    }
}

/// A stream that holds its places for as long as it lives: through the TLS session and the upgrade to a socket.
struct Guarded {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// Who comes while the server is busy waits in the operating system's queue. Nothing is accepted here: whoever were
    /// turned away would try again until the system gave up, and be an error.
    #[tokio::test]
    async fn a_herd_waits_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut herd = JoinSet::new();
        for _ in 0..300 {
            herd.spawn(TcpStream::connect(address));
        }
        let connected: io::Result<Vec<_>> = herd.join_all().await.into_iter().collect();
        assert_eq!(connected.unwrap().len(), 300);
    }
}
