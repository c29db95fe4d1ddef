//! The parts of the test run: what each needs and starts.

use super::display::Display;
use super::tally::{Tally, count};
use crate::command::{call, command};
use crate::workspace::Workspace;
use crate::{Failure, npm, screen, tools};

/// One part of the test run.
pub(super) struct Part {
    /// Its name, for `--only` and the summary.
    pub(super) name: &'static str,
    /// One line on what it proves.
    pub(super) about: &'static str,
    /// Runs it and counts.
    pub(super) run: fn(&Workspace, &mut Tally) -> Result<(), Failure>,
}

/// All parts, in the order in which they run.
pub(super) const PARTS: &[Part] = &[
    Part { name: "rust", about: "every crate, the simulation, real processes", run: rust },
    Part { name: "ui", about: "types and components of the screen", run: ui },
    Part { name: "browser", about: "the screen in a browser, on a real core and server", run: browser },
    Part { name: "desktop", about: "the real desktop app, two at once", run: desktop },
    Part { name: "api", about: "the REST interface against its own description", run: api },
];

/// Builds all programs and tests with one set of features, so that nothing is compiled twice.
fn build(workspace: &Workspace) -> Result<(), Failure> {
    screen::build(workspace)?;
    call(&workspace.root, "cargo", &["build", "--quiet", "--workspace", "--bins", "--tests"])
}

fn rust(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    build(workspace)?;
    count(&mut command(&workspace.root, "cargo", &["test", "--workspace", "--no-fail-fast"]), tally)
}

fn ui(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    let folder = workspace.root.join("ui");
    npm::install(&folder)?;
    npm::npm(&folder, &["run", "check"])?;
    count(command(&folder, "npm", &["test"]).env("CI", "true"), tally)
}

fn browser(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    build(workspace)?;
    let folder = workspace.root.join("tests/ui");
    npm::install(&folder)?;
    let mut tests = command(&folder, "npm", &["test"]);
    tests
        .env("CI", "true")
        .env("FIL_SERVER_BIN", workspace.program("fil-server"))
        .env("FIL_BIN", workspace.program("fil"));
    count(&mut tests, tally)
}

fn desktop(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    build(workspace)?;
    let folder = workspace.root.join("tests/desktop");
    npm::install(&folder)?;
    let driver = tools::tauri_driver(workspace)?;
    let display = Display::start()?;
    let mut tests = command(&folder, "dbus-run-session", &["--", "npm", "test"]);
    tests
        .env("CI", "true")
        .env("DISPLAY", &display.name)
        .env_remove("WAYLAND_DISPLAY")
        .env("TAURI_DRIVER", driver)
        .env("FIL_SERVER_BIN", workspace.program("fil-server"))
        .env("FIL_BIN", workspace.program("fil"))
        .env("FIL_DESKTOP_BIN", workspace.program("fil-desktop"));
    count(&mut tests, tally)
}

fn api(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    build(workspace)?;
    let folder = workspace.root.join("tests/openapi");
    let python = tools::python(workspace, &folder.join("requirements.txt"))?;
    let mut tests = command(&folder, &python.to_string_lossy(), &["-m", "pytest", "--quiet"]);
    tests.env("FIL_SERVER_BIN", workspace.program("fil-server"));
    count(&mut tests, tally)
}
