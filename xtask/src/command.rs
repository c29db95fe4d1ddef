//! Starting programs: shown as a line, run in the repository, and failed with the line in the message.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// A command that runs in `folder`, without standard input.
pub(crate) fn command(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs a command to its end with its output on the terminal.
pub(crate) fn call(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    execute(&mut command(folder, program, arguments))
}

/// Runs a prepared command to its end with its output on the terminal.
pub(crate) fn execute(command: &mut Command) -> Result<(), Failure> {
    let line = line(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("cannot start `{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs a command and takes its standard output; its errors go to the terminal.
pub(crate) fn capture(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, Failure> {
    take(&mut command(folder, program, arguments))
}

/// Runs a prepared command and takes its standard output.
pub(crate) fn take(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("cannot start `{line}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{line}` failed ({})", output.status))
    }
}

/// Whether a command can be run and succeeds; its output is thrown away.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = command(Path::new("."), program, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Asks a process to end. Signals need either `unsafe` or a shell; this crate has no `unsafe`.
pub(crate) fn terminate(process: u32) {
    succeeds("sh", &["-c", &format!("kill -s TERM {process}")]);
}

/// Whether a process is there.
pub(crate) fn is_running(process: u32) -> bool {
    succeeds("sh", &["-c", &format!("kill -s 0 {process}")])
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}
