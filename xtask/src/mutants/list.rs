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
    /// Lines that stand there instead, with [`SWITCH`] where it is asked whether the mutant is turned on.
    new: Vec<String>,
}

/// In the list, what stands for "this mutant is turned on".
const SWITCH: &str = "BROKEN";
/// In the environment of the simulation, the name of the mutant that is turned on.
pub(crate) const CHOICE: &str = "FIL_BROKEN";

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
    for Mutant { name, file, old, new, .. } in &mutants {
        if file.is_empty() || old.is_empty() {
            return Err(format!("{name} names no file, or no lines"));
        }
        if !new.iter().any(|line| line.contains(SWITCH)) {
            return Err(format!("{name} does not say {SWITCH}, so it could not be turned off"));
        }
    }
    Ok(mutants)
}

impl Mutant {
    /// The file's text with the breakage and its switch. The lines must be there exactly once.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        let lines: Vec<&str> = text.lines().collect();
        let here = |window: &[&str]| window.iter().zip(&self.old).all(|(line, old)| line.trim() == old);
        let places: Vec<usize> =
            lines.windows(self.old.len()).enumerate().filter(|(_, window)| here(window)).map(|(at, _)| at).collect();
        let [at] = places.as_slice() else {
            let (name, file, places) = (&self.name, &self.file, places.len());
            return Err(format!("{name}: its lines are in {file} {places} times, not once: bring the list up to date"));
        };
        // Asked once: some of these lines run a million times.
        let choice = format!(
            r#"({{ static ON: ::std::sync::OnceLock<bool> = ::std::sync::OnceLock::new();
            *ON.get_or_init(|| ::std::env::var({CHOICE:?}).is_ok_and(|name| name == {:?})) }})"#,
            self.name
        );
        let new: Vec<String> = self.new.iter().map(|line| line.replace(SWITCH, &choice)).collect();
        let mut broken: Vec<&str> = lines[..*at].to_vec();
        broken.extend(new.iter().map(String::as_str));
        broken.extend(&lines[at + self.old.len()..]);
        Ok(broken.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        "# why\n== half: everything twice\nsrc/a.rs\n- one();\n- two();\n+ if !BROKEN { one(); }\n+ two();\n";

    #[test]
    fn a_mutant_changes_its_lines_and_nothing_else() {
        let mutants = parse(LIST).unwrap();
        let broken = mutants[0].apply("fn f() {\n    one();\n    two();\n}\n").unwrap();
        let (before, switch) = broken.split_once("if !").unwrap();
        let (switch, after) = switch.rsplit_once(" { one(); }").unwrap();
        assert_eq!((before, after), ("fn f() {\n", "\ntwo();\n}\n"));
        assert!(switch.contains(r#"name == "half""#) && switch.contains("FIL_BROKEN"), "{switch}");
    }

    #[test]
    fn a_mutant_whose_lines_are_gone_or_doubled_is_out_of_date() {
        let mutants = parse(LIST).unwrap();
        assert!(mutants[0].apply("fn f() {\n    one();\n}\n").unwrap_err().contains("0 times"));
        assert!(mutants[0].apply("one();\ntwo();\none();\ntwo();\n").unwrap_err().contains("2 times"));
    }

    #[test]
    fn a_mutant_without_file_lines_or_switch_is_refused() {
        assert!(parse("- one();\n").is_err() && parse("== half: x\nsrc/a.rs\n").is_err());
        assert!(parse("== half: x\nsrc/a.rs\n- one();\n+ two();\n").unwrap_err().contains("turned off"));
    }
}
