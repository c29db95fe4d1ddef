//! What the tests share: running commands, and a server as a child.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A data folder and the commands on it.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With the organisation `demo` and the account `ada`.
    pub(crate) fn with_ada() -> Self {
        let place = Self::new();
        place.run(&["organisation", "create", "demo"]).ok();
        place.feed(&["account", "create", "ada", "--password-stdin"], PASSWORD).ok();
        place
    }

    /// A file beside the data folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.file("data")
    }

    /// A command on the data folder, with the smallest password hash and no configuration of the machine it runs on.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fil-server"));
        command.env_clear().current_dir(self.folder.path()).arg("--data").arg(self.data());
        command.env("FIL_PASSWORD_MEMORY_KIB", "19456").env("FIL_PASSWORD_ITERATIONS", "2");
        command.args(arguments);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        end(self.command(arguments).stdin(Stdio::null()), "")
    }

    /// Runs a command that reads from its standard input.
    pub(crate) fn feed(&self, arguments: &[&str], input: &str) -> Ended {
        end(self.command(arguments).stdin(Stdio::piped()), input)
    }

    /// Starts a server, with more arguments, and waits until it listens.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let all = [&["serve", "--listen", "127.0.0.1:0", "--port-file", "port"], arguments].concat();
        let mut command = self.command(&all);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            panic!("{line} {err}");
        };
        let port = std::fs::read_to_string(self.file("port")).unwrap();
        assert!(url.ends_with(&format!(":{}", port.trim())), "{url} {port}");
        // Read as it comes, or a long log would fill the pipe and stop the server.
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Server { child, url: url.to_owned(), log }
    }
}

/// Runs a command to its end.
pub(crate) fn end(command: &mut Command, input: &str) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // A command that refuses its arguments does not read.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().expect("an exit code"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    /// The output, if all went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The output as JSON, if all went well.
    pub(crate) fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Refused with this code and a sentence that has these words.
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {}", self.err);
        }
    }
}

/// A server as a child.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    log: std::thread::JoinHandle<String>,
}

impl Server {
    /// Sends a signal, waits, and gives the exit code (none if a signal ended it) and the log.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status.code(), self.log.join().unwrap())
    }

    /// A `POST`.
    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).bearer_auth(token).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// A `GET`.
    pub(crate) async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url)).bearer_auth(token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Signs in; the session.
    pub(crate) async fn sign_in(&self, handle: &str) -> Value {
        let body = json!({ "handle": handle, "password": PASSWORD, "device_name": "test" });
        let (status, session) = self.post("/api/v1/sessions", "", &body).await;
        assert_eq!(status, 200, "{session}");
        session
    }
}

/// The mode of a file.
#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
