//! A screen without a monitor, for as long as the value lives.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::Failure;

/// A running Xvfb.
pub(super) struct Display {
    /// Its name for `DISPLAY`.
    pub(super) name: String,
    server: Child,
}

impl Display {
    /// Starts Xvfb on a free number, which it chooses itself.
    pub(super) fn start() -> Result<Self, Failure> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start Xvfb: {error}"))?;
        let mut number = String::new();
        let read = server.stdout.take().map(|output| BufReader::new(output).read_line(&mut number));
        if matches!(read, Some(Ok(count)) if count > 1) {
            Ok(Self { name: format!(":{}", number.trim()), server })
        } else {
            let _ = server.kill();
            Err("Xvfb did not start".to_owned())
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
