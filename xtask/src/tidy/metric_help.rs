//! Every metric has a HELP text and a name after the house rule, and the documentation names only metrics that exist.
//!
//! A metric is named by a string literal: in `counter!`, `gauge!` and `histogram!`, or in a helper that takes the name.
//! Its description is the literal right behind the name: in `describe_counter!(name, text)`, with a unit in between, in
//! a table of pairs, or in the exposition of the process metrics.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, lines_before_tests};
use crate::literals::{Literal, literals};
use crate::repository::{File, Repository};

/// Name parts that state a unit other than the base units of Prometheus.
const SCALED_UNITS: [&str; 8] = ["ms", "millis", "milliseconds", "us", "micros", "nanos", "kb", "mb"];

/// Every metric that is recorded below `crates/*/src`.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut uses: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut described = BTreeSet::new();
    let mut findings = Vec::new();
    for file in sources(repository) {
        for Metric { name, line, kind, help } in metrics(file) {
            if help.is_some() {
                described.insert(name.clone());
            }
            findings.extend(name_fault(&name, kind).map(|why| Finding::new(&file.path, line, why)));
            uses.entry(name).or_insert_with(|| (file.path.clone(), line));
        }
    }
    for (name, (path, line)) in uses.into_iter().filter(|(name, _)| !described.contains(name)) {
        findings.push(Finding::new(path, line, format!("{name} has no HELP text; describe it where it is registered")));
    }
    findings.extend(unknown(repository));
    findings.sort_by(|left, right| (&left.path, left.line).cmp(&(&right.path, right.line)));
    findings.dedup_by(|left, right| (&left.path, left.line, &left.why) == (&right.path, right.line, &right.why));
    findings
}

/// Names in backquotes on a page that no source file contains; `pulse_shop` is a crate and may be a log filter.
fn unknown(repository: &Repository) -> Vec<Finding> {
    let code: Vec<&str> = sources(repository).map(File::text).collect();
    let is_crate = |name: &str| repository.crates.iter().any(|known| known.name.replace('-', "_") == name);
    let is_known = |name: &str| is_crate(name) || code.iter().any(|text| text.contains(&format!("\"{name}\"")));
    let mut findings = Vec::new();
    for page in repository.files.iter().filter(|file| file.path.ends_with(".md") && file.path != "CHANGELOG.md") {
        for (line, text) in page.lines() {
            let names = text.split('`').skip(1).step_by(2).map(|code| code.split('{').next().unwrap_or(code));
            for name in names.filter(|name| is_name(name) && !is_known(name)) {
                findings.push(Finding::new(&page.path, line, format!("{name} is not a metric of the source code")));
            }
        }
    }
    findings
}

/// Source files whose metrics are scraped; tests record what they like.
pub(super) fn sources(repository: &Repository) -> impl Iterator<Item = &File> {
    repository.rust().filter(|file| file.path.starts_with("crates/") && file.path.contains("/src/"))
}

/// How a metric is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricKind {
    /// Counts up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
    /// Not visible at this place.
    Unknown,
}

/// One mention of a metric.
pub(super) struct Metric {
    /// Name, for example `pulse_edge_requests_total`.
    pub(super) name: String,
    /// Line of the name.
    pub(super) line: usize,
    /// How it is recorded.
    pub(super) kind: MetricKind,
    /// Line and text of the description behind the name.
    pub(super) help: Option<(usize, String)>,
}

/// The metrics that a file records or describes.
pub(super) fn metrics(file: &File) -> Vec<Metric> {
    let code: Vec<&str> = file.text().lines().take(lines_before_tests(file)).collect();
    let code = code.join("\n");
    let all = literals(&code);
    let mut metrics = Vec::new();
    for (index, literal) in all.iter().enumerate().filter(|(_, literal)| is_name(&literal.text)) {
        let kind = kind(literal.before);
        let help = all.get(index + 1).filter(|next| is_help(next)).map(|next| (next.line, next.text.clone()));
        let ends_like_one = ["_total", "_seconds", "_bytes"].iter().any(|end| literal.text.ends_with(end));
        if kind != MetricKind::Unknown || help.is_some() || ends_like_one {
            metrics.push(Metric { name: literal.text.clone(), line: literal.line, kind, help });
        }
    }
    metrics
}

