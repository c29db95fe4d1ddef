//! One HTTP/1.1 connection that asks and waits, as little as possible: it is timed to the tenth of a millisecond.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A kept-alive connection.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    address: SocketAddr,
    incoming: Vec<u8>,
}

impl Http {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address).await?)
    }

    /// Takes a connection that is there.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let address = stream.peer_addr()?;
        Ok(Self { stream, address, incoming: Vec::with_capacity(64 * 1024) })
    }

    /// Asks for a path, and gives the body as it came (compressed, if that was allowed). Another status than 200 is an
    /// error with the body.
    pub async fn get(&mut self, path: &str, token: &str, gzip: bool) -> io::Result<Vec<u8>> {
        let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{encoding}Authorization: Bearer {token}\r\n\r\n", self.address);
        self.send(request.as_bytes()).await?;
        let (status, body) = self.answer().await?;
        if status == 200 {
            Ok(body)
        } else {
            Err(io::Error::other(format!("{status}: {}", String::from_utf8_lossy(&body))))
        }
    }

    /// Sends a request as it is.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Waits for an answer: its status and its body.
    pub async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        self.incoming.clear();
        let end = loop {
            if let Some(end) = find(&self.incoming, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.incoming[..end]).to_ascii_lowercase();
        let header = |name: &str| {
            head.lines()
                .find_map(|line| line.split_once(':').filter(|(key, _)| *key == name))
                .map(|(_, value)| value.trim())
        };
        let body = match header("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                while self.incoming.len() < end + length {
                    self.fill().await?;
                }
                self.incoming[end..end + length].to_vec()
            }
            None if header("transfer-encoding") == Some("chunked") => self.chunks(end).await?,
            None => return Err(io::Error::other("an answer without a length")),
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or_else(|| io::Error::other("an answer without a status"))?, body))
    }

    async fn chunks(&mut self, mut at: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = find(&self.incoming[at..], b"\r\n") {
                    break at + end;
                }
                self.fill().await?;
            };
            let size = std::str::from_utf8(&self.incoming[at..line])
                .ok()
                .and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.ok_or_else(|| io::Error::other("a chunk without a size"))?;
            let start = line + 2;
            while self.incoming.len() < start + size + 2 {
                self.fill().await?;
            }
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&self.incoming[start..start + size]);
            at = start + size + 2;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.incoming).await? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "closed in the middle of an answer"));
        }
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Both ways in which a body is delimited are read to their end, twice over one connection.
    #[tokio::test]
    async fn bodies_with_a_length_and_in_chunks_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answers = [
                "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nbonjour",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbon\r\nA\r\nne journée\r\n0\r\n\r\n",
                "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone",
            ];
            let mut buffer = [0; 4096];
            for answer in answers {
                assert!(stream.read(&mut buffer).await.unwrap() > 0);
                stream.write_all(answer.replace("A\r\nne journée", "B\r\nne journée").as_bytes()).await.unwrap();
            }
        });
        let mut http = Http::open(address).await.unwrap();
        assert_eq!(http.get("/one", "t", false).await.unwrap(), b"bonjour");
        assert_eq!(http.get("/two", "t", true).await.unwrap(), "bonne journée".as_bytes());
        assert!(http.get("/three", "t", true).await.unwrap_err().to_string().contains("404"));
        server.await.unwrap();
    }
}
