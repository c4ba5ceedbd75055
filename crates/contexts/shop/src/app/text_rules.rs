//! Names and web addresses of shops, merchants, products and categories: one rule for calls and imports (T1, T2).

use pulse_contract::errors as common;
use pulse_kernel::{Error, Violation, text};

/// Violations of texts, collected while their values are taken.
#[derive(Debug, Default)]
pub(super) struct TextRules(Vec<Violation>);

impl TextRules {
    /// The name without blanks around it; the text itself when it is refused.
    pub(super) fn name(&mut self, field: &str, value: String) -> String {
        let checked = text::name(&value).map(str::to_owned);
        self.take(field, "name", value, checked)
    }

    /// The name, which may be empty.
    pub(super) fn optional_name(&mut self, field: &str, value: String) -> String {
        let checked = text::optional_name(&value).map(str::to_owned);
        self.take(field, "name", value, checked)
    }

    /// The address of a web page; empty means that there is none.
    pub(super) fn web_address(&mut self, field: &str, value: String) -> String {
        let checked = if value.is_empty() { Ok(()) } else { text::web_address(&value) };
        self.take(field, "web_address", value.clone(), checked.map(|()| value))
    }

    /// The addresses of pictures.
    pub(super) fn pictures(&mut self, field: &str, values: Vec<String>) -> Vec<String> {
        let check = |(index, value): (usize, String)| self.web_address(&format!("{field}[{index}]"), value);
        values.into_iter().enumerate().map(check).collect()
    }

    fn take<E: std::fmt::Display>(
        &mut self,
        field: &str,
        code: &'static str,
        value: String,
        checked: Result<String, E>,
    ) -> String {
        checked.unwrap_or_else(|fault| {
            let message = fault.to_string().into();
            self.0.push(Violation { field: field.to_owned().into(), code: ["text.", code].concat().into(), message });
            value
        })
    }

    /// # Errors
    /// `VALIDATION_FAILED` with all violations.
    pub(super) fn check(self) -> Result<(), Error> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let detail = format!("{} {}", first.field, first.message);
        Err(common::VALIDATION_FAILED.error(detail).with_violations(self.0))
    }
}
