//! The Prometheus text format.

use std::fmt::{Display, Write};

/// Type of a metric.
#[derive(Clone, Copy)]
pub(super) enum Type {
    /// Never decreases.
    Counter,
    /// Increases and decreases.
    Gauge,
}

/// A page of metrics.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
}

/// One metric of the page.
pub(super) struct Family<'e> {
    text: &'e mut String,
    name: &'static str,
    header: Option<(Type, &'static str)>,
}

impl Exposition {
    /// Starts a metric. Its header is written with its first sample; a metric without samples is omitted.
    pub(super) fn family(&mut self, name: &'static str, kind: Type, help: &'static str) -> Family<'_> {
        Family { text: &mut self.text, name, header: Some((kind, help)) }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Writes a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        // Writing to a string cannot fail.
        self.write(labels, value).unwrap_or(());
    }

    /// Writes a sample in seconds from a value in milliseconds.
    pub(super) fn millis(&mut self, labels: &[(&str, &str)], millis: u64) {
        self.sample(labels, format_args!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000)));
    }

    /// Writes a sample if there is a value.
    pub(super) fn known(&mut self, labels: &[(&str, &str)], value: Option<u64>) {
        if let Some(value) = value {
            self.sample(labels, value);
        }
    }

    fn write(&mut self, labels: &[(&str, &str)], value: impl Display) -> std::fmt::Result {
        let name = self.name;
        if let Some((kind, help)) = self.header.take() {
            let kind = match kind {
                Type::Counter => "counter",
                Type::Gauge => "gauge",
            };
            writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        }
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            write!(self.text, "{separator}{label}=\"{value}\"")?;
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.text, "{end} {value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let mut out = Exposition::default();
        let mut seconds = out.family("a_seconds_total", Type::Counter, "Time.");
        seconds.millis(&[("mode", "user")], 123_450);
        seconds.millis(&[("mode", "odd\"\\\n")], 7);
        out.family("nothing", Type::Gauge, "Never written.").known(&[], None);
        out.family("b", Type::Gauge, "Plain.").known(&[], Some(3));
        let expected = "# HELP a_seconds_total Time.\n# TYPE a_seconds_total counter\n\
            a_seconds_total{mode=\"user\"} 123.450\na_seconds_total{mode=\"odd\\\"\\\\\\n\"} 0.007\n\
            # HELP b Plain.\n# TYPE b gauge\nb 3\n";
        assert_eq!(out.into_text(), expected);
    }
}
