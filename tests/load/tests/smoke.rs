//! The load tests work: every scenario runs at its smallest and prints its figures. Speed is not looked at.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Proves that a change has not broken the measuring: the real generator measures the real server at the smallest size.
/// Every figure must have a value, a unit, a baseline of the same run and the ratio, rates and times must be more than
/// nothing, and every scenario must have figures.
#[test]
fn every_scenario_prints_figures_with_a_baseline_and_a_ratio() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fil-load"));
    command.args(["bench", "--scale", "smoke", "--data"]).arg(folder.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut measured = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(figure) = line["figure"].as_str() else { continue };
        let complete = line["value"].is_number()
            && line["unit"].is_string()
            && line["baseline"]["name"].is_string()
            && line["baseline"]["value"].is_number()
            && (line["ratio"].is_number() || line["baseline"]["value"] == 0);
        assert!(complete, "{line}");
        // A rate or a time of nothing was not measured; a queue may be empty, and the system counts processor time in
        // hundredths of a second, which a few connections may not fill.
        let is_processor_time = figure.ends_with(".connect_cpu_us");
        if !is_processor_time && ["1/s", "ms", "us", "µs"].contains(&line["unit"].as_str().unwrap_or_default()) {
            let values = [&line["value"], &line["baseline"]["value"]].map(|value| value.as_f64().unwrap_or_default());
            assert!(values.iter().all(|value| *value > 0.0), "{line}");
        }
        measured.insert(figure.split('.').next().unwrap_or_default().to_owned());
    }
    let all: BTreeSet<String> = fil_load::scenario::all().map(|scenario| scenario.name.to_owned()).collect();
    assert_eq!(measured, all, "{said}");
}
