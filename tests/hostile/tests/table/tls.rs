//! The front door with TLS: clients that take their time before anybody has heard a request of theirs (rows 46 and 48 of
//! the failure catalogue; S15 of the security list).

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::stage::{Findings, Stage};

/// Where a client stops.
#[derive(Clone, Copy, Debug)]
enum Stall {
    /// Connected, and not a byte.
    Silence,
    /// Half of a ClientHello.
    HalfHello,
    /// A ClientHello, byte by byte.
    HelloByteByByte,
    /// A ClientHello in two halves, and nothing after the server's part of the handshake.
    Hello,
    /// The whole handshake, and no request.
    Handshake,
}

/// All of them, and how each ends: before the whole ClientHello is there the server says nothing.
const STALLS: [(Stall, &str); 5] = [
    (Stall::Silence, "closed"),
    (Stall::HalfHello, "closed"),
    (Stall::HelloByteByByte, "closed"),
    (Stall::Hello, "answered, closed"),
    (Stall::Handshake, "answered, closed"),
];

/// How many of each stall at the same time, how often after each other at least, and how often if nobody is served.
const AT_ONCE: usize = 4;
const ROUNDS: usize = 2;
const ROUNDS_MAX: usize = 30;
/// How often the neighbour is served before the last of them goes.
const SERVED: usize = 3;
/// The time from one byte to the next of those who send one at a time: a ClientHello takes many times the limit.
const PACE: Duration = Duration::from_millis(10);
/// Longer than anything here takes; what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("TLS handshakes", STALLS.len())
}

/// S15: the limit is that of the configuration, small here; what is asserted is that the server ends them, and not when.
/// They come back until the neighbour was served, on his socket and on new connections, while they were there.
#[tokio::test]
async fn every_client_that_stalls_in_the_handshake_loses_its_place_and_the_neighbour_is_served() {
    let all = AT_ONCE * STALLS.len();
    let stage = Stage::with_tls(|config| {
        config.limits.header_timeout_ms = 1_000;
        // Enough for the neighbour, the stage's own connections and one round: a place that is not given back is seen.
        config.limits.connections_per_address_max = u32::try_from(all).unwrap() + 10;
    })
    .await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let served = Arc::new(AtomicUsize::new(0));
    let stalling = STALLS.iter().cycle().take(all).map(|(stall, expected)| {
        let (address, tls, served) = (stage.running.address(), Arc::clone(&stage.tls), Arc::clone(&served));
        let ends = tokio::task::spawn_blocking(move || {
            let mut ends = Vec::new();
            while ends.len() < ROUNDS || (served.load(Relaxed) < SERVED && ends.len() < ROUNDS_MAX) {
                ends.push(end_of(address, &tls, *stall));
            }
            ends
        });
        async move { (stall, expected, ends.await.expect("no client of the test panics")) }
    });
    let serving = async {
        loop {
            stage.check_neighbour(&mut neighbour).await;
            // Somebody who comes anew, with a handshake of her own.
            stage.socket_of(&stage.cleo).await.ping().await;
            served.fetch_add(1, Relaxed);
        }
    };
    let all = tokio::select! {
        all = join_all(stalling) => all,
        () = serving => unreachable!("it goes on"),
    };
    let mut findings = Findings::default();
    for (stall, expected, ends) in all {
        ends.iter().for_each(|end| findings.check(end, expected, format!("{stall:?}")));
    }
    findings.end();
    let served = served.load(Relaxed);
    println!("the neighbour was served {served} times");
    assert!(served >= SERVED, "the neighbour was served {served} times");
    stage.check_neighbour(&mut neighbour).await;
}

/// What the server answered, if anything, and whether it closed the connection.
fn end_of(address: SocketAddr, tls: &Arc<ClientConfig>, stall: Stall) -> String {
    let name = ServerName::from(address.ip());
    let mut client = ClientConnection::new(Arc::clone(tls), name).expect("a client can begin");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut hello = Vec::new();
    let mut drip = Vec::new().into_iter();
    let mut got = "";
    match stall {
        Stall::Handshake => {
            if client.complete_io(&mut stream).is_err() {
                return "refused".to_owned();
            }
            got = "answered, ";
        }
        _ => assert!(client.write_tls(&mut hello).unwrap() > 100, "a client begins with its hello"),
    }
    let (first, second) = hello.split_at(hello.len() / 2);
    match stall {
        Stall::Silence | Stall::Handshake => {}
        Stall::HalfHello => stream.write_all(first).unwrap(),
        Stall::HelloByteByByte => drip = hello.into_iter(),
        Stall::Hello => [first, second].iter().for_each(|half| stream.write_all(half).unwrap()),
    }
    stream.set_read_timeout(Some(PACE)).unwrap();
    let began = Instant::now();
    let mut bytes = [0; 4096];
    while began.elapsed() < PATIENCE {
        if let Some(byte) = drip.next() {
            // The server may be gone already, which the reading side sees.
            let _ = stream.write_all(&[byte]);
        }
        match stream.read(&mut bytes) {
            Ok(0) => return format!("{got}closed"),
            // A record of a handshake, or of something else.
            Ok(_) if got.is_empty() => got = if bytes[0] == 22 { "answered, " } else { "refused, " },
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return format!("{got}closed"),
        }
    }
    format!("{got}still open")
}
