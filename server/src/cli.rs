//! The commands of `fil-server`, one file each.
//!
//! What a command says to a person goes to standard output, with `--json` as one JSON value for scripts; the log and
//! errors go to standard error. Administration works beside a running server: it is another process on the same
//! database, and the server notices within a second.

mod account;
mod backup;
mod config;
mod doctor;
mod exit;
mod open;
mod organisation;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Refusal};

use crate::config::layers::{Layers, Loaded, load, read};

/// The server of Fil: a messenger for one organisation or several, in one file.
#[derive(Debug, Parser)]
#[command(name = "fil-server", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Arguments {
    /// The configuration file, TOML.
    #[arg(long, global = true, value_name = "FILE", env = "FIL_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder; it is made if it is not there [default: ./data].
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Any key of the configuration: --set limits.frames_burst=100. May be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it failed
  2  the arguments are wrong
  3  the configuration or a key file cannot be used
  4  the data folder is in use, empty, damaged or from a newer version
  5  there is no such organisation or account
  6  it exists already";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Make and list organisations.
    #[command(subcommand)]
    Organisation(organisation::Organisation),
    /// Make, invite, list and disable accounts.
    #[command(subcommand)]
    Account(account::Account),
    /// Save everything into one file, and bring it back.
    #[command(subcommand)]
    Backup(backup::Backup),
    /// Look for problems: folder, permissions, keys, database, room, clock.
    Doctor(doctor::Doctor),
    /// Show or check the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    // Wrong arguments and --help end here, with clap's text and exit code 2 or 0.
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(refusal) => {
            eprintln!("fil-server: {refusal}");
            refusal.exit.into()
        }
    }
}

/// Runs one command, in this process. What it has to say goes to standard output.
pub fn run(arguments: Arguments) -> Result<Exit, Refusal> {
    let Arguments { config, data, set, command } = arguments;
    let extra = match &command {
        Command::Serve(serve) => serve.flags(),
        _ => Vec::new(),
    };
    let loaded = loaded(config, data, &set, extra);
    match command {
        // These two have something to say about a configuration that cannot be used.
        Command::Doctor(doctor) => doctor.run(loaded),
        Command::Config(command) => command.run(loaded),
        Command::Serve(serve) => serve.run(loaded?.config),
        Command::Organisation(organisation) => organisation.run(&loaded?.config),
        Command::Account(account) => account.run(&loaded?.config),
        Command::Backup(backup) => backup.run(&loaded?.config),
    }
}

type Flag = (String, String, String);

fn loaded(file: Option<PathBuf>, data: Option<PathBuf>, set: &[String], extra: Vec<Flag>) -> Result<Loaded, Refusal> {
    let file = match file {
        None => None,
        Some(path) => {
            let text = read(&path).map_err(|sentence| Refusal::new(Exit::Config, sentence))?;
            Some((text, path.display().to_string()))
        }
    };
    let mut flags: Vec<Flag> = Vec::new();
    for pair in set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Refusal::new(Exit::Usage, format!("--set {pair}: write it as --set key=value")));
        };
        flags.push((key.trim().to_owned(), value.to_owned(), "--set".to_owned()));
    }
    if let Some(data) = data {
        flags.push(("data".to_owned(), data.display().to_string(), "--data".to_owned()));
    }
    flags.extend(extra);
    let environment = |name: &str| std::env::var(name).ok();
    Ok(load(Layers { file, environment: Some(&environment), flags })?)
}
