//! Requests as fast as they are answered: sign-ins with wrong passwords, and bodies that are bombs.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::connections::connect;
use super::{Flood, Flooder, Kind};
use crate::Failure;
use crate::http::Http;

/// 64 MiB of zeros in 64 KiB: small enough for the server to read, if it read it.
pub fn bomb() -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 1 << 20])?;
    // Members of a gzip file may follow each other.
    Ok(encoder.finish()?.repeat(64))
}

/// One client: it asks until its connection is ended, and connects again at once.
pub(super) async fn drown(flood: &Flood, flooder: &Flooder) -> Result<(), Failure> {
    let request = request(flood, flooder);
    loop {
        let Some(stream) = connect(flood, flooder).await else { continue };
        let mut http = Http::over(stream)?;
        while http.send(&request).await.is_ok() {
            flood.count(&flood.sent);
            // A server that does not read a body may close before its refusal is read.
            let Ok((status, body)) = http.answer().await else { break };
            match (flood.kind, status) {
                (Kind::SignIns, 401) | (Kind::Bombs, 415) => {}
                (Kind::SignIns, 429 | 503) => flood.count(&flood.limited),
                _ => return Err(format!("a flood is answered {status}: {}", String::from_utf8_lossy(&body)).into()),
            }
        }
        flood.count(&flood.ends);
    }
}

fn request(flood: &Flood, flooder: &Flooder) -> Vec<u8> {
    let head = "POST /api/v1/sessions HTTP/1.1\r\nHost: flood\r\nContent-Type: application/json\r\n";
    let (encoding, body) = match flood.kind {
        Kind::Bombs => ("Content-Encoding: gzip\r\n", flood.bomb.clone()),
        _ => {
            // A handle for each: attempts are counted by handle as well as by address.
            let handle = format!("p{}", flooder.number);
            let (organisation, password) = ("load", "a wrong password");
            let body = serde_json::json!({
                "organisation": organisation, "handle": handle, "password": password, "device_name": "flood",
            });
            ("", body.to_string().into_bytes())
        }
    };
    [format!("{head}{encoding}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
}
