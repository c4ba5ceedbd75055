//! Result of a race: the answers, and the checks on them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Result of one race.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Name of the race.
    pub race: &'static str,
    /// Number of concurrent requests.
    pub parallel: usize,
    /// Number of answers by status and error code: `200`, `409 ORDER_STOCK_SHORT`.
    pub answers: BTreeMap<String, usize>,
    /// Checks that passed, as sentences.
    pub passed: Vec<String>,
    /// Checks that failed, as sentences.
    pub failed: Vec<String>,
}

impl Outcome {
    /// Counts the answers. Every status of 500 or more is a failed check.
    pub(super) fn new(race: &'static str, answers: &[Answer]) -> Self {
        let (counts, passed, failed) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut outcome = Self { race, parallel: answers.len(), answers: counts, passed, failed };
        outcome.add(answers);
        outcome
    }

    /// Counts further answers.
    pub(super) fn add(&mut self, answers: &[Answer]) {
        for answer in answers {
            *self.answers.entry(answer.label()).or_default() += 1;
        }
        let errors = answers.iter().filter(|answer| answer.status >= 500).map(Answer::label);
        self.failed.extend(errors.map(|label| format!("a request failed with {label}")));
    }

    /// Records a check under its sentence.
    pub(super) fn check(&mut self, holds: bool, sentence: String) {
        if holds {
            self.passed.push(sentence);
        } else {
            self.failed.push(sentence);
        }
    }

    /// Number of answers with this label.
    pub(super) fn count(&self, label: &str) -> usize {
        self.answers.get(label).copied().unwrap_or_default()
    }

    /// Whether all checks passed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Answer to one request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: serde_json::Value,
}

impl Answer {
    /// Parses the body as JSON; a body of another type becomes null.
    pub(super) fn of(status: u16, body: &[u8]) -> Self {
        Self { status, body: serde_json::from_slice(body).unwrap_or_default() }
    }

    fn label(&self) -> String {
        match self.body.get("code").and_then(serde_json::Value::as_str) {
            Some(code) if self.status >= 400 => format!("{} {code}", self.status),
            _ => self.status.to_string(),
        }
    }
}
