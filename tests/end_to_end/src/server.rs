//! The real server. However it ends, it must not have panicked: a panicking connection would look like a closed one.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::fil::signal;
use crate::{House, Lines, device, programs};

/// A running server. It is killed when the value goes.
#[derive(Debug)]
pub struct Server {
    child: Child,
    lines: Lines,
    /// What it logs, which outlives the folder if that goes first.
    log: File,
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
        let log = File::options().create(true).read(true).append(true).open(house.folder().join("server.log"));
        let log = log.expect("the folder is ours");
        let errors = log.try_clone().expect("an open file can be opened again");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("the server is a program");
        let mut lines = Lines::of(child.stdout.take().expect("the output is a pipe"));
        let line = lines.wait_for("listening on ");
        let url = line.rsplit(' ').next().unwrap_or_default().to_owned();
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
        house.remember_port(port.expect("the server says where it listens"));
        Self { child, lines, log, url }
    }

    /// Asks it to stop (SIGTERM) and waits until it has. It must end well.
    pub fn stop(mut self) {
        signal(&self.child, "TERM");
        let status = self.wait();
        assert!(status.success(), "the server ended with {status}");
        self.check_log();
    }

    /// What it answers to a `GET`: status line, headers and body.
    pub fn get(&self, path: &str) -> String {
        device::get(self.url.trim_start_matches("http://"), path)
    }

    /// Ends it at once (SIGKILL), whatever it is doing.
    pub fn kill(mut self) {
        self.child.kill().expect("the server was running");
        self.wait();
        self.check_log();
    }

    /// It has logged no panic, neither its own nor that of a server before it in this house.
    fn check_log(&mut self) {
        let mut log = Vec::new();
        let read = self.log.seek(SeekFrom::Start(0)).and_then(|_| self.log.read_to_end(&mut log));
        read.expect("the log can be read");
        let log = String::from_utf8_lossy(&log);
        assert!(!log.contains("panicked"), "the server panicked:\n{log}");
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
        // A test that fails already has said why.
        if !std::thread::panicking() {
            self.check_log();
        }
    }
}
