//! `cargo xtask mutants`: breaks the product on purpose, one place at a time, and looks whether the simulation finds out.
//!
//! The list stands in `tests/simulation/mutants.txt`. All mutants are put into one copy of the repository below `target/`,
//! each behind a switch, so that it is built once and not once for each; then they are turned on one by one, and
//! simulated until a seed fails. One that no seed finds has survived: then an oracle is too narrow. A mutant whose lines are no
//! longer in the code is an error, so that the list keeps up with the code; so is one that does not build, and both are
//! told before anything is run.

mod copy;
mod list;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use crate::Failure;
use crate::workspace::{SourceFile, Workspace};
use copy::Copy;
use list::Mutant;
use table::{Fate, Row};

const LIST: &str = "tests/simulation/mutants.txt";
const USAGE: &str = "cargo xtask mutants [--seeds N] [--only NAME,NAME…]";

/// Seeds that each mutant has to survive. Most are found within ten.
const SEEDS: u64 = 1_000;

/// The verb. `--only` applies some of them; `--seeds` gives each fewer or more chances.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let text = fs::read_to_string(workspace.root.join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    let mutants = list::parse(&text).map_err(|error| format!("{LIST}: {error}"))?;
    let Wanted { seeds, only } = wanted(arguments)?;
    if let Some(name) = only.iter().find(|name| mutants.iter().all(|mutant| mutant.name != **name)) {
        return Err(format!("{LIST} has no mutant {name}"));
    }
    let copy = Copy::of(workspace, &mutants)?;
    copy.build()?;
    if only.is_empty()
        && let Some(found) = copy.simulate("", seeds)?
    {
        return Err(format!("the unbroken code fails already: {found}"));
    }
    let mut rows = Vec::new();
    for mutant in mutants.iter().filter(|mutant| only.is_empty() || only.contains(&mutant.name.as_str())) {
        let row = attempt(&copy, mutant, seeds);
        println!("{row}");
        rows.push(row);
    }
    println!("\n{}", table::markdown(&rows));
    table::verdict(&rows)
}

/// What is out of date in the list, for `cargo xtask tidy`: whoever changes a line that a mutant names is told at once, and not
/// when somebody runs the mutants again.
pub(crate) fn check(files: &[SourceFile]) -> Vec<String> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.clone());
    let Some(list) = text(LIST) else { return vec![format!("{LIST} is gone")] };
    let mutants = match list::parse(&list) {
        Ok(mutants) => mutants,
        Err(error) => return vec![format!("{LIST}: {error}")],
    };
    let mut broken: BTreeMap<&str, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for mutant in &mutants {
        let before = broken.get(mutant.file.as_str()).cloned().or_else(|| text(&mutant.file)).unwrap_or_default();
        match mutant.apply(&before) {
            Ok(after) => drop(broken.insert(&mutant.file, after)),
            Err(error) => findings.push(error),
        }
    }
    findings
}

/// What the arguments ask for.
struct Wanted<'a> {
    seeds: u64,
    /// Only these; all if there are none.
    only: Vec<&'a str>,
}

fn wanted<'a>(arguments: &[&'a str]) -> Result<Wanted<'a>, Failure> {
    let mut wanted = Wanted { seeds: SEEDS, only: Vec::new() };
    for pair in arguments.chunks(2) {
        match pair {
            ["--seeds", number] => wanted.seeds = number.parse().map_err(|_| USAGE.to_owned())?,
            ["--only", names] => wanted.only.extend(names.split(',')),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(wanted)
}

/// Turns a mutant on and looks whether that is found.
fn attempt(copy: &Copy, mutant: &Mutant, seeds: u64) -> Row {
    let started = Instant::now();
    let fate = match copy.simulate(&mutant.name, seeds) {
        Ok(Some(found)) => Fate::Caught(found),
        Ok(None) => Fate::Survived,
        Err(error) => Fate::Failed(error),
    };
    Row { name: mutant.name.clone(), what: mutant.what.clone(), fate, seconds: started.elapsed().as_secs() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that a mutant names and that is gone is found; so is a list that cannot be read, and one that is missing.
    #[test]
    fn a_list_that_is_behind_the_code_is_found() {
        let list = "== half: everything twice\nsrc/a.rs\n- one();\n+ if !BROKEN { one(); }\n";
        let check = |list: &str, code: &str| check(&[SourceFile::new(LIST, list), SourceFile::new("src/a.rs", code)]);
        assert!(check(list, "one();\n").is_empty());
        assert!(check(list, "two();\n")[0].contains("half"));
        assert!(check("- one();\n", "one();\n")[0].contains("belongs to no mutant"));
        assert_eq!(super::check(&[]).len(), 1);
    }
}
