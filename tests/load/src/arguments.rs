//! What `fil-load` is asked to do.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{Failure, Scale, Stage, relay, scenario, scenarios, table};

/// Measures Fil. `cargo xtask bench` builds everything and calls this.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run scenarios and print one JSON line per figure; progress goes to standard error.
    Bench {
        /// Only this scenario; may be repeated.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// How large: smoke (seconds, says that it works), small (a minute or two), full.
        #[arg(long, value_enum, default_value_t = Scale::Full)]
        scale: Scale,
        /// Write the lines into this file as well.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The folder for data, on the disk that is to be measured [default: beside this program].
        #[arg(long, value_name = "FOLDER")]
        data: Option<PathBuf>,
        /// Run the soak alone, for this many minutes.
        #[arg(long, value_name = "MINUTES", conflicts_with = "only")]
        soak: Option<f64>,
    },
    /// List the scenarios.
    List,
    /// Print the lines of an earlier run (`--out`) as a table in Markdown.
    Table {
        /// The file.
        file: PathBuf,
        /// Only figures that have a budget.
        #[arg(long)]
        budgets: bool,
    },
    /// Be the baseline: a WebSocket relay that stores nothing. Prints `listening on ADDRESS`.
    Relay {
        /// The port to listen on; 0 takes a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

impl Arguments {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Bench { only, scale, out, data, soak } => {
                let stage = Stage::new(scale, data, out.as_deref())?;
                match soak {
                    Some(minutes) => scenarios::soak::run_for(&stage, minutes),
                    None => scenario::run(&stage, &only),
                }
            }
            Verb::List => {
                for scenario in scenario::all() {
                    println!("{:<16} {}", scenario.name, scenario.about);
                }
                Ok(())
            }
            Verb::Table { file, budgets } => table::print(&file, budgets),
            Verb::Relay { port } => relay::serve(port),
        }
    }
}
