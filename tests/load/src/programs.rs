//! Where the programs are, and starting them: the real server, and the relay, which is this program.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Failure;
use crate::process::Process;

/// Settings that take the limits per client out of the way: the load comes from one address and one process.
const UNLIMITED: &[&str] = &[
    "limits.connections_max=100000",
    "limits.connections_per_address_max=100000",
    "limits.hello_timeout_ms=60000",
    "limits.header_timeout_ms=60000",
    "limits.requests_per_second=1000000",
    "limits.requests_burst=1000000",
    "limits.frames_per_second=1000000",
    "limits.frames_burst=1000000",
];

/// A server or relay that runs. It is killed when the value goes.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it is Fil, which wants a token and a hello, or the relay, which does not look at them.
    pub is_fil: bool,
}

impl Program {
    /// The real server on a data folder. Port 0 takes a free one. Its log goes into `server.log` beside the folder.
    pub fn fil(data: &Path, port: u16) -> Result<Self, Failure> {
        Self::fil_with(data, port, &[])
    }

    /// The same with these settings, which count for more than those that take the limits away.
    pub fn fil_with(data: &Path, port: u16, settings: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(fil_server()?);
        command.arg("serve").arg("--data").arg(data).arg("--listen").arg(format!("127.0.0.1:{port}"));
        for pair in UNLIMITED.iter().chain(&["log.level=warn"]).chain(settings) {
            command.args(["--set", pair]);
        }
        let log = File::options().create(true).append(true).open(data.with_extension("log"))?;
        Self::start(command.stderr(log), true)
    }

    /// The relay. Port 0 takes a free one.
    pub fn relay(port: u16) -> Result<Self, Failure> {
        let mut command = Command::new(own_program()?);
        Self::start(command.args(["relay", "--port"]).arg(port.to_string()).stderr(Stdio::inherit()), false)
    }

    fn start(command: &mut Command, is_fil: bool) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("the program's output is a pipe")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit([' ', '/']).next().and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let status = child.kill().and_then(|()| child.wait());
            return Err(format!("{:?} did not say where it listens ({status:?})", command.get_program()).into());
        };
        Ok(Self { child, address, is_fil })
    }

    /// For figures about the process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Ends it at once (SIGKILL), whatever it is doing.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of this build: `target/release`, or `target/debug` for a test.
pub fn folder() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    let folder = own.parent().ok_or("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

fn own_program() -> Result<PathBuf, Failure> {
    Ok(folder()?.join("fil-load"))
}

fn fil_server() -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os("FIL_SERVER_BIN") {
        return Ok(PathBuf::from(path));
    }
    let path = folder()?.join("fil-server");
    if path.is_file() {
        Ok(path)
    } else {
        Err("fil-server is not built: run `cargo build -p fil-server` with the same profile, or set FIL_SERVER_BIN"
            .into())
    }
}
