//! A server that gives the answers it was told to give, in order, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::address::ServerAddress;

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A status, a content type and a body.
    Whole(u16, &'static str, String),
    /// The connection ends instead.
    HangUp,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Whole(status, "application/json", body.into())
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::Whole(status, "text/html", body.to_owned())
    }
}

pub(crate) struct FakeHttp {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl FakeHttp {
    /// Gives these answers, the last one again and again.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            while let Ok((stream, _)) = listener.accept().await {
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                serve(stream, answer.unwrap_or(Answer::HangUp), &remembered).await;
            }
        });
        Self { address, seen, task }
    }

    pub(crate) fn address(&self) -> ServerAddress {
        ServerAddress::parse(&self.address).unwrap()
    }

    /// Every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, seen: &Mutex<Vec<String>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().unwrap().push(request);
    write_answer(&mut stream, &answer).await;
}

/// Writes an answer, after which the connection ends.
pub(super) async fn write_answer(stream: &mut TcpStream, answer: &Answer) {
    if let Answer::Whole(status, kind, body) = answer {
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        // The client may have hung up already.
        let _ = stream.write_all((head + body).as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// Reads one request, its body included; none if the client hung up.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.trim().parse().unwrap_or(0));
        if body.len() >= length {
            return Some(text);
        }
    }
}
