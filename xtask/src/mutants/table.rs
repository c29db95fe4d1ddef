//! What became of the mutants, for the terminal and for `docs/RELIABILITY.md`.

use std::fmt;

use super::copy::Found;
use crate::Failure;

/// What became of one mutant.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// A seed found it.
    Caught(Found),
    /// No seed found it.
    Survived,
    /// It could not be built or run.
    Failed(Failure),
}

/// One mutant.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    /// What is broken.
    pub(super) what: String,
    pub(super) fate: Fate,
    /// How long building and simulating took, in seconds.
    pub(super) seconds: u64,
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, what, fate, seconds } = self;
        match fate {
            Fate::Caught(found) => write!(formatter, "caught   {name} ({seconds} s): {found}"),
            Fate::Survived => write!(formatter, "SURVIVED {name} ({seconds} s): {what}"),
            Fate::Failed(error) => write!(formatter, "FAILED   {name} ({seconds} s): {error}"),
        }
    }
}

/// The table of the page: what was broken, after how many seeds it was found, and what the finder said.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut table = "| mutant | what is broken | seeds | what was told |\n|---|---|---|---|\n".to_owned();
    for row in rows {
        let (seeds, told) = match &row.fate {
            // Seeds are counted from 0.
            Fate::Caught(found) => ((found.seed + 1).to_string(), found.told.as_str()),
            Fate::Survived => ("none".to_owned(), ""),
            Fate::Failed(_) => ("not run".to_owned(), ""),
        };
        table += &format!("| `{}` | {} | {seeds} | {} |\n", row.name, row.what, told.replace('|', "\\|"));
    }
    table
}

/// An error that names every mutant that nothing has found, or that could not be tried.
pub(super) fn verdict(rows: &[Row]) -> Result<(), Failure> {
    let named = |wanted: fn(&Fate) -> bool| -> Vec<&str> {
        rows.iter().filter(|row| wanted(&row.fate)).map(|row| row.name.as_str()).collect()
    };
    let survived = named(|fate| matches!(fate, Fate::Survived));
    let failed = named(|fate| matches!(fate, Fate::Failed(_)));
    let caught = rows.len() - survived.len() - failed.len();
    println!("{} mutants, {caught} caught, {} survived, {} failed", rows.len(), survived.len(), failed.len());
    match (survived.is_empty(), failed.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("nothing found {}", survived.join(", "))),
        (true, false) => Err(format!("could not be tried: {}", failed.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, fate: Fate) -> Row {
        Row { name: name.to_owned(), what: "everything".to_owned(), fate, seconds: 1 }
    }

    /// A survivor and a mutant that does not build are both failures, each named; the table has one line for each.
    #[test]
    fn only_what_was_found_counts_as_caught() {
        let caught = row("a", Fate::Caught(Found { seed: 4, told: "5 ms: lost".to_owned() }));
        assert!(verdict(std::slice::from_ref(&caught)).is_ok());
        let all = [caught.clone(), row("b", Fate::Survived), row("c", Fate::Failed("no".to_owned()))];
        assert!(verdict(&all).unwrap_err().contains('b'));
        assert!(verdict(&[caught, all[2].clone()]).unwrap_err().contains('c'));
        let table = markdown(&all);
        assert_eq!(table.lines().count(), 5);
        assert!(table.contains("| `a` | everything | 5 | 5 ms: lost |"), "{table}");
    }
}
