//! The real server.

use std::process::{Child, Command, ExitStatus, Stdio};

use crate::fil::signal;
use crate::{House, Lines, device, programs};

/// A running server. It is killed when the value goes.
#[derive(Debug)]
pub struct Server {
    child: Child,
    lines: Lines,
    /// Where it answers.
    pub url: String,
}

impl Server {
    /// Starts the server of a house on its port and waits until it listens.
    pub fn start(house: &House) -> Self {
        let mut command = Command::new(programs::fil_server());
        command.arg("serve").arg("--data").arg(house.server_data());
        command.arg("--listen").arg(format!("127.0.0.1:{}", house.port()));
        command.args(house.settings());
        let log = std::fs::File::options().create(true).append(true).open(house.folder().join("server.log"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.expect("the folder is ours"));
        let mut child = command.spawn().expect("the server is a program");
        let mut lines = Lines::of(child.stdout.take().expect("the output is a pipe"));
        let line = lines.wait_for("listening on ");
        let url = line.rsplit(' ').next().unwrap_or_default().to_owned();
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        house.remember_port(port.expect("the server says where it listens"));
        Self { child, lines, url }
    }

    /// Asks it to stop (SIGTERM) and waits until it has. It must end well.
    pub fn stop(mut self) {
        signal(&self.child, "TERM");
        let status = self.wait();
        assert!(status.success(), "the server ended with {status}");
    }

    /// What it answers to a `GET`: status line, headers and body.
    pub fn get(&self, path: &str) -> String {
        device::get(self.url.trim_start_matches("http://"), path)
    }

    /// Ends it at once (SIGKILL), whatever it is doing.
    pub fn kill(mut self) {
        self.child.kill().expect("the server was running");
        self.wait();
    }

    /// Waits until it has ended: its output ends with it, and that wait has a deadline.
    fn wait(&mut self) -> ExitStatus {
        while self.lines.next_line().is_some() {}
        self.child.wait().expect("the child is ours")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
