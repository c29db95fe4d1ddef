//! The demo organisation: two accounts, made on the first run and kept in `data/demo.json`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::Failure;
use crate::command::{command, execute};
use crate::workspace::Workspace;

/// The organisation's short name.
pub(super) const ORGANISATION: &str = "demo";

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];
const USUAL_PORT: u16 = 7340;

/// What the first run made and later runs use again.
pub(super) struct Demo {
    /// The server's port on 127.0.0.1; it stays the same, since the profiles remember it.
    pub(super) port: u16,
    /// The accounts.
    pub(super) accounts: Vec<Account>,
}

/// One account of the demo.
pub(super) struct Account {
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) password: String,
}

impl Demo {
    /// Reads what an earlier run made, or makes organisation and accounts in the server's database.
    pub(super) fn open_or_create(workspace: &Workspace, data: &Path) -> Result<Self, Failure> {
        let file = data.join("demo.json");
        if let Ok(text) = fs::read_to_string(&file) {
            return Self::parse(&text)
                .ok_or_else(|| format!("{} is damaged: move ./data aside to begin anew", file.display()));
        }
        create_private_folder(data)?;
        let accounts = PEOPLE
            .iter()
            .map(|(handle, name)| {
                let password = new_password()?;
                Ok(Account { handle: (*handle).to_owned(), name: (*name).to_owned(), password })
            })
            .collect::<Result<_, Failure>>()?;
        let demo = Self { port: free_port()?, accounts };
        let folder = data.to_string_lossy();
        let server = workspace.program("fil-server");
        let server = server.to_string_lossy();
        let organisation = ["--data", &folder, "organisation", "create", ORGANISATION, "--name", "Demo"];
        execute(&mut command(&workspace.root, &server, &organisation))?;
        for account in &demo.accounts {
            let words =
                ["--data", &folder, "account", "create", ORGANISATION, &account.handle, "--name", &account.name];
            let words = [&words[..], &["--password-stdin"]].concat();
            feed(&workspace.root, &server, &words, &account.password)?;
        }
        write_private(&file, &demo.text())?;
        Ok(demo)
    }

    /// The server's address.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Signs the account's profile in, unless it is.
    pub(super) fn sign_in(&self, workspace: &Workspace, data: &Path, account: &Account) -> Result<(), Failure> {
        let fil = workspace.program("fil");
        let fil = fil.to_string_lossy();
        let folder = data.to_string_lossy();
        let profile = ["--data", &folder, "--profile", &account.handle];
        let mut status = command(&workspace.root, &fil, &[&profile[..], &["status", "--json"]].concat());
        if status.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let url = self.url();
        let login = ["login", "--server", &url, "--organisation", ORGANISATION, "--handle", &account.handle];
        let words = [&profile[..], &login[..], &["--password-stdin"]].concat();
        feed(&workspace.root, &fil, &words, &account.password)
    }

    fn text(&self) -> String {
        let accounts = self
            .accounts
            .iter()
            .map(|account| json!({ "handle": account.handle, "name": account.name, "password": account.password }));
        format!("{:#}\n", json!({ "port": self.port, "accounts": accounts.collect::<Vec<_>>() }))
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let string = |value: &Value| value.as_str().map(str::to_owned);
        let accounts = value["accounts"].as_array()?.iter().map(|account| {
            Some(Account {
                handle: string(&account["handle"])?,
                name: string(&account["name"])?,
                password: string(&account["password"])?,
            })
        });
        Some(Self { port: value["port"].as_u64()?.try_into().ok()?, accounts: accounts.collect::<Option<_>>()? })
    }
}

/// Runs a program that reads a password from its standard input.
fn feed(folder: &Path, program: &str, arguments: &[&str], password: &str) -> Result<(), Failure> {
    let mut command = command(folder, program, arguments);
    // A demo keeps all of itself in ./data, its tokens included.
    command.env("FIL_TOKENS", "file");
    let failed = |error: std::io::Error| format!("{program}: {error}");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(format!("{password}\n").as_bytes()).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}` failed ({status})", arguments.join(" "))) }
}

/// The usual port if nobody has it, else any free one.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", USUAL_PORT)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("no free port on 127.0.0.1: {error}"))
}

/// Sixteen letters in four groups, from the system's random source.
fn new_password() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 16];
    let mut source = fs::File::open("/dev/urandom").map_err(|error| format!("/dev/urandom: {error}"))?;
    source.read_exact(&mut bytes).map_err(|error| format!("/dev/urandom: {error}"))?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

fn create_private_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn write_private(file: &Path, text: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_first_run_wrote_the_second_reads() {
        let account = Account { handle: "ada".into(), name: "Ada Lovelace".into(), password: "a-b".into() };
        let demo = Demo::parse(&Demo { port: 7340, accounts: vec![account] }.text()).unwrap();
        assert_eq!((demo.port, demo.accounts[0].name.as_str()), (7340, "Ada Lovelace"));
        assert!(Demo::parse("{\"port\": 1}").is_none());
        assert!(Demo::parse("").is_none());
    }

    #[test]
    fn passwords_differ_and_are_long_enough() {
        let (one, other) = (new_password().unwrap(), new_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 19);
    }
}
