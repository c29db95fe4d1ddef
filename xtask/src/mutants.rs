//! `cargo xtask mutants`: breaks the product on purpose, one place at a time, and looks whether the simulation finds out.
//!
//! The list stands in `tests/simulation/mutants.txt`. Each mutant is applied to a copy of the repository below `target/`,
//! built there, and simulated until a seed fails. One that no seed finds has survived: then an oracle is too narrow. A
//! mutant whose lines are no longer in the code is an error, so that the list keeps up with the code.

mod list;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use crate::Failure;
use crate::command::command;
use crate::simulate::PROFILE;
use crate::workspace::Workspace;

/// Seeds that each mutant has to survive. Most are found within ten.
const SEEDS: &str = "1000";

/// The verb. `--only NAME` applies one of them.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let file = "tests/simulation/mutants.txt";
    let text = fs::read_to_string(workspace.root.join(file)).map_err(|error| format!("{file}: {error}"))?;
    let mut mutants = list::parse(&text).map_err(|error| format!("{file}: {error}"))?;
    match arguments {
        [] => {}
        ["--only", name] => mutants.retain(|mutant| mutant.name == *name),
        _ => return Err("cargo xtask mutants [--only NAME]".to_owned()),
    }
    let copy = Copy::of(workspace)?;
    for mutant in &mutants {
        // All of them first: nobody likes to hear after half an hour that the last one is out of date.
        mutant.apply(&copy.read(&mutant.file)?)?;
    }
    copy.build()?;
    if let Some(found) = copy.simulate()? {
        return Err(format!("the unbroken code fails already: {found}"));
    }
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let (started, whole) = (Instant::now(), copy.read(&mutant.file)?);
        copy.write(&mutant.file, &mutant.apply(&whole)?)?;
        let found = copy.build().and_then(|()| copy.simulate());
        copy.write(&mutant.file, &whole)?;
        let seconds = started.elapsed().as_secs();
        match found.map_err(|error| format!("{}: {error}", mutant.name))? {
            Some(found) => println!("caught   {} ({seconds} s): {found}", mutant.name),
            None => {
                println!("SURVIVED {} ({seconds} s): {}", mutant.name, mutant.what);
                survivors.push(mutant.name.clone());
            }
        }
    }
    println!("{} mutants, {} caught", mutants.len(), mutants.len() - survivors.len());
    if survivors.is_empty() { Ok(()) } else { Err(format!("nothing found {}", survivors.join(", "))) }
}

/// A copy of the repository that may be broken.
struct Copy {
    root: PathBuf,
    build: PathBuf,
}

impl Copy {
    /// Brings the copy up to date; what did not change keeps its time, so that it is not built again.
    fn of(workspace: &Workspace) -> Result<Self, Failure> {
        let folder = workspace.target.join("mutants");
        let copy = Self { root: folder.join("tree"), build: folder.join("build") };
        for file in workspace.tracked()? {
            let (from, to) = (workspace.root.join(&file.path), copy.root.join(&file.path));
            let bytes = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
            if fs::read(&to).is_ok_and(|known| known == bytes) {
                continue;
            }
            fs::create_dir_all(to.parent().unwrap_or(Path::new("."))).map_err(|error| error.to_string())?;
            fs::write(&to, bytes).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        Ok(copy)
    }

    fn read(&self, file: &str) -> Result<String, Failure> {
        fs::read_to_string(self.root.join(file)).map_err(|error| format!("{file}: {error}"))
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Failure> {
        fs::write(self.root.join(file), text).map_err(|error| format!("{file}: {error}"))
    }

    fn build(&self) -> Result<(), Failure> {
        let arguments = ["build", "--quiet", "--profile", PROFILE, "--package", "fil-simulation"];
        let mut build = command(&self.root, "cargo", &arguments);
        // A mutant may leave something unused, which is no news; what does not build is told.
        let output = build.env("CARGO_TARGET_DIR", &self.build).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Simulates until a seed fails. What it found; none if every seed passed.
    fn simulate(&self) -> Result<Option<String>, Failure> {
        let program = self.build.join(PROFILE).join(format!("fil-simulate{}", std::env::consts::EXE_SUFFIX));
        let plans = self.build.join("plans");
        let arguments = ["--first", "--whole", "--seeds", SEEDS, "--save", &plans.to_string_lossy()];
        let mut simulation = command(&self.root, &program.to_string_lossy(), &arguments);
        let output = simulation.stderr(Stdio::null()).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(None);
        }
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        match told.lines().find(|line| line.starts_with("seed ")) {
            Some(line) => Ok(Some(line.to_owned())),
            None => Err(format!("the simulation ended with {} and named no seed", output.status)),
        }
    }
}
