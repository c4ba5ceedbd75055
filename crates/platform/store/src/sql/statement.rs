//! A statement: text with `?` placeholders, and the values for them.

use std::sync::Arc;

use super::value::Value;

/// SQL text that is cheap to clone. It is the key in the caches of prepared statements.
#[derive(Clone, Debug)]
pub(crate) enum Sql {
    /// Text in the source.
    Static(&'static str),
    /// Text that was composed at run time.
    Shared(Arc<str>),
}

impl Sql {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }

    /// Whether both are the same text in memory. Equal texts of two places may not be.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Static(one), Self::Static(other)) => std::ptr::eq(*one, *other),
            (Self::Shared(one), Self::Shared(other)) => Arc::ptr_eq(one, other),
            (Self::Static(_), Self::Shared(_)) | (Self::Shared(_), Self::Static(_)) => false,
        }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl From<Arc<str>> for Sql {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

/// SQL in the subset that every engine understands, with `?` for each value.
///
/// Values never become part of the text. A `?` inside quotes is not a placeholder.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) sql: Sql,
    pub(crate) args: Vec<Value>,
}

impl Statement {
    /// A statement with one value per `?`.
    #[must_use]
    pub fn new(text: &'static str, args: impl IntoIterator<Item = Value>) -> Self {
        Self { sql: text.into(), args: args.into_iter().collect() }
    }

    /// A statement whose text was composed at run time. Never compose it from user input.
    #[must_use]
    pub fn composed(text: impl Into<Arc<str>>, args: impl IntoIterator<Item = Value>) -> Self {
        Self { sql: Sql::Shared(text.into()), args: args.into_iter().collect() }
    }

    /// A statement whose `??` stands for a list, as in `id IN (??)`. `args` are the values of the single `?` around it.
    ///
    /// The list is padded to a power of two with its last value, so that few different texts are prepared. An empty list
    /// becomes NULL, which equals nothing. A list has at most [`LIST_MAX`] values.
    #[must_use]
    pub fn listing<T: Into<Value>>(
        text: &'static str,
        list: impl IntoIterator<Item = T>,
        args: impl IntoIterator<Item = Value>,
    ) -> Self {
        let mut list: Vec<Value> = list.into_iter().map(Into::into).collect();
        assert!(list.len() <= LIST_MAX, "a list of {} values is longer than {LIST_MAX}", list.len());
        let (before, after) = text.split_once("??").unwrap_or((text, ""));
        let Some(last) = list.last().cloned() else {
            return Self::composed(format!("{before}NULL{after}"), args);
        };
        list.resize(list.len().next_power_of_two(), last);
        let text = format!("{before}{}{after}", placeholders(list.len()));
        let mut args = args.into_iter();
        let mut all: Vec<Value> = args.by_ref().take(before.matches('?').count()).collect();
        all.extend(list);
        all.extend(args);
        Self::composed(text, all)
    }
}

/// Maximum number of values of a [`Statement::listing`].
pub const LIST_MAX: usize = 8_192;

/// `?, ?, ?`.
pub(crate) fn placeholders(count: usize) -> String {
    let mut text = "?, ".repeat(count);
    text.truncate(text.len().saturating_sub(2));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values;

    #[test]
    fn a_list_is_filled_up_to_a_power_of_two_in_its_place() {
        let text = "SELECT id FROM t WHERE a = ? AND id IN (??) AND b = ?";
        let statement = Statement::listing(text, [1_i64, 2, 3], values!["a", "b"]);
        assert_eq!(statement.sql.as_str(), "SELECT id FROM t WHERE a = ? AND id IN (?, ?, ?, ?) AND b = ?");
        assert_eq!(statement.args, values!["a", 1_i64, 2_i64, 3_i64, 3_i64, "b"]);
    }

    #[test]
    fn an_empty_list_equals_nothing() {
        let statement =
            Statement::listing("SELECT id FROM t WHERE id IN (??) AND b = ?", Vec::<i64>::new(), values!["b"]);
        assert_eq!(statement.sql.as_str(), "SELECT id FROM t WHERE id IN (NULL) AND b = ?");
        assert_eq!(statement.args, values!["b"]);
    }
}
