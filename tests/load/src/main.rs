//! `fil-load`: see [`fil_load`].

use std::process::ExitCode;

use clap::Parser;
use fil_load::arguments::Arguments;

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("fil-load: {failure}");
            ExitCode::FAILURE
        }
    }
}
