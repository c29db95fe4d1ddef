//! The failure catalogue keeps its word: every file that it names as a test of a row cites that row.
//!
//! `docs/FAILURES.md` has two tables, of rows 1, 2, 3… and S1, S2, S3…. The last column of a row names files, or says
//! what the row waits for (*not built yet: …*). A citation stands in a comment, as *row 12*, *rows 3, 4 and 6*, *rows 1 to 4*,
//! *S12*, or *S6 to S10*.

use std::collections::BTreeSet;

use super::Finding;
use crate::workspace::SourceFile;

const PAGE: &str = "docs/FAILURES.md";
const WAITS: &str = "not built yet: ";

/// Compares the page with the files.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else { return vec![format!("{PAGE} is missing")] };
    let mut findings = Vec::new();
    let (mut failures, mut security) = (0, 0);
    for line in page.text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some((row, counted)) = cells.get(1).and_then(|cell| row(cell, &mut failures, &mut security)) else {
            continue;
        };
        if row.number != counted {
            findings.push(format!("{PAGE}: after row {} comes {row}", counted - 1));
        }
        let tried = cells.iter().rev().find(|cell| !cell.is_empty()).copied().unwrap_or_default();
        let named: Vec<&str> = tried.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && !tried.starts_with(WAITS) {
            findings.push(format!("{PAGE}: {row} neither names a test nor says what it waits for"));
        }
        for path in named {
            let cited = files.iter().any(|file| file.path == path && citations(&file.text).contains(&row));
            if !cited {
                findings.push(format!("{PAGE}: {row} is not cited in {path}"));
            }
        }
    }
    if failures == 0 || security == 0 {
        findings.push(format!("{PAGE} has no rows"));
    }
    findings
}

/// A row of one of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    security: bool,
    number: u32,
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", if self.security { "S" } else { "row " }, self.number)
    }
}

/// The row that a first cell names, and the number that comes next in its table.
fn row(cell: &str, failures: &mut u32, security: &mut u32) -> Option<(Row, u32)> {
    let (digits, counter) = cell.strip_prefix('S').map_or((cell, failures), |digits| (digits, security));
    let number = digits.parse().ok()?;
    *counter += 1;
    Some((Row { security: cell.starts_with('S'), number }, *counter))
}

/// Every row that a file's comments cite.
fn citations(text: &str) -> BTreeSet<Row> {
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim_start).filter(|line| line.starts_with("//")) {
        let line = line.replace([',', '.', ':', ';', '(', ')'], " ");
        // What "and", a list or "to" goes on with: the kind of the row before, and its number.
        let (mut before, mut reaches): (Option<Row>, bool) = (None, false);
        let mut opened = false;
        for word in line.split_whitespace() {
            let digits = word.strip_prefix('S');
            match (digits.unwrap_or(word).parse::<u32>(), word) {
                (Ok(number), _) if digits.is_some() || opened => {
                    let row = Row { security: digits.is_some(), number };
                    let from = before.filter(|before| reaches && before.security == row.security);
                    let from = from.map_or(number, |before| before.number);
                    found.extend((from..=number).map(|number| Row { number, ..row }));
                    (before, reaches) = (Some(row), false);
                }
                (_, "and") => {}
                (_, "to") => reaches = true,
                _ => {
                    (before, reaches) = (None, false);
                    opened = matches!(word, "row" | "rows" | "Row" | "Rows");
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_read_as_people_write_them() {
        let check = |text: &str, expected: &[u32]| {
            let rows: Vec<u32> = citations(text).into_iter().map(|row| row.number).collect();
            assert_eq!(rows, expected, "{text}");
        };
        check("/// Row 4 of the failure catalogue.", &[4]);
        check("//! catalogue (rows 28, 47 and 48 of the failure catalogue)", &[28, 47, 48]);
        check("/// Rows 1 to 4: four of them", &[1, 2, 3, 4]);
        check("// S6 to S10 of the list, in 7 of 9 cases", &[6, 7, 8, 9, 10]);
        check("let row = 7; // the third row of 12", &[]);
        check("// it grew to 12 rows", &[]);
    }

    #[test]
    fn a_row_that_nothing_cites_a_row_without_a_test_and_a_missing_row_are_found() {
        let page = "| row | what |\n|---|---|\n| 1 | a | `x.rs` |\n| 2 | b | not built yet: calls |\n| 4 | c | `x.rs` |\n\
                    | S1 | d | soon |\n";
        let test = SourceFile::new("x.rs", "//! Rows 1 and 3 of the failure catalogue.");
        assert_eq!(
            check(&[SourceFile::new(PAGE, page), test]),
            [
                "docs/FAILURES.md: after row 2 comes row 4",
                "docs/FAILURES.md: row 4 is not cited in x.rs",
                "docs/FAILURES.md: S1 neither names a test nor says what it waits for",
            ]
        );
        assert_eq!(check(&[]), ["docs/FAILURES.md is missing"]);
    }
}
