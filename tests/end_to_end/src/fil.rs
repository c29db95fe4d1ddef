//! The real terminal client.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use serde_json::Value;

use crate::interrupt::interrupt;
use crate::{Lines, house, programs};

/// The terminal client with a profile.
#[derive(Clone, Debug)]
pub struct Fil {
    data: PathBuf,
    profile: String,
    language: &'static str,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    line: String,
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    /// Its output.
    pub lines: Lines,
}

impl Fil {
    pub(crate) fn new(data: &Path, profile: &str) -> Self {
        Self { data: data.to_owned(), profile: profile.to_owned(), language: "en_GB.UTF-8" }
    }

    /// The same, with texts in another language.
    #[must_use]
    pub fn speaking(mut self, language: &'static str) -> Self {
        self.language = language;
        self
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Runs a command to its end.
    pub fn run(&self, words: &[&str]) -> Finished {
        self.feed(words, b"")
    }

    /// Runs a command to its end with this input.
    pub fn feed(&self, words: &[&str], input: &[u8]) -> Finished {
        house::feed(self.command(words), input)
    }

    /// Runs a command with this input and kills it when its profile has changed so often. False if it had ended.
    pub fn interrupt(&self, words: &[&str], input: &str, changes: u64) -> bool {
        interrupt(self.command(words), input, &self.data.join("profiles").join(&self.profile), changes, None)
    }

    /// Runs a command that must succeed, and reads its output as JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        let finished = self.run(&[words, &["--json"]].concat());
        let output = finished.ok();
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}"))
    }

    /// Texts of the messages of a conversation, oldest first.
    pub fn texts(&self, who: &str) -> Vec<String> {
        let timeline = self.json(&["read", who, "--limit", "100000", "--peek"]);
        let items = timeline["items"].as_array().cloned().unwrap_or_default();
        let texts = items.iter().filter_map(|item| item["body"]["text"].as_str().map(str::to_owned));
        texts.collect()
    }

    /// Starts a command that goes on.
    pub fn start(&self, words: &[&str]) -> Running {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the program can be started");
        let input = child.stdin.take();
        let lines = Lines::of(child.stdout.take().expect("the output is a pipe"));
        Running { child, input, lines }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(programs::fil());
        command.arg("--data").arg(&self.data).args(["--profile", &self.profile]).args(words);
        // No keyring: the tests neither need nor touch that of the person who runs them.
        command.env("FIL_TOKENS", "file").env("LC_ALL", self.language).env("TZ", "UTC");
        command
    }
}

impl Finished {
    pub(crate) fn new(command: &Command, output: &Output) -> Self {
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        Self {
            line: words.join(" ".as_ref()).to_string_lossy().into_owned(),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The output of a command that must have succeeded.
    pub fn ok(self) -> String {
        self.code(0)
    }

    /// The output and errors of a command that must have ended with this code, and must not have panicked.
    pub fn code(self, code: i32) -> String {
        let Self { line, code: ended, stdout, stderr } = self;
        assert!(ended == code, "`{line}` ended with {ended}, not {code}\n{stdout}\n{stderr}");
        assert!(!stderr.contains("panicked"), "`{line}` panicked\n{stderr}");
        if code == 0 { stdout } else { format!("{stdout}{stderr}") }
    }
}

impl Running {
    /// Types a line. A command that has ended takes none; that shows in its output.
    pub fn type_line(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            let _ = writeln!(input, "{line}").and_then(|()| input.flush());
        }
    }

    /// Ends the input, as Ctrl-D does.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Ends the input and waits for the command. Gives back its exit code and the rest of its output.
    pub fn finish(mut self) -> (i32, Vec<String>) {
        self.end_input();
        let rest: Vec<String> = std::iter::from_fn(|| self.lines.next_line()).collect();
        let status = self.child.wait().expect("the child is ours");
        (status.code().unwrap_or(-1), rest)
    }

    /// Ends it at once (SIGKILL), whatever it is doing. Gives back what it had said.
    pub fn kill(&mut self) -> Vec<String> {
        self.child.kill().expect("the command was running");
        self.child.wait().expect("the child is ours");
        std::iter::from_fn(|| self.lines.next_line()).collect()
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }
}

/// Sends a child a signal by name. The standard library knows SIGKILL alone.
pub(crate) fn signal(child: &Child, name: &str) {
    let script = format!("kill -s {name} {}", child.id());
    let asked = Command::new("sh").args(["-c", &script]).status().expect("there is a shell");
    assert!(asked.success(), "SIG{name} could not be sent");
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
