//! The server of the demo, as a child of this command.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::command::{command, terminate};
use crate::workspace::Workspace;

const START_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(50);

/// A running server.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts the server on `data` and waits until it answers.
    pub(super) fn start(workspace: &Workspace, data: &Path, port: u16) -> Result<Self, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if healthy(address) {
            return Err(format!("a server is running on {address} already: stop the other `cargo xtask run` first"));
        }
        let log_file = data.join("server.log");
        let log = File::options().create(true).append(true).open(&log_file);
        let log = log.map_err(|error| format!("{}: {error}", log_file.display()))?;
        let program = workspace.program("fil-server");
        let (data, listen) = (data.to_string_lossy(), address.to_string());
        let words = ["serve", "--data", &data, "--listen", &listen];
        let mut server = command(&workspace.root, &program.to_string_lossy(), &words);
        let copy = log.try_clone().map_err(|error| error.to_string())?;
        server.stdout(Stdio::from(copy)).stderr(Stdio::from(log));
        // In a group of its own, so that Ctrl-C reaches this command alone, which then asks the server once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut server, 0);
        let child = server.spawn().map_err(|error| format!("cannot start fil-server: {error}"))?;
        let mut server = Self { child };
        let deadline = Instant::now() + START_MAX;
        while !healthy(address) {
            server.check().map_err(|failure| format!("{failure}; see {}", log_file.display()))?;
            if Instant::now() > deadline {
                return Err(format!("the server does not answer on {address}; see {}", log_file.display()));
            }
            std::thread::sleep(STEP);
        }
        Ok(server)
    }

    /// Fails if the server has ended by itself.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the server ended ({status})")),
            Err(error) => Err(format!("the server cannot be watched: {error}")),
        }
    }

    /// Asks the server to stop, and waits until its commits and sockets are finished.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        if self.check().is_err() {
            return Ok(());
        }
        println!("\nStopping the server.");
        terminate(self.child.id());
        let deadline = Instant::now() + STOP_MAX;
        while self.check().is_ok() {
            if Instant::now() > deadline {
                return Err("the server does not stop, it was killed; nothing acknowledged is lost".to_owned());
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.check().is_ok() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Whether a Fil server answers at the address.
fn healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().is_ok_and(|answer| answer == "HTTP/1.1 200")
}
