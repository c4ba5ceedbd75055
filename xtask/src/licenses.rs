//! The licence of every dependency against `deny.toml`, without a network: cargo has the manifests already.
//!
//! Reads the same file as `cargo deny check licenses`, of which it understands `licenses.allow`,
//! `licenses.exceptions` and `licenses.clarify` by crate name.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use toml::Table;

use crate::repository::{cargo_metadata, list, text};

/// The only platform that is released and tested; others would ask for crates that nobody builds here.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Checks every dependency. With `all`, prints every one with its licence.
pub(crate) fn run(all: bool) -> Result<String, String> {
    let metadata = cargo_metadata(&["--locked", "--filter-platform", PLATFORM])?;
    let root = text(&metadata, "workspace_root");
    let deny = fs::read_to_string(format!("{root}/deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let policy = Policy::parse(&deny)?;
    let mut offenders = Vec::new();
    let mut lines = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in used(&metadata) {
        let (name, version) = (text(package, "name"), text(package, "version"));
        versions.entry(name).or_default().push(version);
        let licence = policy.licence(name, text(package, "license"));
        lines.push(format!("{name} {version}: {licence}"));
        if !policy.allows(name, licence) {
            offenders.push(format!("{name} {version}: `{licence}` is not allowed by deny.toml"));
        }
    }
    if !offenders.is_empty() {
        return Err(format!("licenses: {} offenders\n{}", offenders.len(), offenders.join("\n")));
    }
    let twice: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    if all {
        lines.extend(twice.iter().map(|(name, versions)| format!("twice: {name} {}", versions.join(", "))));
    }
    let count = versions.values().map(Vec::len).sum::<usize>();
    let summary = format!("licenses: {count} dependencies, all allowed; {} names in several versions", twice.len());
    Ok(if all { format!("{}\n{summary}", lines.join("\n")) } else { summary })
}

/// The packages of others that the build really uses on our platform.
fn used(metadata: &Value) -> impl Iterator<Item = &Value> {
    let nodes = metadata.get("resolve").map_or(&[][..], |resolve| list(resolve, "nodes"));
    let ids: Vec<&str> = nodes.iter().map(|node| text(node, "id")).collect();
    let is_foreign = |package: &&Value| package.get("source").is_some_and(Value::is_string);
    list(metadata, "packages").iter().filter(is_foreign).filter(move |package| ids.contains(&text(package, "id")))
}

/// What `deny.toml` says.
struct Policy {
    allow: Vec<String>,
    /// Crate and the licences that it alone may have.
    exceptions: Vec<(String, Vec<String>)>,
    /// Crate and the licence that somebody read in its files.
    clarifications: Vec<(String, String)>,
}

impl Policy {
    fn parse(deny: &str) -> Result<Self, String> {
        let table: Table = deny.parse().map_err(|error| format!("deny.toml: {error}"))?;
        let licenses = table.get("licenses").and_then(toml::Value::as_table).ok_or("deny.toml has no [licenses]")?;
        let crate_name =
            |table: &Table| table.get("crate").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let expression = |table: &Table| table.get("expression").and_then(toml::Value::as_str).map(str::to_owned);
        let exceptions = tables(licenses, "exceptions").map(|table| (crate_name(table), strings(table, "allow")));
        let clarifications =
            tables(licenses, "clarify").filter_map(|table| Some((crate_name(table), expression(table)?)));
        Ok(Self {
            allow: strings(licenses, "allow"),
            exceptions: exceptions.collect(),
            clarifications: clarifications.collect(),
        })
    }

    fn licence<'a>(&'a self, name: &str, stated: &'a str) -> &'a str {
        let clarified = self.clarifications.iter().find(|(of, _)| of == name);
        clarified.map_or(stated, |(_, expression)| expression.as_str())
    }

    fn allows(&self, name: &str, expression: &str) -> bool {
        let exceptions = self.exceptions.iter().filter(|(of, _)| of == name).flat_map(|(_, allow)| allow);
        let allowed: Vec<&str> = self.allow.iter().chain(exceptions).map(String::as_str).collect();
        is_satisfied(expression, &allowed)
    }
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    let list = table.get(key).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(toml::Value::as_table)
}

fn strings(table: &Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// Evaluates an SPDX expression, the old `MIT/Apache-2.0` included. What cannot be read is not satisfied.
fn is_satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) == Some(true) && rest.is_empty()
}

/// `a OR b`: one of them is enough.
fn any_of(words: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut is_met = all_of(words, allowed)?;
    while let [first, rest @ ..] = *words
        && *first == "OR"
    {
        *words = rest;
        is_met |= all_of(words, allowed)?;
    }
    Some(is_met)
}

/// `a AND b`: both; it binds closer than `OR`.
fn all_of(words: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut is_met = one(words, allowed)?;
    while let [first, rest @ ..] = *words
        && *first == "AND"
    {
        *words = rest;
        is_met &= one(words, allowed)?;
    }
    Some(is_met)
}

/// A licence, a licence `WITH` an exception, or an expression in brackets.
fn one(words: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    if *first == "(" {
        let is_met = any_of(words, allowed)?;
        let (close, rest) = words.split_first()?;
        *words = rest;
        return (*close == ")").then_some(is_met);
    }
    if let ["WITH", exception, rest @ ..] = rest {
        *words = rest;
        let licence = format!("{first} WITH {exception}");
        // An exception only gives more rights than the licence alone.
        return Some(allowed.contains(&licence.as_str()) || allowed.contains(first));
    }
    Some(allowed.contains(first))
}

#[cfg(test)]
mod tests {
    use super::{Policy, is_satisfied};

    fn check(expression: &str) -> bool {
        is_satisfied(expression, &["MIT", "Apache-2.0", "ISC", "Unicode-3.0"])
    }

    #[test]
    fn expressions_are_evaluated() {
        assert!(check("MIT"));
        assert!(check("MIT OR GPL-3.0"));
        assert!(check("GPL-3.0/MIT"));
        assert!(check("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(check("Apache-2.0 WITH LLVM-exception OR GPL-3.0"));
        assert!(check("GPL-3.0 AND MIT OR ISC"));
    }

    #[test]
    fn what_is_not_allowed_or_not_readable_offends() {
        for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR LGPL-3.0)", "MIT OR", "(MIT", "MIT)"]
        {
            assert!(!check(expression), "{expression}");
        }
    }

    #[test]
    fn an_exception_holds_for_its_crate_alone() {
        let deny = "[licenses]\nallow = [\"MIT\"]\nexceptions = [{ crate = \"ring\", allow = [\"OpenSSL\"] }]\n\
                    clarify = [{ crate = \"odd\", expression = \"MIT\", license-files = [] }]\n";
        let policy = Policy::parse(deny).unwrap();
        assert!(policy.allows("ring", "MIT AND OpenSSL"));
        assert!(!policy.allows("other", "MIT AND OpenSSL"));
        assert_eq!(policy.licence("odd", ""), "MIT");
    }
}
