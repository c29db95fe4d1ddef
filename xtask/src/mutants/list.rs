//! The list of mutants: reading it, and applying one to a file.

/// One breakage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// What is broken, for people.
    pub(crate) what: String,
    /// In which file, from the root.
    pub(crate) file: String,
    /// Lines that are there, without their indentation.
    old: Vec<String>,
    /// Lines that stand there instead.
    new: Vec<String>,
}

/// Reads the list: `== name: what`, the file, lines with `- `, lines with `+ `. Lines with `#` and blank lines are skipped.
pub(crate) fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    let mut mutants: Vec<Mutant> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("== ") {
            let (name, what) = title.split_once(": ").ok_or_else(|| format!("{line:?} does not say what is broken"))?;
            let (name, what, file) = (name.to_owned(), what.to_owned(), String::new());
            mutants.push(Mutant { name, what, file, old: Vec::new(), new: Vec::new() });
            continue;
        }
        let mutant = mutants.last_mut().ok_or_else(|| format!("{line:?} belongs to no mutant"))?;
        if let Some(old) = line.strip_prefix("- ") {
            mutant.old.push(old.trim().to_owned());
        } else if let Some(new) = line.strip_prefix("+ ") {
            mutant.new.push(new.trim().to_owned());
        } else {
            line.clone_into(&mut mutant.file);
        }
    }
    match mutants.iter().find(|mutant| mutant.file.is_empty() || mutant.old.is_empty()) {
        Some(mutant) => Err(format!("{} names no file, or no lines", mutant.name)),
        None => Ok(mutants),
    }
}

impl Mutant {
    /// The file's text with the breakage. The lines must be there exactly once.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        let lines: Vec<&str> = text.lines().collect();
        let here = |window: &[&str]| window.iter().zip(&self.old).all(|(line, old)| line.trim() == old);
        let places: Vec<usize> =
            lines.windows(self.old.len()).enumerate().filter(|(_, window)| here(window)).map(|(at, _)| at).collect();
        let [at] = places.as_slice() else {
            let (name, file, places) = (&self.name, &self.file, places.len());
            return Err(format!("{name}: its lines are in {file} {places} times, not once: bring the list up to date"));
        };
        let mut broken: Vec<&str> = lines[..*at].to_vec();
        broken.extend(self.new.iter().map(String::as_str));
        broken.extend(&lines[at + self.old.len()..]);
        Ok(broken.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# why\n== half: everything twice\nsrc/a.rs\n- one();\n- two();\n+ two();\n";

    #[test]
    fn a_mutant_changes_its_lines_and_nothing_else() {
        let mutants = parse(LIST).unwrap();
        let broken = mutants[0].apply("fn f() {\n    one();\n    two();\n}\n").unwrap();
        assert_eq!((mutants[0].name.as_str(), broken.as_str()), ("half", "fn f() {\ntwo();\n}\n"));
    }

    #[test]
    fn a_mutant_whose_lines_are_gone_or_doubled_is_out_of_date() {
        let mutants = parse(LIST).unwrap();
        assert!(mutants[0].apply("fn f() {\n    one();\n}\n").unwrap_err().contains("0 times"));
        assert!(mutants[0].apply("one();\ntwo();\none();\ntwo();\n").unwrap_err().contains("2 times"));
        assert!(parse("- one();\n").is_err() && parse("== half: x\nsrc/a.rs\n").is_err());
    }
}