fn is_name(text: &str) -> bool {
    text.starts_with("pulse_") && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The macro in front of the name.
fn kind(before: &str) -> MetricKind {
    let before = before.trim_end();
    let kinds =
        [("counter!(", MetricKind::Counter), ("gauge!(", MetricKind::Gauge), ("histogram!(", MetricKind::Histogram)];
    kinds.into_iter().find(|(end, _)| before.ends_with(end)).map_or(MetricKind::Unknown, |(_, kind)| kind)
}

/// Whether the literal is a text, separated from the name by commas and at most a path such as `Unit::Seconds`.
fn is_help(literal: &Literal<'_>) -> bool {
    let is_separator = |c: char| c.is_alphanumeric() || c.is_whitespace() || [',', ':', '_', '(', ')'].contains(&c);
    let is_text = literal.text.contains(' ') || literal.text.ends_with('.');
    literal.before.trim_start().starts_with(',') && literal.before.chars().all(is_separator) && is_text
}

/// `pulse_<context>_<thing>..`, counters in `_total`, durations in `_seconds`, sizes in `_bytes`.
fn name_fault(name: &str, kind: MetricKind) -> Option<String> {
    let parts: Vec<&str> = name.split('_').collect();
    let is_total = name.ends_with("_total");
    if parts.len() < 3 || parts.iter().any(|part| part.is_empty()) {
        return Some(format!("{name}: a name is pulse_<context>_<thing>_<unit>"));
    }
    if let Some(unit) = SCALED_UNITS.iter().find(|unit| parts.contains(*unit)) {
        return Some(format!("{name}: `{unit}` is not a base unit; use seconds or bytes"));
    }
    let is_observed = ["_seconds", "_bytes", "_size"].iter().any(|end| name.ends_with(end));
    if kind == MetricKind::Counter && !is_total {
        return Some(format!("{name}: a counter ends in _total"));
    }
    if matches!(kind, MetricKind::Gauge | MetricKind::Histogram) && is_total {
        return Some(format!("{name}: only a counter ends in _total"));
    }
    (kind == MetricKind::Histogram && !is_observed)
        .then(|| format!("{name}: a histogram ends in _seconds, _bytes or _size"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    fn of(text: &str) -> Vec<String> {
        places(check, &planted(&[("crates/bus/src/a.rs", text), ("crates/bus/tests/b.rs", "counter!(\"pulse_x_y\");")]))
    }

    #[test]
    fn a_metric_without_help_is_found() {
        let text = "counter!(\"pulse_bus_a_total\", \"consumer\" => \"mail box\");\ngauge!(\n    \"pulse_bus_b\"\n);\n";
        assert_eq!(of(text), ["crates/bus/src/a.rs:1", "crates/bus/src/a.rs:3"]);
    }

    #[test]
    fn every_form_of_description_counts() {
        let text = "counter!(\"pulse_bus_a_total\");\nhistogram!(\"pulse_bus_b_seconds\");\ngauge!(\"pulse_bus_c\");\n\
                    describe_counter!(\"pulse_bus_a_total\", \"Events that were delivered.\");\n\
                    describe_histogram!(\"pulse_bus_b_seconds\", metrics::Unit::Seconds, \"Duration of a handler.\");\n\
                    let texts = [(\"pulse_bus_c\", \"Events that wait.\")];\n\
                    out.family(\"pulse_bus_d_bytes\", Type::Gauge, \"Memory.\");\n";
        assert!(of(text).is_empty(), "{:?}", of(text));
    }

    #[test]
    fn names_follow_the_rule() {
        let text = "describe_counter!(\"pulse_bus_a\", \"Events that were delivered.\");\n\
                    describe_gauge!(\"pulse_bus_b_total\", \"Events that were delivered.\");\n\
                    describe_histogram!(\"pulse_bus_c_ms\", \"Duration of a handler.\");\n\
                    describe_gauge!(\"pulse_bus\", \"Events that were delivered.\");\n";
        assert_eq!(of(text), [1, 2, 3, 4].map(|line| format!("crates/bus/src/a.rs:{line}")));
    }

    #[test]
    fn documentation_names_existing_metrics() {
        let code = "out.family(\"pulse_bus_a\", Type::Gauge, \"Events that wait.\");\n";
        let page = "See `pulse_bus_a{consumer}` and pulse_bus_c.\nSee `pulse_bus_b_total`.\n";
        let repository = planted(&[("crates/bus/src/a.rs", code), ("docs/page.md", page)]);
        assert_eq!(places(check, &repository), ["docs/page.md:2"]);
    }

    #[test]
    fn other_texts_are_no_metrics() {
        assert!(
            of("metadata(\"pulse_order_id\", order);\n#[cfg(test)]\ncounter!(\"pulse_bus_a_total\");\n").is_empty()
        );
    }
}
