//! How much of the rules the tests execute: the lines of `src/domain` of every context, tests in them not counted.
//!
//! Builds the crates of the workspace once more with rustc's own instrumentation, runs the tests of the contexts, and
//! asks the LLVM tools that belong to the toolchain (`rustup component add llvm-tools`). Needs nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::repository::{Repository, output};
use crate::tidy::{is_domain, lines_before_tests};

/// Below this share of executed lines, in percent, a domain fails.
const PERCENT_MIN: u64 = 80;

/// Lines of one context's rules.
#[derive(Default)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Builds, runs, measures: the contexts that are named, or all of them.
pub(crate) fn run(only: &[&str]) -> Result<String, String> {
    let repository = Repository::read()?;
    let crates: Vec<&str> = measured(&repository).filter(|name| only.is_empty() || only.contains(name)).collect();
    if crates.is_empty() {
        return Err("coverage: no context of that name has rules".to_owned());
    }
    let profiles = repository.root.join("target/coverage");
    // Profiles of an earlier build would count against lines that have moved.
    if profiles.exists() {
        fs::remove_dir_all(&profiles).map_err(|error| format!("{}: {error}", profiles.display()))?;
    }
    let tools = tools()?;
    let binaries = build(cargo_test(&crates, &repository.root, &profiles))?;
    let tests = cargo_test(&crates, &repository.root, &profiles).status();
    if !tests.map_err(|error| format!("cargo test: {error}"))?.success() {
        return Err("coverage: the tests fail".to_owned());
    }
    report(&export(&tools, &profiles, &binaries)?, &repository)
}

/// Every context that has rules.
fn measured(repository: &Repository) -> impl Iterator<Item = &str> {
    let is_in = |folder: &str, path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with("/src/"));
    let has_rules =
        move |folder: &str| repository.rust().any(|file| is_in(folder, &file.path) && is_domain(&file.path));
    repository.crates.iter().filter(move |of| has_rules(&of.folder)).map(|of| of.name.as_str())
}

/// The folder of `llvm-profdata` and `llvm-cov` that know the format of this rustc.
fn tools() -> Result<PathBuf, String> {
    let libraries = output(Command::new("rustc").args(["--print", "target-libdir"]), "rustc")?;
    let bin = PathBuf::from(libraries.trim()).with_file_name("bin");
    if !bin.join("llvm-cov").exists() {
        // A toolchain without rustup brings its tools itself, or cannot measure.
        output(Command::new("rustup").args(["component", "add", "llvm-tools"]), "rustup")?;
    }
    Ok(bin)
}

fn cargo_test(crates: &[&str], root: &Path, profiles: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--lib", "--tests"]);
    command.args(crates.iter().flat_map(|name| ["--package", name]));
    command.env("RUSTC_WORKSPACE_WRAPPER", root.join("scripts/rustc-with-coverage.sh"));
    // Build scripts are instrumented too and write next to the tests, not into the folders of the sources.
    command.env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
    command
}

/// Builds the tests and says where their executables are.
fn build(mut command: Command) -> Result<Vec<String>, String> {
    command.args(["--no-run", "--message-format=json"]).stderr(Stdio::inherit());
    let messages = output(&mut command, "cargo test")?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executables = messages.filter_map(|message| message.get("executable")?.as_str().map(str::to_owned));
    Ok(executables.collect())
}

/// Merges what the tests wrote and exports it line by line, in the format of lcov.
fn export(tools: &Path, profiles: &Path, binaries: &[String]) -> Result<String, String> {
    let entries = fs::read_dir(profiles).map_err(|error| format!("{}: {error}", profiles.display()))?;
    let raw = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let merged = profiles.join("all.profdata");
    let mut merge = Command::new(tools.join("llvm-profdata"));
    output(merge.args(["merge", "--sparse", "--output"]).arg(&merged).args(raw), "llvm-profdata")?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged);
    output(export.args(binaries.iter().flat_map(|binary| ["--object", binary])), "llvm-cov")
}

/// Reads `SF:<path>` and `DA:<line>,<count>` and adds them up per context.
fn report(lcov: &str, repository: &Repository) -> Result<String, String> {
    let mut contexts: BTreeMap<&str, Lines> = BTreeMap::new();
    let mut rule: Option<(&str, usize)> = None;
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let path = Path::new(path).strip_prefix(&repository.root).ok().and_then(Path::to_str).unwrap_or_default();
            rule = repository.file(path).filter(|file| is_domain(&file.path)).and_then(|file| {
                let (folder, _) = file.path.split_once("/src/")?;
                Some((folder, lines_before_tests(file)))
            });
        }
        let Some((folder, last)) = rule else { continue };
        let Some((number, count)) = line.strip_prefix("DA:").and_then(|line| line.split_once(',')) else { continue };
        if number.parse::<usize>().is_ok_and(|number| number <= last) {
            let lines = contexts.entry(folder).or_default();
            lines.count += 1;
            lines.covered += u64::from(count != "0");
        }
    }
    let mut text = String::from("coverage: executed lines of the rules\n");
    let mut is_low = contexts.is_empty();
    for (folder, Lines { count, covered }) in &contexts {
        let percent = (covered * 100).checked_div(*count).unwrap_or(100);
        is_low |= percent < PERCENT_MIN;
        text += &format!("  {percent:3} %  {covered} of {count}  {folder}\n");
    }
    if is_low { Err(format!("{text}coverage: below {PERCENT_MIN} %")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::report;
    use crate::repository::{File, Repository};

    const RULES: &str = "crates/contexts/shop/src/domain/hours.rs";

    fn check(lcov: &str) -> Result<String, String> {
        let file = |path: &str| File { path: path.into(), bytes: b"a\nb\nc\nd\ne\n#[cfg(test)]\nt\n".to_vec() };
        let files = vec![file(RULES), file("crates/contexts/shop/src/store.rs")];
        report(lcov, &Repository { root: PathBuf::from("/r"), files, crates: Vec::new() })
    }

    /// PL-55: a domain below the limit fails; tests, and files that are no domain, do not count.
    #[test]
    fn a_low_domain_fails() {
        let lines =
            |covered: usize| (1..=5).map(|n| format!("DA:{n},{}\n", u8::from(n <= covered))).collect::<String>();
        let other = "DA:7,9\nSF:/r/crates/contexts/shop/src/store.rs\nDA:1,0\n";
        let well = check(&format!("SF:/r/{RULES}\n{}{other}", lines(4)));
        assert!(well.is_ok_and(|text| text.contains("80 %  4 of 5  crates/contexts/shop")));
        assert!(check(&format!("SF:/r/{RULES}\n{}{other}", lines(3))).is_err());
        assert!(check("").is_err(), "nothing measured is no success");
    }
}
