//! Which target a method and a path lead to: one table per method, computed once.
//!
//! **Invariant:** the answer does not depend on the order of registration. Per segment a literal wins over
//! `{variable}:verb`, that over `{variable}`, and that over `{rest=**}`, so the longest literal prefix wins.

mod template;

use std::borrow::Cow;

use http::Method;
use matchit::{InsertError, Params, Router};
use thiserror::Error;

use pulse_contract::route::Template;
pub(crate) use template::Variable;
use template::{pattern_of, variables_of};

/// Why a set of routes cannot be served.
#[derive(Debug, Error)]
pub enum RouteError {
    /// The path cannot be told from others by the table, for example a verb behind `**`.
    #[error("`{pattern}` cannot be served")]
    Pattern {
        /// The path as the table writes it.
        pattern: String,
        /// What the table says.
        #[source]
        source: InsertError,
    },
    /// The verb is not a method of HTTP.
    #[error("`{verb}` of `{pattern}` is not a method")]
    Verb {
        /// The verb.
        verb: String,
        /// The path as the table writes it.
        pattern: String,
    },
    /// Two routes answer the same requests.
    #[error("`{verb} {pattern}` overlaps with `{other}`")]
    Ambiguous {
        /// The verb.
        verb: String,
        /// The path that came second, as the table writes it.
        pattern: String,
        /// What it overlaps with.
        other: String,
    },
}

/// The tables of all methods.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    by_method: Vec<(Method, Router<Leaf<T>>)>,
}

#[derive(Debug)]
struct Leaf<T> {
    target: T,
    variables: Vec<Variable>,
}

/// A route that was found.
#[derive(Debug)]
pub(crate) struct Found<'table, 'path, T> {
    pub(crate) target: &'table T,
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
        self.add(verb, pattern_of(path), Leaf { target, variables: variables_of(path) })
    }

    /// Adds a path without variables.
    pub(crate) fn insert_page(&mut self, verb: &str, path: &str, target: T) -> Result<(), RouteError> {
        self.add(verb, path.to_owned(), Leaf { target, variables: Vec::new() })
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

    /// The route of a request; a HEAD is answered by the GET route.
    pub(crate) fn find<'table, 'path>(
        &'table self,
        method: &Method,
        path: &'path str,
    ) -> Option<Found<'table, 'path, T>> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let (_, table) = self.by_method.iter().find(|(known, _)| known == method)?;
        let found = table.at(path).ok()?;
        Some(Found { target: &found.value.target, variables: &found.value.variables, params: found.params })
    }

    /// The methods that the path takes, for `Allow`; empty when there is no such path.
    pub(crate) fn methods_of(&self, path: &str) -> Vec<&Method> {
        let mut methods: Vec<&Method> =
            self.by_method.iter().filter(|(_, table)| table.at(path).is_ok()).map(|(method, _)| method).collect();
        methods.sort_unstable_by_key(|method| method.as_str());
        if methods.contains(&&Method::GET) {
            methods.push(&Method::HEAD);
        }
        methods
    }
}

impl<T> Found<'_, '_, T> {
    /// The variables of the path with their decoded values; `None` when one is not UTF-8.
    pub(crate) fn variables(&self) -> Option<Vec<(&'static str, Cow<'_, str>)>> {
        let values = self.variables.iter().map(|variable| Some((variable.field(), variable.value(&self.params)?)));
        values.collect()
    }
}

#[cfg(test)]
mod tests;
