//! One figure: a value, the baseline of the same run, the ratio, and the budget where there is one.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Which direction is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// A rate.
    Higher,
    /// A time, a size, a cost.
    Lower,
}

/// The same question, put to something simpler in the same run.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// What: `relay`, `sqlite`, `fdatasync`, or a word that `docs/PERFORMANCE.md` explains.
    pub name: &'static str,
    /// Its value, in the figure's unit.
    pub value: f64,
}

/// One measured value. It cannot be made without a baseline.
#[derive(Clone, Debug)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    better: Better,
    baseline: Baseline,
    budget: Option<f64>,
    notes: Map<String, Value>,
}

impl Figure {
    /// A rate, where more is better.
    pub fn rate(name: impl Into<String>, value: f64, unit: &'static str, baseline: Baseline) -> Self {
        Self { name: name.into(), value, unit, better: Better::Higher, baseline, budget: None, notes: Map::new() }
    }

    /// A time, size or cost, where less is better.
    pub fn cost(name: impl Into<String>, value: f64, unit: &'static str, baseline: Baseline) -> Self {
        Self { better: Better::Lower, ..Self::rate(name, value, unit, baseline) }
    }

    /// The budget: at least this for a rate, at most this for a cost.
    #[must_use]
    pub fn budget(mut self, budget: f64) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Says something more about the figure, as a further field of its line.
    #[must_use]
    pub fn note(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.notes.insert(key.to_owned(), value.into());
        self
    }

    /// What is wrong with a figure that misses its budget, as a sentence; none for one that keeps it or has none.
    pub fn missed(&self) -> Option<String> {
        let budget = self.budget?;
        let word = if self.better == Better::Higher { "less" } else { "more" };
        (!self.keeps(budget)).then(|| format!("{} is {}, {word} than {}", self.name, round(self.value), round(budget)))
    }

    fn keeps(&self, budget: f64) -> bool {
        if self.better == Better::Higher { self.value >= budget } else { self.value <= budget }
    }

    /// The line. `ratio` is the value divided by the baseline's, whichever direction is good.
    pub fn line(&self, with_budget: bool) -> Line<'_> {
        let budget = self.budget.filter(|_| with_budget);
        Line {
            figure: &self.name,
            value: round(self.value),
            unit: self.unit,
            better: self.better,
            baseline: LineBaseline { name: self.baseline.name, value: round(self.baseline.value) },
            ratio: (self.baseline.value != 0.0).then(|| round(self.value / self.baseline.value)),
            budget: budget.map(round),
            within: budget.map(|budget| self.keeps(budget)),
            notes: &self.notes,
        }
    }
}

/// A figure as it is printed, in this order.
#[derive(Debug, Serialize)]
pub struct Line<'f> {
    figure: &'f str,
    value: Value,
    unit: &'static str,
    better: Better,
    baseline: LineBaseline,
    ratio: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<bool>,
    #[serde(flatten)]
    notes: &'f Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct LineBaseline {
    name: &'static str,
    value: Value,
}

impl Baseline {
    /// A baseline.
    pub fn new(name: &'static str, value: f64) -> Self {
        Self { name, value }
    }
}

/// Four digits that count: more would be noise.
pub fn round(value: f64) -> Value {
    if value == 0.0 || !value.is_finite() {
        return json!(0);
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let factor = 10f64.powi(digits.clamp(0, 9));
    let rounded = (value * factor).round() / factor;
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 { json!(rounded as i64) } else { json!(rounded) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line has value, baseline and ratio, and judges the budget by the figure's direction, at full size only.
    #[test]
    fn a_figure_is_printed_with_its_baseline_its_ratio_and_its_budget() {
        let rate = Figure::rate("pairs.rate", 30_000.0, "1/s", Baseline::new("relay", 60_000.0)).budget(20_000.0);
        let json = |figure: &Figure, full| serde_json::to_value(figure.line(full)).unwrap();
        let line = json(&rate, true);
        assert_eq!(line["ratio"], json!(0.5));
        assert_eq!((&line["within"], &line["budget"]), (&json!(true), &json!(20_000)));
        assert_eq!(json(&rate, false).get("within"), None);
        assert_eq!(rate.missed(), None);
        let cost = Figure::cost("pairs.p99", 13.25, "ms", Baseline::new("relay", 5.0)).budget(12.0).note("users", 100);
        let line = json(&cost, true);
        assert_eq!((&line["within"], &line["ratio"], &line["users"]), (&json!(false), &json!(2.65), &json!(100)));
        assert_eq!(cost.missed().as_deref(), Some("pairs.p99 is 13.25, more than 12"));
    }

    #[test]
    fn values_keep_four_digits_that_count() {
        let check = |value: f64, expected: Value| assert_eq!(round(value), expected);
        check(123_456.7, json!(123_457));
        check(12.345_67, json!(12.35));
        check(0.012_345_67, json!(0.01235));
        check(0.0, json!(0));
        check(f64::NAN, json!(0));
    }
}
