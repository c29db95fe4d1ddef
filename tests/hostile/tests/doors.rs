//! The doors on stable: over the committed corpus, and over changes of it that are made from seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fil_hostile::panics::Watch;
use fil_hostile::{DOORS, Door, corpus, mutate};

/// Everything in the corpus, through its door: the seeds that were written by hand, and whatever a fuzzer once found.
#[test]
fn everything_in_the_corpus_gets_through_its_door_without_harm() {
    let mut failures = Vec::new();
    for door in DOORS {
        let entries = corpus::entries(door.name);
        assert!(!entries.is_empty(), "{} has no corpus", door.name);
        let entered = entries
            .iter()
            .try_for_each(|(name, bytes)| enter(door, bytes, || format!("fuzz/corpus/{}/{name}", door.name)));
        failures.extend(entered.err());
        println!("{}: {} entries", door.name, entries.len());
    }
    end(&failures);
}

/// Changes of the corpus. A failure names its seed, and `FIL_SEED` repeats that one; `FIL_HOSTILE_ROUNDS` tries so many
/// times as many.
#[test]
fn every_change_of_the_corpus_gets_through_its_door_without_harm() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let mut failures = Vec::new();
    let (only, times) = (number("FIL_SEED"), number("FIL_HOSTILE_ROUNDS").unwrap_or(1));
    for door in DOORS {
        let entries = corpus::entries(door.name);
        let mut seeds = only.map_or(0..door.rounds * times, |seed| seed..seed + 1);
        let began = std::time::Instant::now();
        let entered = seeds.try_for_each(|seed| {
            let bytes = mutate::mutate(&entries, seed);
            enter(door, &bytes, || format!("FIL_SEED={seed} cargo test -p fil-hostile --test doors every_change"))
        });
        failures.extend(entered.err());
        println!("{}: {} changes, {:?}", door.name, door.rounds * times, began.elapsed());
    }
    end(&failures);
}

/// The doors, their fuzz targets and their folders are the same.
#[test]
fn every_door_has_its_fuzz_target_and_its_corpus() {
    let fuzz = corpus::folder("").join("../");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("the fuzz workspace is there");
    let manifest: Vec<&str> = manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/")).collect();
    let targets: Vec<String> = DOORS.iter().map(|door| format!("{}.rs\"", door.name)).collect();
    assert_eq!(manifest, targets);
    for door in DOORS {
        let target =
            std::fs::read_to_string(fuzz.join("targets").join(format!("{}.rs", door.name))).expect("it is there");
        assert!(target.contains(&format!("\"{}\"", door.name)), "{target}");
    }
}

/// Enters, and tells what went wrong, with the input and how to see it again. A door may have a server behind it: a panic
/// of one of its tasks is found, too, though the door itself sees a closed connection.
fn enter(door: &Door, bytes: &[u8], again: impl Fn() -> String) -> Result<(), String> {
    let watch = Watch::begin();
    let entered = catch_unwind(AssertUnwindSafe(|| (door.enter)(bytes)));
    let told = watch.end();
    if entered.is_ok() && told.is_empty() {
        return Ok(());
    }
    let input: String = String::from_utf8_lossy(bytes).chars().take(20_000).collect();
    Err(format!("{}: {}\n  input: {input:?}\n  again: {}", door.name, told.join("\n"), again()))
}

/// The first failure of every door, so that one run shows them all.
fn end(failures: &[String]) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
