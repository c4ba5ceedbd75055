//! Routing: one table per HTTP method, computed when the edge is built.
//!
//! **Invariant:** the result does not depend on the order of registration. Per segment a literal has priority over
//! `{variable}:verb`, that over `{variable}`, and that over `{rest=**}`, so the longest literal prefix wins.

mod template;

use std::borrow::Cow;

use http::Method;
use matchit::{InsertError, Params, Router};
use thiserror::Error;

use pulse_contract::route::Template;
pub(crate) use template::Variable;
use template::{pattern_of, variables_of};

/// A set of routes cannot be served.
#[derive(Debug, Error)]
pub enum RouteError {
    /// The table does not support the path, for example a verb after `**`.
    #[error("the path pattern `{pattern}` is not supported")]
    Pattern {
        /// Pattern of the path.
        pattern: String,
        /// Error of the table.
        #[source]
        source: InsertError,
    },
    /// The verb is not an HTTP method.
    #[error("`{verb}` of `{pattern}` is not an HTTP method")]
    Verb {
        /// The verb.
        verb: String,
        /// Pattern of the path.
        pattern: String,
    },
    /// Two routes match the same requests.
    #[error("`{verb} {pattern}` conflicts with `{other}`")]
    Ambiguous {
        /// The verb.
        verb: String,
        /// Pattern of the second path.
        pattern: String,
        /// Pattern of the first path.
        other: String,
    },
}

/// The tables of all HTTP methods.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    by_method: Vec<(Method, Router<Leaf<T>>)>,
}

#[derive(Debug)]
struct Leaf<T> {
    target: T,
    variables: Vec<Variable>,
    /// Whether the path ends with a custom verb, for example `:cancel`.
    has_verb: bool,
}

/// The route of a request.
#[derive(Debug)]
pub(crate) struct Found<'table, 'path, T> {
    pub(crate) target: &'table T,
    pub(crate) path: PathVariables<'table, 'path>,
}

/// The variables of a route in the path of a request.
#[derive(Debug)]
pub(crate) struct PathVariables<'table, 'path> {
    variables: &'table [Variable],
    params: Params<'table, 'path>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { by_method: Vec::new() }
    }
}

impl<T> Routes<T> {
    /// Adds a route of the contract.
    pub(crate) fn insert(&mut self, verb: &str, path: &Template, target: T) -> Result<(), RouteError> {
        self.add(
            verb,
            pattern_of(path),
            Leaf { target, variables: variables_of(path), has_verb: !path.verb.is_empty() },
        )
    }

    /// Adds a page. A variable in its path only matches; its value is not passed on.
    pub(crate) fn insert_page(&mut self, verb: &str, path: &str, target: T) -> Result<(), RouteError> {
        self.add(verb, path.to_owned(), Leaf { target, variables: Vec::new(), has_verb: false })
    }

    fn add(&mut self, verb: &str, pattern: String, leaf: Leaf<T>) -> Result<(), RouteError> {
        let Ok(method) = Method::from_bytes(verb.as_bytes()) else {
            return Err(RouteError::Verb { verb: verb.to_owned(), pattern });
        };
        let position = self.by_method.iter().position(|(known, _)| *known == method).unwrap_or_else(|| {
            self.by_method.push((method, Router::new()));
            self.by_method.len() - 1
        });
        let Some((_, table)) = self.by_method.get_mut(position) else { return Ok(()) };
        table.insert(pattern.clone(), leaf).map_err(|source| {
            if let InsertError::Conflict { with } = source {
                return RouteError::Ambiguous { verb: verb.to_owned(), pattern, other: with };
            }
            RouteError::Pattern { pattern, source }
        })
    }

    /// The route of a request; HEAD uses the GET route.
    pub(crate) fn find<'table, 'path>(
        &'table self,
        method: &Method,
        path: &'path str,
    ) -> Option<Found<'table, 'path, T>> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let (_, table) = self.by_method.iter().find(|(known, _)| known == method)?;
        let found = table.at(path).ok()?;
        if !found.value.has_verb && self.is_custom_verb(path) {
            return None;
        }
        let path = PathVariables { variables: &found.value.variables, params: found.params };
        Some(Found { target: &found.value.target, path })
    }

    /// Whether the path is that of a custom verb, with any method. `/v1/orders/7:cancel` is no order with the ID
    /// `7:cancel`, although the path of an order matches it.
    fn is_custom_verb(&self, path: &str) -> bool {
        let last = path.rsplit('/').next().unwrap_or_default();
        last.contains(':')
            && self.by_method.iter().any(|(_, table)| table.at(path).is_ok_and(|found| found.value.has_verb))
    }

    /// All methods of the table, for `Allow` of the server as a whole.
    pub(crate) fn methods(&self) -> Vec<&Method> {
        let mut methods: Vec<&Method> =
            self.by_method.iter().map(|(method, _)| method).chain([&Method::HEAD]).collect();
        methods.sort_unstable_by_key(|method| method.as_str());
        methods
    }

    /// The methods that the path supports, for `Allow`; empty for an unknown path.
    pub(crate) fn methods_of(&self, path: &str) -> Vec<&Method> {
        let is_verb = self.is_custom_verb(path);
        let serves = |table: &Router<Leaf<T>>| table.at(path).is_ok_and(|found| found.value.has_verb || !is_verb);
        let mut methods: Vec<&Method> =
            self.by_method.iter().filter(|(_, table)| serves(table)).map(|(method, _)| method).collect();
        methods.sort_unstable_by_key(|method| method.as_str());
        if methods.contains(&&Method::GET) {
            methods.push(&Method::HEAD);
        }
        methods
    }
}

impl PathVariables<'_, '_> {
    /// The variables with their decoded values; `None` when one is not UTF-8.
    pub(crate) fn decode(&self) -> Option<Vec<(&'static str, Cow<'_, str>)>> {
        let values = self.variables.iter().map(|variable| Some((variable.field(), variable.value(&self.params)?)));
        values.collect()
    }
}

#[cfg(test)]
mod tests;
