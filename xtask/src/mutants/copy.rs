//! A copy of the repository that may be broken.

use std::collections::BTreeSet;
use std::fs::{self, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Failure;
use crate::command::command;
use crate::simulate::{BUILD, program};
use crate::workspace::Workspace;

use super::list::{CHOICE, Mutant};

/// What a seed found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The seed.
    pub(super) seed: u64,
    /// What it says was broken.
    pub(super) told: String,
}

impl std::fmt::Display for Found {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "seed {}, {}", self.seed, self.told)
    }
}

/// The copy.
pub(super) struct Copy {
    root: PathBuf,
    build: PathBuf,
}

impl Copy {
    /// Brings the copy up to date, with all these mutants in it; what did not change keeps its time, so that it is not built
    /// again.
    pub(super) fn of(workspace: &Workspace, mutants: &[Mutant]) -> Result<Self, Failure> {
        let folder = workspace.target.join("mutants");
        let copy = Self { root: folder.join("tree"), build: folder.join("build") };
        let files = workspace.tracked()?;
        if let Some(mutant) = mutants.iter().find(|mutant| files.iter().all(|file| file.path != mutant.file)) {
            return Err(format!("{}: there is no file {}", mutant.name, mutant.file));
        }
        let here: BTreeSet<PathBuf> = files.iter().map(|file| copy.root.join(&file.path)).collect();
        forget_others(&copy.root, &here).map_err(|error| format!("{}: {error}", copy.root.display()))?;
        for file in files {
            let (from, to) = (workspace.root.join(&file.path), copy.root.join(&file.path));
            let mut bytes = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
            for mutant in mutants.iter().filter(|mutant| mutant.file == file.path) {
                bytes = mutant.apply(&String::from_utf8_lossy(&bytes))?.into_bytes();
            }
            if fs::read(&to).is_ok_and(|known| known == bytes) {
                continue;
            }
            fs::create_dir_all(to.parent().unwrap_or(Path::new("."))).map_err(|error| error.to_string())?;
            fs::write(&to, bytes).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        let (built, ours) = (workspace.target.join("debug"), copy.build.join("debug"));
        if built.join("deps").is_dir() && !ours.exists() {
            take_dependencies(&built, &ours).map_err(|error| format!("{}: {error}", built.display()))?;
        }
        Ok(copy)
    }

    pub(super) fn build(&self) -> Result<(), Failure> {
        let mut build = command(&self.root, "cargo", BUILD);
        // Switches are no beauties, and that is no news.
        let build = build.env("CARGO_TARGET_DIR", &self.build);
        let output = build.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let from = told.find("\nerror").unwrap_or(0);
        Err(format!("the mutants do not build:\n{}", &told[from..]))
    }

    /// Simulates with a mutant turned on, or none, until a seed fails. What it found; none if every seed passed.
    pub(super) fn simulate(&self, mutant: &str, seeds: u64) -> Result<Option<Found>, Failure> {
        let program = program(&self.build);
        let (seeds, plans) = (seeds.to_string(), self.build.join("plans"));
        let arguments = ["--first", "--whole", "--seeds", &seeds, "--save", &plans.to_string_lossy()];
        let mut simulation = command(&self.root, &program.to_string_lossy(), &arguments);
        let output =
            simulation.env(CHOICE, mutant).stderr(Stdio::null()).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(None);
        }
        let told = String::from_utf8_lossy(&output.stdout);
        match told.lines().find_map(found) {
            Some(found) => Ok(Some(found)),
            None => Err(format!("the simulation ended with {} and named no seed", output.status)),
        }
    }
}

/// What a line of the simulation tells, if it is a violation.
fn found(line: &str) -> Option<Found> {
    let (seed, told) = line.strip_prefix("seed ")?.split_once(", ")?;
    Some(Found { seed: seed.parse().ok()?, told: told.to_owned() })
}

/// Removes files that the repository no longer has: a module may have become a folder.
fn forget_others(folder: &Path, here: &BTreeSet<PathBuf>) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forget_others(&path, here)?;
        } else if !here.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Takes over what cargo has built of other people's crates, times included: by them it knows that nothing has changed.
/// Libraries are linked, which cargo and the compiler replace as a whole; what they write into is copied.
fn take_dependencies(built: &Path, to: &Path) -> io::Result<()> {
    for folder in ["deps", "build", ".fingerprint"] {
        for entry in fs::read_dir(built.join(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.trim_start_matches("lib").starts_with("fil") {
                take(&entry.path(), &to.join(folder).join(name))?;
            }
        }
    }
    Ok(())
}

fn take(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        return fs::read_dir(from)?.try_for_each(|entry| {
            let entry = entry?;
            take(&entry.path(), &to.join(entry.file_name()))
        });
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let kind = from.extension().and_then(|kind| kind.to_str());
    let is_library = matches!(kind, Some("rlib" | "rmeta" | "so" | "dylib" | "dll" | "a" | "o"));
    if is_library && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    let times = FileTimes::new().set_modified(fs::metadata(from)?.modified()?);
    fs::File::options().write(true).open(to)?.set_times(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first line of a violation is read, and nothing else is taken for one.
    #[test]
    fn a_violation_is_read_from_what_the_simulation_tells() {
        let told = "seed 17, 4321 ms: device 2: a message, twice";
        let expected = Found { seed: 17, told: "4321 ms: device 2: a message, twice".to_owned() };
        assert_eq!(found(told), Some(expected));
        assert_eq!(found("16 seeds, 0.3 simulated hours, 1 violations"), None);
        assert_eq!(found("  rerun: cargo xtask simulate --plan seed-17.json"), None);
    }

    /// A file that is gone from the repository goes from the copy, wherever it is; the others stay.
    #[test]
    fn what_is_gone_goes_from_the_copy() {
        let place = std::env::temp_dir().join(format!("fil-mutants-tree-{}", std::process::id()));
        let (old, new) = (place.join("src/oracle.rs"), place.join("src/oracle/mod.rs"));
        fs::create_dir_all(place.join("src/oracle")).unwrap();
        for file in [&old, &new] {
            fs::write(file, "x").unwrap();
        }
        forget_others(&place, &BTreeSet::from([new.clone()])).unwrap();
        assert!(new.exists() && !old.exists());
        fs::remove_dir_all(place).unwrap();
    }

    /// What is taken over keeps the time of the original, in folders too, and our own crates are left out.
    #[test]
    fn what_is_taken_over_keeps_its_time() {
        let place = std::env::temp_dir().join(format!("fil-mutants-{}", std::process::id()));
        let (built, to) = (place.join("built"), place.join("to"));
        for folder in ["deps", "build/serde-1", ".fingerprint/fil-engine-2"] {
            fs::create_dir_all(built.join(folder)).unwrap();
            fs::write(built.join(folder).join("libserde.rlib"), "x").unwrap();
            fs::write(built.join(folder).join("serde.json"), "x").unwrap();
        }
        fs::write(built.join("deps/libfil_engine.rlib"), "x").unwrap();
        take_dependencies(&built, &to).unwrap();
        for there in ["deps/libserde.rlib", "build/serde-1/serde.json"] {
            let time = |root: &Path| fs::metadata(root.join(there)).unwrap().modified().unwrap();
            assert_eq!(time(&built), time(&to));
        }
        assert!(!to.join("deps/libfil_engine.rlib").exists() && !to.join(".fingerprint/fil-engine-2").exists());
        fs::remove_dir_all(place).unwrap();
    }
}
