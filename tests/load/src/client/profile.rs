//! A profile of somebody who is signed in, on the measured disk, and the ways to open it.

use std::fs;
use std::path::{Path, PathBuf};

use fil_client::bridge::{Bridge, Options, TokenChoice};
use fil_client::session::Session;
use fil_engine::Now;
use rustix::fs::{Advice, fadvise};
use serde_json::json;
use tempfile::TempDir;

use super::sample;
use crate::{Failure, Stage};

/// A server that nobody answers at: the client is offline.
const NOWHERE: &str = "http://127.0.0.1:1";

/// The profile; gone with the value.
#[derive(Debug)]
pub(crate) struct Profile {
    data: TempDir,
}

impl Profile {
    /// A new one.
    pub(crate) fn new(stage: &Stage) -> Result<Self, Failure> {
        let profile = Self { data: stage.folder()? };
        fs::create_dir_all(profile.folder())?;
        let (me, id) = (sample::me(), "00000000-0000-7000-8000-000000000001");
        let record = json!({
            "version": 1, "server": NOWHERE, "organisation": id, "organisation_slug": "acme", "account": me.account,
            "device": id, "handle": me.handle, "name": me.name,
        });
        fs::write(profile.folder().join("profile.json"), record.to_string())?;
        fs::write(profile.folder().join("token"), "of no use")?;
        Ok(profile)
    }

    /// The folder with the databases.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data.path().join("profiles").join("me")
    }

    /// Its session, as the driver has it.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        let now = Now { monotonic_ms: 0, wall_ms: fil_server::clock::now_ms() };
        Ok(Session::open(&self.folder(), "fil-load", sample::me().account, 1, now)?.0)
    }

    /// Its bridge, as a screen has it, with connections of its own to the databases.
    pub(crate) fn bridge(&self) -> Result<Bridge, Failure> {
        let options = Options::new(self.data.path(), "me");
        Ok(Bridge::open(Options { tokens: TokenChoice::PrivateFile, ..options })?)
    }

    /// Asks the kernel to forget the pages of the databases, so that the next reader reads the disk. The device's own
    /// cache keeps what it keeps.
    pub(crate) fn forget_pages(&self) -> Result<(), Failure> {
        for file in files(&self.folder())? {
            let file = fs::File::open(file)?;
            // Only pages that are on the disk can be forgotten.
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
        Ok(())
    }

    /// Bytes of the databases.
    pub(crate) fn bytes(&self) -> Result<u64, Failure> {
        let mut bytes = 0;
        for file in files(&self.folder())? {
            bytes += fs::metadata(file)?.len();
        }
        Ok(bytes)
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().contains(".db")) {
            files.push(path);
        }
    }
    Ok(files)
}
