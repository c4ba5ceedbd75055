//! A function has at most 70 lines of code and a file at most 800 lines, tests at its end not counted.
//!
//! Older exceptions are listed in `xtask/ratchet.txt` with their length, and may only shrink.
//! Functions are found by their indentation, which `cargo fmt` guarantees.

use std::collections::BTreeMap;

use super::Finding;
use crate::repository::{File, Repository};

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 800;
const RATCHET: &str = "xtask/ratchet.txt";

/// File or function that is too long.
struct Long {
    /// `path` or `path::function`.
    name: String,
    path: String,
    line: usize,
    count: usize,
    limit: usize,
}

/// Compares everything that is too long with the ratchet.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let ratchet = ratchet(repository);
    let mut findings = Vec::new();
    let all = too_long(repository);
    for Long { name, path, line, count, limit } in &all {
        let why = match ratchet.get(name) {
            None => format!("{name} has {count} lines, at most {limit}"),
            Some(was) if count > was => format!("{name} has grown from {was} to {count} lines; it may only shrink"),
            Some(was) if count < was => format!("{name} has shrunk; `cargo xtask tidy --bless` records {count}"),
            Some(_) => continue,
        };
        findings.push(Finding::new(path, *line, why));
    }
    for name in ratchet.keys().filter(|name| all.iter().all(|long| long.name != **name)) {
        findings.push(Finding::new(
            RATCHET,
            1,
            format!("{name} is within the limit; `cargo xtask tidy --bless` removes it"),
        ));
    }
    findings
}

/// Records what became shorter. It never records new or longer items.
pub(super) fn bless(repository: &Repository) -> Result<(), String> {
    let ratchet = ratchet(repository);
    let mut lines = Vec::new();
    for Long { name, count, .. } in too_long(repository) {
        if let Some(was) = ratchet.get(&name) {
            lines.push(format!("{} {name}\n", count.min(*was)));
        }
    }
    std::fs::write(repository.root.join(RATCHET), lines.concat()).map_err(|error| format!("{RATCHET}: {error}"))
}

fn ratchet(repository: &Repository) -> BTreeMap<String, usize> {
    let text = repository.file(RATCHET).map_or("", File::text);
    let entries = text.lines().filter_map(|line| line.split_once(' '));
    entries.filter_map(|(count, name)| Some((name.to_owned(), count.parse().ok()?))).collect()
}

fn too_long(repository: &Repository) -> Vec<Long> {
    let mut all = Vec::new();
    for file in repository.rust() {
        let path = &file.path;
        let count = lines_before_tests(file);
        if count > FILE_LINES_MAX {
            all.push(Long { name: path.clone(), path: path.clone(), line: 1, count, limit: FILE_LINES_MAX });
        }
        for (line, name, count) in functions(file).into_iter().filter(|(_, _, count)| *count > FUNCTION_LINES_MAX) {
            let name = format!("{path}::{name}");
            all.push(Long { name, path: path.clone(), line, count, limit: FUNCTION_LINES_MAX });
        }
    }
    all
}

/// The lines of a file without the tests at its end.
pub(crate) fn lines_before_tests(file: &File) -> usize {
    file.text().lines().take_while(|line| *line != "#[cfg(test)]").count()
}

/// Line, name and lines of code between the braces of every function with a body.
fn functions(file: &File) -> Vec<(usize, &str, usize)> {
    let lines: Vec<&str> = file.text().lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    let body = |(at, name)| {
        // The signature ends at the first line of the same indentation that opens or ends something.
        let ends = |line: &str, with: &[char]| indent(line) == indent(lines[at]) && line.ends_with(with);
        let open = (at..lines.len()).find(|line| ends(lines[*line], &['{', '}', ';']))?;
        let body = lines[open + 1..].iter().take_while(|line| !ends(line, &['}']));
        let count = if lines[open].ends_with('{') { body.filter(|line| is_code(line)).count() } else { 0 };
        Some((at + 1, name, count))
    };
    starts.filter_map(body).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

/// The name when the line begins a function: `pub(crate) async fn name(`.
fn function_name(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_qualifier = |word: &str| word.starts_with("pub") || ["async", "const", "in", "unsafe"].contains(&word);
    if !before.split_whitespace().all(is_qualifier) {
        return None;
    }
    rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::{FILE_LINES_MAX, RATCHET, check};

    fn function(name: &str, lines: usize) -> String {
        format!("    pub(crate) async fn {name}(\n    ) {{\n{}    }}\n", "        step();\n".repeat(lines))
    }

    #[test]
    fn a_long_function_and_a_long_file_are_found() {
        let functions = function("short", 70) + "\n" + &function("long", 71);
        let long = "//! Long.\n".repeat(FILE_LINES_MAX + 1);
        let tested = format!("//! Short.\n#[cfg(test)]\n{long}");
        let repository = planted(&[("a.rs", &functions), ("b.rs", &long), ("c.rs", &tested)]);
        assert_eq!(places(check, &repository), ["a.rs:75", "b.rs:1"]);
    }

    #[test]
    fn the_ratchet_only_shrinks() {
        let with = |ratchet: &str, lines| planted(&[("a.rs", &function("old", lines)), (RATCHET, ratchet)]);
        assert!(places(check, &with("80 a.rs::old\n", 80)).is_empty());
        assert_eq!(places(check, &with("81 a.rs::old\n", 90)), ["a.rs:1"]);
        assert_eq!(places(check, &with("81 a.rs::old\n", 75)), ["a.rs:1"]);
        assert_eq!(places(check, &with("81 a.rs::old\n", 10)), ["xtask/ratchet.txt:1"]);
    }
}
