//! What a scenario runs with: the scale, the folder on the disk that is measured, and the place where figures go.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use crate::disk::{self, DiskRates};
use crate::{Failure, Figure, machine, process, programs};

/// How large the scenarios are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// As small as possible: says that everything works, and nothing about speed.
    Smoke,
    /// Less than two minutes in all, for looking at a change.
    Small,
    /// The sizes that the budgets are about.
    Full,
}

/// What scenarios run with.
#[derive(Debug)]
pub struct Stage {
    /// How large.
    pub scale: Scale,
    data: PathBuf,
    out: RefCell<Option<File>>,
    disk: RefCell<Option<DiskRates>>,
}

impl Stage {
    /// Prepares the process (limits), the folder, and prints what the run runs on.
    pub fn new(scale: Scale, data: Option<PathBuf>, out: Option<&Path>) -> Result<Self, Failure> {
        process::raise_limits();
        let data = match data {
            Some(folder) => folder,
            None => programs::folder()?.join("load"),
        };
        std::fs::create_dir_all(&data)?;
        let out = out.map(File::create).transpose()?;
        let stage = Self { scale, data, out: RefCell::new(out), disk: RefCell::default() };
        stage.line(&machine::describe(&stage.data, scale));
        Ok(stage)
    }

    /// One of three values, by scale.
    pub fn sized<T>(&self, smoke: T, small: T, full: T) -> T {
        match self.scale {
            Scale::Smoke => smoke,
            Scale::Small => small,
            Scale::Full => full,
        }
    }

    /// A new folder on the measured disk, gone with the value.
    pub fn folder(&self) -> Result<TempDir, Failure> {
        Ok(tempfile::Builder::new().prefix("run-").tempdir_in(&self.data)?)
    }

    /// What this disk can do, measured once per run and printed then.
    pub fn disk(&self) -> Result<DiskRates, Failure> {
        if let Some(rates) = *self.disk.borrow() {
            return Ok(rates);
        }
        let rates = disk::measure(self)?;
        *self.disk.borrow_mut() = Some(rates);
        Ok(rates)
    }

    /// Prints a figure as one line of JSON. Budgets are about the full sizes; at other scales the line has none.
    pub fn print(&self, figure: &Figure) {
        self.line(&figure.line(self.scale == Scale::Full));
    }

    /// Prints any other line of JSON, for what is no figure: samples, the machine, the state of the disk.
    pub fn line(&self, value: &impl Serialize) {
        let Ok(line) = serde_json::to_string(value) else { return };
        // A reader that went away has what it wanted.
        let _ = writeln!(std::io::stdout(), "{line}");
        if let Some(file) = self.out.borrow_mut().as_mut()
            && let Err(error) = writeln!(file, "{line}")
        {
            self.say(&format!("the line could not be written into --out: {error}"));
        }
    }

    /// Says on standard error what is going on.
    pub fn say(&self, sentence: &str) {
        eprintln!("{sentence}");
    }
}
