//! `cargo xtask <verb>`: every chore of the house, the same on every machine.
//!
//! One file (or folder) per verb. Nothing here is part of Fil itself: the crate may start programs, install system
//! packages and read the repository, and no other crate depends on it. It is built before anything else, so it has
//! next to no dependencies.

mod bench;
mod codegen;
mod command;
mod fixtures;
mod lint;
mod mutants;
mod npm;
mod packages;
mod run;
mod screen;
mod simulate;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const HELP: &str = "\
cargo xtask <verb>

  run                  build and start everything: server, demo organisation, one desktop window per account
  test [--only PART]   install what the tests need and run every test; parts: rust, ui, browser, desktop, api
  bench [--only NAME]… [--scale small|full] [--out FILE] [--soak MINUTES]
                       build as shipped and measure: one JSON line per figure, with a baseline of the same run
  lint                 formatting, clippy with warnings as errors, cargo deny
  deny                 licences, bans and sources of what Fil is built from (cargo deny)
  tidy                 what no compiler checks: dependency arrows, generated files, documents, house rules
  fixtures [RELEASE]   keep databases of this version in tests/fixtures, for the updates of all later ones
  simulate [--seeds N] [--minutes M] [--seed N] [--plan FILE] [--faults A,B] …
                       simulated worlds with every misfortune by seed; --help tells the rest
  mutants [--only NAME]
                       break the product on purpose, one place at a time; the simulation must find each
  codegen              write the TypeScript of the bridge types into ui/src/lib/bridge
  help                 this text";

/// Why a verb failed, as one sentence for the person at the terminal.
type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let workspace = Workspace::find();
    let result = match words.as_slice() {
        ["run"] => run::run(&workspace),
        ["test"] => test::run(&workspace, None),
        ["test", "--only", part] => test::run(&workspace, Some(part)),
        ["bench", arguments @ ..] => bench::run(&workspace, arguments),
        ["lint"] => lint::run(&workspace),
        ["deny"] => lint::deny(&workspace),
        ["tidy"] => tidy::run(&workspace),
        ["fixtures"] => fixtures::run(&workspace, env!("CARGO_PKG_VERSION")),
        ["fixtures", release] => fixtures::run(&workspace, release),
        ["simulate", arguments @ ..] => simulate::run(&workspace, arguments),
        ["mutants", arguments @ ..] => mutants::run(&workspace, arguments),
        ["codegen"] => codegen::run(&workspace),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("unknown: {}\n\n{HELP}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
