//! The output of a running program, line by line, for waiting on what it says.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use crate::PATIENCE;

/// Lines of a program's output, as they come. They are read on a thread, so the program never waits for the test.
#[derive(Debug)]
pub struct Lines {
    incoming: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let (outgoing, incoming) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                if outgoing.send(line).is_err() {
                    break;
                }
            }
        });
        Self { incoming, seen: Vec::new() }
    }

    /// The next line; none at the end of the output.
    pub fn next_line(&mut self) -> Option<String> {
        match self.incoming.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no further line for {PATIENCE:?}; seen so far: {:#?}", self.seen),
        }
    }

    /// The lines that are there already.
    pub fn ready(&mut self) -> Vec<String> {
        let lines: Vec<String> = self.incoming.try_iter().collect();
        self.seen.extend(lines.iter().cloned());
        lines
    }

    /// The first line from here on that contains the text.
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Some(line) = self.next_line() {
            if line.contains(text) {
                return line;
            }
            assert!(Instant::now() < deadline, "{text:?} did not come; seen: {:#?}", self.seen);
        }
        panic!("the output ended without {text:?}; seen: {:#?}", self.seen);
    }
}
