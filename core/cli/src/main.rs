//! `fil`: a terminal client and a runner for bots, on the same core as the app.
//!
//! One file per command, in [`command`]. A command asks the bridge, prints, and says by its exit code what became of
//! it; nothing here decides anything about messages. With `--json` the output is for programs: one document, or one
//! line per thing that happens. What people read is in one table per language, [`texts`].

mod arguments;
mod command;
mod exit;
mod link;
mod moment;
mod output;
mod texts;
mod who;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use exit::Refusal;
use link::Link;
use output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json, texts::of_environment());
    match run(arguments, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            output.refusal(&refusal);
            ExitCode::from(refusal.exit.code())
        }
    }
}

fn run(arguments: Arguments, output: Output) -> Result<(), Refusal> {
    // Two workers: one may wait for the keyboard while the other goes on.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::internal(&error))?;
    let result = runtime.block_on(async {
        let mut link = Link::open(&arguments)?;
        let result = command::run(arguments.verb, &mut link, output).await;
        link.close().await;
        result
    });
    // A thread that waits for the keyboard never returns.
    runtime.shutdown_background();
    result
}
