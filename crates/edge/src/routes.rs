//! Which target a method and a path lead to: one table per method, computed once.
//!
//! **Invariant:** the answer does not depend on the order of registration. Per segment a literal wins over
//! `{variable}:verb`, that over `{variable}`, and that over `{rest=**}`, so the longest literal prefix wins.

mod template;

use http::Method;
use matchit::{InsertError, Params, Router};
use thiserror::Error;

use template::Template;
pub(crate) use template::Variable;

/// Why a set of routes cannot be served.
#[derive(Debug, Error)]
pub enum RouteError {
    /// The template is not one of google.api.http, or uses `**` before the end.
    #[error("`{template}` is not a path template that can be served: {reason}")]
    Template {
        /// The template.
        template: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The verb is not a method of HTTP.
    #[error("`{verb}` of `{template}` is not a method")]
    Verb {
        /// The verb.
        verb: String,
        /// The template.
        template: String,
    },
    /// Two routes answer the same requests.
    #[error("`{verb} {template}` is ambiguous: it overlaps with `{other}`")]
    Ambiguous {
        /// The verb.
        verb: String,
        /// The template that came second.
        template: String,
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
    /// Adds a route.
    pub(crate) fn insert(&mut self, verb: &str, template: &str, target: T) -> Result<(), RouteError> {
        let method = Method::from_bytes(verb.as_bytes())
            .or(Err(()))
            .map_err(|()| RouteError::Verb { verb: verb.to_owned(), template: template.to_owned() })?;
        let parsed = Template::parse(template)
            .map_err(|reason| RouteError::Template { template: template.to_owned(), reason })?;
        let position = self.by_method.iter().position(|(known, _)| *known == method).unwrap_or_else(|| {
            self.by_method.push((method, Router::new()));
            self.by_method.len() - 1
        });
        let Some((_, table)) = self.by_method.get_mut(position) else { return Ok(()) };
        table.insert(parsed.pattern, Leaf { target, variables: parsed.variables }).map_err(|error| {
            let (verb, template) = (verb.to_owned(), template.to_owned());
            if let InsertError::Conflict { with } = error {
                return RouteError::Ambiguous { verb, template, other: with };
            }
            RouteError::Template { template, reason: "the segments cannot be told apart" }
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

impl<'table, T> Found<'table, '_, T> {
    /// The variables of the path with their decoded values; `None` when one is not UTF-8.
    pub(crate) fn variables(&self) -> Option<Vec<(&'table str, std::borrow::Cow<'_, str>)>> {
        let values = self.variables.iter().map(|variable| Some((variable.name(), variable.value(&self.params)?)));
        values.collect()
    }
}

#[cfg(test)]
mod tests;
