//! A screen: `fil bridge` and the one connection to it, for tests that do what a person with an open window does.
//!
//! Requests are JSON in the words of `core/client/src/bridge/request.rs`. Updates are passed over: a test reads again
//! what it wants to know.

use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::{Fil, PATIENCE, Running};

/// An open profile with a screen.
#[derive(Debug)]
pub struct Screen {
    running: Running,
    socket: WebSocket<TcpStream>,
    last: u64,
    /// Answers that came while another one was waited for.
    early: Vec<(u64, Result<Value, Value>)>,
}

impl Screen {
    /// Opens a profile.
    pub fn open(fil: &Fil) -> Self {
        let mut running = fil.start(&["bridge", "--json"]);
        let door: Value = serde_json::from_str(&running.lines.wait_for("\"port\"")).expect("one JSON document");
        let stream = TcpStream::connect(("127.0.0.1", door["port"].as_u64().expect("a port") as u16));
        let stream = stream.expect("the bridge listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
        let address = format!("ws://127.0.0.1:{}/?token={}", door["port"], door["token"].as_str().unwrap_or_default());
        let (socket, _) = client(address, stream).expect("the door opens");
        Self { running, socket, last: 0, early: Vec::new() }
    }

    /// Asks and does not wait. Gives the number of the request.
    pub fn say(&mut self, request: &Value) -> u64 {
        self.last += 1;
        let frame = json!({ "id": self.last, "request": request });
        // A program that is gone takes nothing; that shows in the answer.
        let _ = self.socket.send(Message::text(frame.to_string()));
        self.last
    }

    /// The response to a request, or its failure; none if the program is gone.
    pub fn answer(&mut self, request: u64) -> Option<Result<Value, Value>> {
        loop {
            if let Some(at) = self.early.iter().position(|(id, _)| *id == request) {
                return Some(self.early.remove(at).1);
            }
            let message = self.socket.read().ok()?;
            self.early.extend(answered(&message));
        }
    }

    /// The answers that came while another one was waited for, in the order in which they came.
    pub fn early(&mut self) -> Vec<(u64, Result<Value, Value>)> {
        std::mem::take(&mut self.early)
    }

    /// Asks what must be answered.
    pub fn ask(&mut self, request: &Value) -> Value {
        let id = self.say(request);
        match self.answer(id) {
            Some(Ok(response)) => response,
            other => panic!("{request} was answered with {other:?}"),
        }
    }

    /// Asks for the status until it is as wanted.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let request = json!({ "type": "status" });
        self.wait_for(&request, |response| {
            let reached = wanted(&response["status"]);
            if !reached {
                println!("waiting for {what}: {}", response["status"]);
            }
            reached
        });
    }

    /// Asks the same after every update, until the answer is as wanted.
    pub fn wait_for(&mut self, request: &Value, wanted: impl Fn(&Value) -> bool) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let response = self.ask(request);
            if wanted(&response) {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{request} is still answered with {response}");
            self.update();
        }
    }

    /// Waits for the next update, whatever it is.
    fn update(&mut self) {
        while let Ok(message) = self.socket.read() {
            match answered(&message) {
                Some(early) => self.early.push(early),
                None => return,
            }
        }
    }

    /// Holds the program in the middle of whatever it is doing (SIGSTOP), as a suspended machine does.
    pub fn suspend(&self) {
        self.running.signal("STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.running.signal("CONT");
    }

    /// Ends the program at once (SIGKILL). Gives the answers that it had sent before.
    pub fn kill(mut self) -> Vec<(u64, Result<Value, Value>)> {
        self.running.kill();
        while let Ok(message) = self.socket.read() {
            self.early.extend(answered(&message));
        }
        self.early
    }

    /// Closes the screen, and with it the program, which must end well.
    pub fn close(mut self) {
        let _ = self.socket.close(None);
        while self.socket.read().is_ok() {}
        assert_eq!(self.running.finish().0, 0, "the program ends with its screen");
    }
}

/// The number of a request and its answer; none for an update.
fn answered(message: &Message) -> Option<(u64, Result<Value, Value>)> {
    let frame: Value = serde_json::from_str(message.to_text().ok()?).ok()?;
    let result = match frame.get("response") {
        Some(response) => Ok(response.clone()),
        None => Err(frame["failure"].clone()),
    };
    Some((frame["id"].as_u64()?, result))
}
