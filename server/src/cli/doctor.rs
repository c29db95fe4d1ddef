//! `fil-server doctor`: looks for problems and says what to do. Changes nothing, and runs beside a running server.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;

use super::open::print;
use super::{Exit, Refusal};
use crate::auth::keys::Keys;
use crate::config::Config;
use crate::config::layers::Loaded;
use crate::data::{DataError, DataFolder};
use crate::store::sqlite::{engine, inspect};

/// Below this much room on the disk, nothing is safe.
const ROOM_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// Below this much, it is time to think.
const ROOM_BYTES_LOW: u64 = 2 * 1024 * 1024 * 1024;

/// Look for problems: folder, permissions, keys, database, room, clock.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Fine,
    Notice,
    Problem,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

impl Doctor {
    pub(super) fn run(self, loaded: Result<Loaded, Refusal>) -> Result<Exit, Refusal> {
        let checks = match loaded {
            Err(refusal) => vec![problem("configuration", refusal.sentence)],
            Ok(loaded) => look(&loaded.config),
        };
        print(self.json, &checks, |checks| checks.iter().map(line).collect::<Vec<_>>().join("\n"))?;
        let healthy = checks.iter().all(|check| check.state != State::Problem);
        Ok(if healthy { Exit::Done } else { Exit::Failed })
    }
}

fn look(config: &Config) -> Vec<Check> {
    let data = DataFolder::new(&config.data);
    let mut checks = vec![configuration(config), sqlite(), clock(&data)];
    if let Err(error) = data.exists() {
        checks.push(problem("data folder", error.to_string()));
        return checks;
    }
    checks.extend([folder(&data), keys(&data), database(&data), room(&data), server(&data)]);
    checks.extend(open_files(config));
    checks
}

fn configuration(config: &Config) -> Check {
    let tls = if config.has_tls() { crate::tls::acceptor(&config.tls).map(|_| ()) } else { Ok(()) };
    match tls.and_then(|()| crate::log::check(&config.log)) {
        Ok(()) => fine("configuration", format!("listens on {}", config.listen)),
        Err(error) => problem("configuration", error.0),
    }
}

fn sqlite() -> Check {
    match engine() {
        Ok(version) => fine("sqlite", format!("version {version}")),
        Err(error) => problem("sqlite", error.to_string()),
    }
}

fn folder(data: &DataFolder) -> Check {
    // Making a folder that is there changes nothing and checks its permissions.
    match data.create() {
        Ok(()) => fine("data folder", data.path().display().to_string()),
        Err(error) => problem("data folder", error.to_string()),
    }
}

fn keys(data: &DataFolder) -> Check {
    match Keys::inspect(&data.keys()) {
        Ok(0) => notice("keys", "none yet: `fil-server serve` makes them"),
        Ok(count) => fine("keys", format!("{count} key files")),
        Err(error) => problem("keys", error.to_string()),
    }
}

fn database(data: &DataFolder) -> Check {
    match inspect(&data.database()) {
        Err(error) => problem("database", error.to_string()),
        Ok(found) if !found.damage.is_empty() => {
            let count = found.damage.len();
            problem("database", format!("damaged in {count} places, restore a backup: {}", found.damage[0]))
        }
        Ok(found) if found.version == 0 => notice("database", "empty, the next start fills it"),
        Ok(found) if found.version < found.newest => {
            let detail = format!("version {}, the next start brings it to {}", found.version, found.newest);
            notice("database", detail)
        }
        Ok(found) => fine("database", format!("version {}, sound", found.version)),
    }
}

fn room(data: &DataFolder) -> Check {
    match fs4::available_space(data.path()) {
        Err(error) => problem("room", error.to_string()),
        Ok(bytes) => {
            let detail = format!("{} MiB free", bytes / (1024 * 1024));
            if bytes < ROOM_BYTES_MIN {
                problem("room", format!("{detail}: make room, or nothing can be written soon"))
            } else if bytes < ROOM_BYTES_LOW {
                notice("room", detail)
            } else {
                fine("room", detail)
            }
        }
    }
}

fn clock(data: &DataFolder) -> Check {
    let now = SystemTime::now();
    let written = std::fs::metadata(data.database()).and_then(|metadata| metadata.modified());
    let is_before = written.is_ok_and(|written| written > now + Duration::from_secs(60));
    // The year in which this was written; a machine without a clock begins in 1970 or 2000.
    let too_early = now < SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    if too_early || is_before {
        problem("clock", "the clock is behind: set it, and keep it right with NTP")
    } else {
        fine("clock", format!("{} seconds since 1970", crate::clock::now_ms() / 1000))
    }
}

fn server(data: &DataFolder) -> Check {
    match data.lock() {
        Ok(_lock) => fine("server", "not running"),
        Err(DataError::Locked(_)) => fine("server", "running"),
        Err(error) => problem("server", error.to_string()),
    }
}

/// The limit on open files of this shell; a service manager may set another one for the server.
fn open_files(config: &Config) -> Option<Check> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    let soft: u64 = line.split_whitespace().nth(3)?.parse().ok()?;
    let needed = u64::from(config.limits.connections_max) + 100;
    Some(if soft < needed {
        let detail = format!(
            "{soft}, less than limits.connections_max asks for ({needed}): raise it with LimitNOFILE or ulimit -n"
        );
        notice("open files", detail)
    } else {
        fine("open files", format!("{soft}"))
    })
}

fn line(check: &Check) -> String {
    let mark = match check.state {
        State::Fine => "ok     ",
        State::Notice => "notice ",
        State::Problem => "PROBLEM",
    };
    format!("{mark}  {}: {}", check.name, check.detail)
}

fn fine(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Fine, detail: detail.into() }
}

fn notice(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Notice, detail: detail.into() }
}

fn problem(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, state: State::Problem, detail: detail.into() }
}
