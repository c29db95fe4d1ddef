//! Counting tests by the closing lines of the runners, and running a program while its output is read.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::Failure;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Tally {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }

    /// What one line of output says, if it is a runner's closing line: cargo's, node's, vitest's, playwright's or
    /// pytest's.
    fn of_line(line: &str) -> Self {
        let line = plain(line);
        let line = line.trim().trim_matches('=').trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            return Self { passed: number_before(rest, " passed"), failed: number_before(rest, " failed") };
        }
        for mark in ["# ", "ℹ "] {
            if let Some(count) = line.strip_prefix(mark).and_then(|rest| rest.strip_prefix("pass ")) {
                return Self { passed: count.parse().unwrap_or(0), failed: 0 };
            }
            if let Some(count) = line.strip_prefix(mark).and_then(|rest| rest.strip_prefix("fail ")) {
                return Self { passed: 0, failed: count.parse().unwrap_or(0) };
            }
        }
        // `Tests  12 passed | 1 failed (13)`, `12 passed (3.1s)`, `1 failed, 12 passed in 2.01s`
        let rest = line.strip_prefix("Tests ").map_or(line, str::trim_start);
        let counts = rest.split([',', '|', '(']).next().is_some_and(|first| {
            let words: Vec<&str> = first.split_whitespace().collect();
            matches!(words.as_slice(), [count, "passed" | "failed", ..] if count.parse::<u64>().is_ok())
                && (words.len() == 2 || words[2] == "in")
        });
        if counts {
            return Self { passed: number_before(rest, " passed"), failed: number_before(rest, " failed") };
        }
        Self::default()
    }
}

/// Runs a command, shows its output and adds what its closing lines say.
pub(super) fn count(command: &mut Command, tally: &mut Tally) -> Result<(), Failure> {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let line = words.join(" ".as_ref()).to_string_lossy().into_owned();
    println!("$ {line}");
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| format!("cannot start `{line}`: {error}"))?;
    let output = child.stdout.take().map(BufReader::new);
    for text in output.into_iter().flat_map(|reader| reader.split(b'\n')).map_while(Result::ok) {
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        *tally = tally.and(Tally::of_line(&text));
    }
    let status = child.wait().map_err(|error| format!("`{line}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// The line without colours.
fn plain(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    text
}

/// The number that stands before the first occurrence of a word; 0 if there is none.
fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().filter(|before| before.len() < text.len()).unwrap_or_default();
    let start = before.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    before[start..].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_every_runner_are_counted_and_other_lines_are_not() {
        let cases = [
            ("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out", 12, 0),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored", 3, 2),
            ("\u{1b}[34mℹ pass 7\u{1b}[39m", 7, 0),
            ("# fail 2", 0, 2),
            ("      Tests  12 passed (12)", 12, 0),
            ("\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[31m1 failed\u{1b}[39m | 4 passed (5)", 4, 1),
            (" Test Files  3 passed (3)", 0, 0),
            ("  5 passed (3.1s)", 5, 0),
            ("====== 1 failed, 12 passed in 2.01s ======", 12, 1),
            ("test story ... 3 passed messages", 0, 0),
            ("12 passed the door", 0, 0),
            ("0 failed", 0, 0),
        ];
        for (line, passed, failed) in cases {
            assert_eq!(Tally::of_line(line), Tally { passed, failed }, "{line}");
        }
    }

    #[test]
    fn a_program_that_fails_is_named_and_what_it_said_is_counted() {
        let mut tally = Tally::default();
        let script = "echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored'; exit 4";
        let failure = count(Command::new("sh").args(["-c", script]), &mut tally).unwrap_err();
        assert!(failure.contains("exit status: 4"), "{failure}");
        assert_eq!(tally, Tally { passed: 3, failed: 2 });
    }
}
