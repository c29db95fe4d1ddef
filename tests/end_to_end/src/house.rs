//! A server and its people in one folder, gone at the end of the test.

use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::interrupt::interrupt;
use crate::{Fil, Finished, Server, programs};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// A folder with a server's data and profiles.
#[derive(Debug)]
pub struct House {
    folder: TempDir,
    server_data: PathBuf,
    port: Cell<u16>,
    settings: Vec<String>,
}

impl House {
    /// A house with the organisation `demo` and these people in it: handle and name.
    pub fn with(people: &[(&str, &str)]) -> Self {
        let house = Self::empty();
        house.administer(&["organisation", "create", "demo"], "").ok();
        for (handle, name) in people {
            let words = ["account", "create", "demo", handle, "--name", name, "--password-stdin"];
            house.administer(&words, PASSWORD).ok();
        }
        house
    }

    /// A house without anything.
    pub fn empty() -> Self {
        // The weakest hash that the server takes: these tests sign in often, and are not about passwords.
        let settings = ["password.memory_kib=19456", "password.iterations=2"];
        let folder = tempfile::Builder::new().prefix("fil-").tempdir().expect("there is a folder for temporary files");
        Self {
            server_data: folder.path().join("server"),
            folder,
            port: Cell::new(0),
            settings: settings.iter().flat_map(|pair| ["--set".to_owned(), (*pair).to_owned()]).collect(),
        }
    }

    /// Sets a key of the server's configuration.
    #[must_use]
    pub fn set(mut self, pair: &str) -> Self {
        self.settings.extend(["--set".to_owned(), pair.to_owned()]);
        self
    }

    /// Takes the limits per client out of the way: they protect against one that writes as fast as it can, which is what
    /// many tests do.
    #[must_use]
    pub fn unlimited(self) -> Self {
        ["frames_per_second", "frames_burst", "requests_per_second", "requests_burst"]
            .iter()
            .fold(self, |house, limit| house.set(&format!("limits.{limit}=100000")))
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the server's data.
    pub fn server_data(&self) -> PathBuf {
        self.server_data.clone()
    }

    /// Moves the server's data, which must not be in use, into another folder: onto another file system, perhaps.
    pub fn move_server_to(&mut self, folder: &Path) {
        let moved = Command::new("cp").arg("-a").arg(&self.server_data).arg(folder).status();
        assert!(moved.expect("there is cp").success());
        std::fs::remove_dir_all(&self.server_data).expect("the folder is ours");
        folder.clone_into(&mut self.server_data);
    }

    /// The folder of one profile.
    pub fn profile(&self, name: &str) -> PathBuf {
        self.folder.path().join("profiles").join(name)
    }

    pub(crate) fn settings(&self) -> &[String] {
        &self.settings
    }

    /// The server's port: any free one at first, then always the same.
    pub(crate) fn port(&self) -> u16 {
        self.port.get()
    }

    pub(crate) fn remember_port(&self, port: u16) {
        self.port.set(port);
    }

    /// Runs a command of `fil-server` on the house's data.
    pub fn administer(&self, words: &[&str], input: &str) -> Finished {
        feed(self.administration(words), input.as_bytes())
    }

    /// Runs a command of `fil-server` and kills it when the house's folder has changed so often. False if it had ended.
    pub fn interrupt(&self, words: &[&str], input: &str, changes: u64) -> bool {
        interrupt(self.administration(words), input, self.folder.path(), changes, None)
    }

    /// Starts the server and kills it when the house's folder has changed so often, or when it answers. False if it did.
    pub fn interrupt_start(&self, changes: u64) -> bool {
        let ready = self.folder.path().join("ready");
        let _ = std::fs::remove_file(&ready);
        let mut command = self.administration(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--port-file").arg(&ready);
        interrupt(command, "", self.folder.path(), changes, Some(&ready))
    }

    fn administration(&self, words: &[&str]) -> Command {
        let mut command = Command::new(programs::fil_server());
        command.args(words).arg("--data").arg(self.server_data()).args(&self.settings);
        command
    }

    /// The terminal client with a profile.
    pub fn fil(&self, profile: &str) -> Fil {
        Fil::new(self.folder.path(), profile)
    }

    /// The terminal client with a profile in another folder of profiles.
    pub fn fil_in(&self, data: &Path, profile: &str) -> Fil {
        Fil::new(data, profile)
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// Signs a profile in as an account of the demo organisation.
    pub fn sign_in(&self, server: &Server, profile: &str, handle: &str) -> Fil {
        self.sign_in_to(server, "demo", profile, handle)
    }

    /// The id of an account of the demo organisation.
    pub fn account(&self, handle: &str) -> String {
        let listed = self.administer(&["account", "list", "demo", "--json"], "").ok();
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("a list");
        let mut rows = listed.as_array().into_iter().flatten();
        let row = rows.find(|row| row["handle"] == handle).expect("the account exists");
        row["account"].as_str().expect("an id").to_owned()
    }

    /// Signs a profile in as an account of an organisation.
    pub fn sign_in_to(&self, server: &Server, organisation: &str, profile: &str, handle: &str) -> Fil {
        self.let_in(self.fil(profile), server, organisation, handle)
    }

    /// Signs this profile in as an account of an organisation.
    pub fn let_in(&self, fil: Fil, server: &Server, organisation: &str, handle: &str) -> Fil {
        let words =
            ["login", "--server", &server.url, "--organisation", organisation, "--handle", handle, "--password-stdin"];
        fil.feed(&words, PASSWORD.as_bytes()).ok();
        fil
    }
}

/// Runs a program to its end with this input.
pub(crate) fn feed(mut command: Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    // A program that ends without reading its input closes the pipe; that is for the test to judge.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
    let output = child.wait_with_output().expect("the child is ours");
    Finished::new(&command, &output)
}
