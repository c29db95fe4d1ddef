//! System packages: asks dpkg what is missing and installs only that, so that a second run does nothing.

use std::process::Stdio;

use crate::Failure;
use crate::command::{command, execute, succeeds, take};
use crate::workspace::Workspace;

/// What building the server, the terminal client and the desktop app needs, and letters for the window.
pub(crate) const BUILD: &[&str] =
    &["build-essential", "pkg-config", "libwebkit2gtk-4.1-dev", "fonts-dejavu-core", "fonts-noto-color-emoji"];

/// What the tests need besides: a screen without a monitor, the web view's driver, a session bus, a browser, and
/// Python's virtual environments.
pub(crate) const TEST: &[&str] =
    &["xvfb", "webkit2gtk-driver", "imagemagick", "dbus-x11", "dbus-daemon", "chromium", "python3-venv"];

/// Installs what is missing of `wanted`. On a system without dpkg it only says what is needed.
pub(crate) fn install(workspace: &Workspace, wanted: &[&str]) -> Result<(), Failure> {
    if !succeeds("dpkg-query", &["--version"]) {
        println!("This system has no dpkg; make sure that these are installed: {}", wanted.join(" "));
        return Ok(());
    }
    let missing = missing(workspace, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing system packages: {}", missing.join(" "));
    let root = take(&mut command(&workspace.root, "id", &["-u"]))?.trim() == "0";
    apt(workspace, root, &["update", "--quiet"])?;
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(workspace, root, &arguments)
}

fn apt(workspace: &Workspace, root: bool, arguments: &[&str]) -> Result<(), Failure> {
    let mut words = if root { Vec::new() } else { vec!["sudo"] };
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "Acquire::Retries=3"]);
    words.extend(arguments);
    let mut apt = command(&workspace.root, words[0], &words[1..]);
    // sudo may ask for a password.
    apt.stdin(if root { Stdio::null() } else { Stdio::inherit() });
    execute(&mut apt)
}

fn missing<'a>(workspace: &Workspace, wanted: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--show", "--showformat", "${Package} ${db:Status-Status}\\n"];
    arguments.extend(wanted);
    let mut query = command(&workspace.root, "dpkg-query", &arguments);
    // It fails when a package is unknown, and still prints the others.
    let listing = query.stderr(Stdio::null()).output().map(|output| output.stdout).unwrap_or_default();
    absent(&String::from_utf8_lossy(&listing), wanted)
}

fn absent<'a>(listing: &str, wanted: &[&'a str]) -> Vec<&'a str> {
    let installed: Vec<&str> = listing.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    wanted.iter().copied().filter(|package| !installed.contains(package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_are_not_installed_are_asked_for() {
        let listing = "xvfb installed\nchromium config-files\n";
        assert_eq!(absent(listing, &["xvfb", "chromium", "imagemagick"]), ["chromium", "imagemagick"]);
        assert_eq!(absent(listing, &["xvfb"]), [""; 0]);
    }
}
