//! The doors. Each is a function that panics when something that must hold does not.

mod backups;
mod bridge;
mod client_frames;
mod configuration;
mod profiles;
mod requests;
mod search;
mod server_frames;
mod town;

pub use bridge::sign_in;

/// A place where bytes come in that nobody vouches for.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Its name: of the fuzz target and of the folder of its corpus.
    pub name: &'static str,
    /// What comes in there.
    pub about: &'static str,
    /// Brings the bytes in and checks what must hold. Panics if it does not.
    pub enter: fn(&[u8]),
    /// Changes of the corpus that a plain test run tries: fewer where one takes long.
    pub rounds: u64,
}

/// All doors.
pub const DOORS: &[Door] = &[
    Door {
        name: "client_frames",
        about: "frames from a client, one per line, through the real node on a real database",
        enter: client_frames::enter,
        rounds: 200,
    },
    Door {
        name: "server_frames",
        about: "frames and pages from a server, one per line, through the client's engine and databases, and shown",
        enter: server_frames::enter,
        rounds: 150,
    },
    Door {
        name: "requests",
        about: "requests over HTTP: a line with method and address, headers, an empty line, the body",
        enter: requests::enter,
        rounds: 200,
    },
    Door {
        name: "search",
        about: "a search query on the first line, and the text that it looks into below",
        enter: search::enter,
        rounds: 400,
    },
    Door {
        name: "configuration",
        about: "a configuration file, below a line `--env` variables, below a line `--set` flags",
        enter: configuration::enter,
        rounds: 500,
    },
    Door {
        name: "backups",
        about: "damage to a backup (offset and byte, five bytes each), or a whole file, inspected and restored",
        enter: backups::enter,
        rounds: 40,
    },
    Door {
        name: "bridge",
        about: "requests of a screen, one per line, to a signed-in profile that is offline",
        enter: bridge::enter,
        rounds: 80,
    },
    Door {
        name: "profiles",
        about: "a profile's record, and below a line `token` its token file",
        enter: profiles::enter,
        rounds: 60,
    },
];

/// A sentence for whoever reads the log: never longer than this.
const DETAIL_BYTES_MAX: usize = 1_024;
/// What a secret in an input is called, so that it is recognised where it must not be.
const CANARY: &str = "canary-secret";

/// Brings bytes to the door of this name: what a fuzz target does.
pub fn enter(name: &str, bytes: &[u8]) {
    let door = DOORS.iter().find(|door| door.name == name).expect("a target is named like its door");
    (door.enter)(bytes);
}
