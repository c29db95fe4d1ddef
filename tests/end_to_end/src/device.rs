//! A device that speaks the protocol of `docs/PROTOCOL.md` itself, for what no app offers yet: titles and memberships.
//!
//! It keeps the rules for clients: numbers, a journal, and after every `welcome` everything above `applied` once more.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::{PASSWORD, PATIENCE, Server};

/// A signed-in device. It remembers all its commands, as a journal that never ends.
#[derive(Debug)]
pub struct Device {
    address: String,
    session: Value,
    generation: String,
    commands: Vec<Value>,
    epoch: Value,
    applied: u64,
    socket: Option<WebSocket<TcpStream>>,
}

impl Device {
    /// Signs in as an account of the demo organisation.
    pub fn sign_in(server: &Server, handle: &str) -> Self {
        let address = server.url.trim_start_matches("http://").to_owned();
        let body =
            json!({ "organisation": "demo", "handle": handle, "password": PASSWORD, "device_name": "by the protocol" });
        let session = post(&address, "/api/v1/sessions", &body);
        // Any UUID will do, and the device's own is one that no other device has.
        let generation = session["device"].as_str().expect("a device").to_owned();
        let (commands, epoch, applied) = (Vec::new(), Value::Null, 0);
        Self { address, session, generation, commands, epoch, applied, socket: None }
    }

    /// The account's id.
    pub fn account(&self) -> String {
        self.session["profile"]["account"].as_str().expect("an account").to_owned()
    }

    /// Gives the next command its number and sends it, if there is a connection. Does not wait.
    pub fn send(&mut self, command: &Value) {
        self.commands.push(command.clone());
        self.transmit(self.commands.len() as u64);
    }

    fn transmit(&mut self, no: u64) {
        let frame = json!({ "type": "command", "no": no, "command": self.commands[no as usize - 1] });
        if let Some(socket) = &mut self.socket
            && socket.send(Message::text(frame.to_string())).is_err()
        {
            self.socket = None;
        }
    }

    /// Connects if need be and waits until every command has its verdict, which must be `applied`.
    pub fn settle(&mut self) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while self.applied < self.commands.len() as u64 {
            assert!(std::time::Instant::now() < deadline, "the server does not settle what a device sends");
            if self.socket.is_none() {
                self.connect();
                continue;
            }
            match self.hear() {
                None => self.socket = None,
                Some(frame) if frame["type"] == "verdict" => {
                    assert_eq!(frame["outcome"], "applied", "{frame} for {:?}", self.commands);
                    self.applied = self.applied.max(frame["no"].as_u64().unwrap_or(0));
                    self.acknowledge();
                }
                Some(_) => {}
            }
        }
    }

    /// Tells the server that the verdicts so far are kept; it forgets them.
    fn acknowledge(&mut self) {
        let frame = json!({ "type": "acknowledge", "no": self.applied }).to_string();
        if self.socket.as_mut().is_some_and(|socket| socket.send(Message::text(frame)).is_err()) {
            self.socket = None;
        }
    }

    /// A new connection, whatever became of the one before. A restored server is offered what it lacks.
    pub fn connect(&mut self) {
        self.socket = None;
        let mut request = format!("ws://{}/api/v1/socket", self.address).into_client_request().expect("an address");
        let bearer = format!("Bearer {}", self.session["access_token"].as_str().unwrap_or_default());
        request.headers_mut().insert("authorization", bearer.parse().expect("a token is a header"));
        let stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
        let Ok((socket, _)) = client(request, stream) else {
            // The access token lives for ten minutes, and a long run is longer.
            let body = json!({ "refresh_token": self.session["refresh_token"] });
            let renewed = post(&self.address, "/api/v1/sessions/refresh", &body);
            for token in ["access_token", "refresh_token"] {
                self.session[token] = renewed[token].clone();
            }
            return;
        };
        self.socket = Some(socket);
        let hello = json!({
            "type": "hello", "protocol": { "current": 1, "lowest": 1 }, "client": "fil-end-to-end",
            "generation": self.generation, "epoch": self.epoch, "horizon": 0, "account_rev": 0, "acknowledged": 0,
        });
        let greeted = self.socket.as_mut().is_some_and(|socket| socket.send(Message::text(hello.to_string())).is_ok());
        let Some(welcome) = self.hear().filter(|frame| greeted && frame["type"] == "welcome") else {
            self.socket = None;
            return;
        };
        self.epoch = welcome["epoch"].clone();
        self.applied = welcome["applied"].as_u64().unwrap_or(0);
        for no in self.applied + 1..=self.commands.len() as u64 {
            self.transmit(no);
        }
    }

    /// Whether the connection that is open still answers.
    pub fn ping(&mut self) -> bool {
        let sent = self.socket.as_mut().is_some_and(|socket| socket.send(Message::text("{\"type\":\"ping\"}")).is_ok());
        sent && std::iter::from_fn(|| self.hear()).any(|frame| frame["type"] == "pong")
    }

    /// What the server answers to a `GET` of this device: status line, headers and body.
    pub fn get(&self, path: &str) -> String {
        let token = self.session["access_token"].as_str().unwrap_or_default();
        let host = &self.address;
        exchange(
            host,
            &format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            ),
        )
    }

    fn hear(&mut self) -> Option<Value> {
        loop {
            let message = self.socket.as_mut()?.read().ok()?;
            if message.is_close() {
                return None;
            }
            if let Ok(frame) = serde_json::from_str(message.to_text().unwrap_or_default()) {
                return Some(frame);
            }
        }
    }
}

/// One request that must be answered with 200, over a connection of its own.
fn post(address: &str, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(address, &request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap_or_default()).expect("the answer is JSON")
}

/// What the server answers to a `GET`: status line, headers and body.
pub(crate) fn get(address: &str, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers in UTF-8");
    answer
}
