//! The result of a benchmark, for machines (one JSON object per line) and for people (a table).

use serde::{Deserialize, Serialize};

use crate::columns::columns;

/// One measurement. The names of the fields are the names in the JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured: `nearby-100k`, for example.
    pub name: String,
    /// Operations per second of the subject: the median of the rounds.
    pub rate_per_s: f64,
    /// What the subject was measured against.
    pub reference: String,
    /// Operations per second of the reference: the median of the rounds.
    pub reference_rate_per_s: f64,
    /// Subject / reference: the median over the rounds of the ratio within a round.
    pub ratio: f64,
    /// Half of the subject's replies were faster, in milliseconds.
    pub p50_ms: f64,
    /// 99 % of the subject's replies were faster, in milliseconds.
    pub p99_ms: f64,
    /// 99.9 % of the subject's replies were faster, in milliseconds.
    pub p999_ms: f64,
    /// Requests of both sides, in all runs, that failed or were answered with a status of 400 or more.
    pub errors: u64,
    /// Connections, or tasks that call at the same time.
    pub connections: usize,
    /// How many pairs of rounds were run.
    pub rounds: usize,
    /// Processor, cores, memory and kernel.
    pub machine: String,
    /// What else one must know to read the numbers: the arrival rate of the latency run, sizes, settings.
    pub notes: Vec<String>,
}

impl Measurement {
    /// The measurement as one line of JSON, without the line end.
    #[must_use]
    pub fn to_json_line(&self) -> String {
        // A struct of strings and numbers always serializes; fractions are finite by construction.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Adds a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// The measurements as a table, then the notes and the machine.
#[must_use]
pub fn table(measurements: &[Measurement]) -> String {
    let header = ["name", "rate/s", "reference", "rate/s", "ratio", "p50 ms", "p99 ms", "p99.9 ms", "errors"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(measurements.iter().map(row));
    // Names are words, the rest are numbers.
    let mut text = columns(&rows, &[0, 2]);
    for measurement in measurements {
        for note in &measurement.notes {
            text.push_str(&format!("{}: {note}\n", measurement.name));
        }
    }
    if let Some(first) = measurements.first() {
        text.push_str(&format!("measured on {}\n", first.machine));
    }
    text
}

fn row(measurement: &Measurement) -> [String; 9] {
    [
        measurement.name.clone(),
        format!("{:.0}", measurement.rate_per_s),
        measurement.reference.clone(),
        format!("{:.0}", measurement.reference_rate_per_s),
        format!("{:.2}", measurement.ratio),
        format!("{:.2}", measurement.p50_ms),
        format!("{:.2}", measurement.p99_ms),
        format!("{:.2}", measurement.p999_ms),
        measurement.errors.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement() -> Measurement {
        Measurement {
            name: "edge".into(),
            rate_per_s: 20_000.5,
            reference: "constant route".into(),
            reference_rate_per_s: 25_000.0,
            ratio: 0.8,
            p50_ms: 1.5,
            p99_ms: 4.25,
            p999_ms: 9.0,
            errors: 0,
            connections: 64,
            rounds: 5,
            machine: "Example CPU, 2 cores".into(),
            notes: vec!["open loop at 14000/s".into()],
        }
    }

    #[test]
    fn one_json_object_per_line_with_the_agreed_names() {
        let line = measurement().to_json_line();
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let agreed =
            ["name", "rate_per_s", "reference", "reference_rate_per_s", "ratio", "p50_ms", "p99_ms", "machine"];
        for name in agreed {
            assert!(value.get(name).is_some(), "{name} is missing in {line}");
        }
        assert_eq!(serde_json::from_str::<Measurement>(&line).unwrap(), measurement());
    }

    #[test]
    fn the_table_lines_up() {
        let expected = "\
name  rate/s  reference       rate/s  ratio  p50 ms  p99 ms  p99.9 ms  errors
edge   20000  constant route   25000   0.80    1.50    4.25      9.00       0
edge: open loop at 14000/s
measured on Example CPU, 2 cores
";
        assert_eq!(table(&[measurement()]), expected);
    }
}
