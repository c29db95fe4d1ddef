//! What can be given on the command line. The defaults are those of the terminal client, so both find the same profiles.

use std::path::PathBuf;

use clap::Parser;

/// Fil on the desktop.
#[derive(Debug, Parser)]
#[command(name = "fil-desktop", version)]
pub(crate) struct Arguments {
    /// The profile: one signed-in account. Several may be used side by side.
    #[arg(long, env = "FIL_PROFILE", default_value = "default")]
    pub(crate) profile: String,
    /// The folder of all profiles [default: the app's own].
    #[arg(long, env = "FIL_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl Arguments {
    /// The folder of all profiles.
    pub(crate) fn data(&self) -> Result<PathBuf, &'static str> {
        match &self.data {
            Some(folder) => Ok(folder.clone()),
            None => directories::ProjectDirs::from("", "", "fil")
                .map(|folders| folders.data_dir().to_path_buf())
                .ok_or("this user has no home folder: give one with --data"),
        }
    }
}
