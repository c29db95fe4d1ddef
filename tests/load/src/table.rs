//! The lines of a run as a table in Markdown, for `docs/PERFORMANCE.md`.

use std::path::Path;

use serde_json::Value;

use crate::Failure;

/// Reads the lines of `--out` and prints the figures as rows; with `budgets_only`, those that have a budget.
pub fn print(file: &Path, budgets_only: bool) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)?;
    print!("{}", rows(&text, budgets_only)?);
    Ok(())
}

fn rows(text: &str, budgets_only: bool) -> Result<String, Failure> {
    let mut table = "| figure | budget | value | baseline | ratio | |\n|---|---|---|---|---|---|\n".to_owned();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line)?;
        let Some(figure) = line["figure"].as_str() else { continue };
        let unit = line["unit"].as_str().filter(|unit| *unit != "1").unwrap_or_default();
        let sign = if line["better"] == "higher" { "≥" } else { "≤" };
        let budget = match &line["budget"] {
            Value::Null if budgets_only => continue,
            Value::Null => "–".to_owned(),
            budget => format!("{sign} {}", with_unit(budget, unit)),
        };
        let kept = match line["within"].as_bool() {
            Some(true) => "kept",
            Some(false) => "**missed**",
            None => "",
        };
        let ratio = if line["ratio"].is_null() { "–".to_owned() } else { line["ratio"].to_string() };
        let (value, baseline) = (with_unit(&line["value"], unit), with_unit(&line["baseline"]["value"], unit));
        let name = line["baseline"]["name"].as_str().unwrap_or_default();
        table += &format!("| `{figure}` | {budget} | {value} | {name} {baseline} | {ratio} | {kept} |\n");
    }
    Ok(table)
}

/// A number as people read it: thousands apart.
fn with_unit(value: &Value, unit: &str) -> String {
    let text = value.to_string();
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}{rest} {unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_rows_and_other_lines_do_not() {
        let lines = concat!(
            r#"{"run":{"cores":2}}"#,
            "\n",
            r#"{"figure":"a.rate","value":31234.5,"unit":"1/s","better":"higher","baseline":{"name":"relay","value":60000},"ratio":0.5206,"budget":30000,"within":true}"#,
            "\n",
            r#"{"figure":"a.p99","value":13,"unit":"ms","better":"lower","baseline":{"name":"relay","value":0},"ratio":null}"#,
        );
        let all = rows(lines, false).unwrap();
        assert!(all.contains("| `a.rate` | ≥ 30,000 1/s | 31,234.5 1/s | relay 60,000 1/s | 0.5206 | kept |"), "{all}");
        assert!(all.contains("| `a.p99` | – | 13 ms | relay 0 ms | – |  |"), "{all}");
        assert_eq!(rows(lines, true).unwrap().lines().count(), 3);
    }
}
