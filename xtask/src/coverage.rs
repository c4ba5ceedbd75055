//! How much of the rules the tests execute: lines of `src/domain` of every context, and of the kernel.
//!
//! Builds the tests once more with rustc's own instrumentation below `target/coverage`, runs them, and asks the
//! LLVM tools that belong to the toolchain (`rustup component add llvm-tools`). Needs nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::repository::{Repository, list, output, text};
use crate::tidy::is_domain;

/// Below this share of executed lines, in percent, a domain fails.
const PERCENT_MIN: u64 = 80;

/// Lines of one crate's rules.
#[derive(Default)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Builds, runs, measures.
pub(crate) fn run() -> Result<String, String> {
    let repository = Repository::read()?;
    let crates: Vec<&str> = measured(&repository).collect();
    let target = repository.root.join("target/coverage");
    let profiles = target.join("profiles");
    // Profiles of an earlier build would count against lines that have moved.
    if profiles.exists() {
        fs::remove_dir_all(&profiles).map_err(|error| format!("{}: {error}", profiles.display()))?;
    }
    let tools = tools()?;
    let binaries = build(&crates, &target)?;
    let tests = cargo_test(&crates, &target).env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw")).status();
    if !tests.map_err(|error| format!("cargo test: {error}"))?.success() {
        return Err("coverage: the tests fail".to_owned());
    }
    report(&export(&tools, &profiles, &binaries)?, &repository.root)
}

/// The kernel and every context that has rules.
fn measured(repository: &Repository) -> impl Iterator<Item = &str> {
    let has_rules =
        |folder: &str| repository.files.iter().any(|file| file.path.starts_with(folder) && is_rule(&file.path));
    repository.crates.iter().filter(move |of| has_rules(&format!("{}/", of.folder))).map(|of| of.name.as_str())
}

fn is_rule(path: &str) -> bool {
    is_domain(path) || path.starts_with("crates/kernel/src/")
}

/// The folder of `llvm-profdata` and `llvm-cov` that know the format of this rustc.
fn tools() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]), "rustc")?;
    let target_libraries = output(Command::new("rustc").args(["--print", "target-libdir"]), "rustc")?;
    let bin = Path::new(target_libraries.trim()).parent().map(|folder| folder.join("bin"));
    let bin = bin.unwrap_or_else(|| PathBuf::from(sysroot.trim()));
    if bin.join("llvm-cov").exists() {
        return Ok(bin);
    }
    // Quick and idempotent; a toolchain without rustup brings its tools itself or cannot measure.
    output(Command::new("rustup").args(["component", "add", "llvm-tools"]), "rustup")?;
    if bin.join("llvm-cov").exists() { Ok(bin) } else { Err("coverage: rustup component add llvm-tools".to_owned()) }
}

fn cargo_test(crates: &[&str], target: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--locked", "--quiet", "--lib", "--tests"]);
    command.args(crates.iter().flat_map(|name| ["--package", name]));
    command.env("CARGO_TARGET_DIR", target).env("RUSTFLAGS", "-C instrument-coverage");
    command
}

/// Builds the tests and says where their executables are.
fn build(crates: &[&str], target: &Path) -> Result<Vec<String>, String> {
    let mut command = cargo_test(crates, target);
    command.args(["--no-run", "--message-format=json"]).stderr(Stdio::inherit());
    let messages = output(&mut command, "cargo test")?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executables = messages.filter_map(|message| message.get("executable")?.as_str().map(str::to_owned));
    Ok(executables.collect())
}

/// Merges what the tests wrote and exports it per file.
fn export(tools: &Path, profiles: &Path, binaries: &[String]) -> Result<Value, String> {
    let entries = fs::read_dir(profiles).map_err(|error| format!("{}: {error}", profiles.display()))?;
    let raw = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let merged = profiles.join("all.profdata");
    let mut merge = Command::new(tools.join("llvm-profdata"));
    output(merge.args(["merge", "--sparse", "--output"]).arg(&merged).args(raw), "llvm-profdata")?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export.args(["export", "--summary-only", "--instr-profile"]).arg(&merged);
    export.args(binaries.iter().flat_map(|binary| ["--object", binary]));
    let json = output(&mut export, "llvm-cov")?;
    serde_json::from_str(&json).map_err(|error| format!("llvm-cov: {error}"))
}

fn report(export: &Value, root: &Path) -> Result<String, String> {
    let files = list(export, "data").iter().flat_map(|data| list(data, "files"));
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    for file in files {
        let Ok(path) = Path::new(text(file, "filename")).strip_prefix(root) else { continue };
        let path = path.to_string_lossy();
        let Some((folder, _)) = path.split_once("/src/").filter(|_| is_rule(&path)) else { continue };
        let number = |key| file.pointer(&format!("/summary/lines/{key}")).and_then(Value::as_u64).unwrap_or_default();
        let lines = crates.entry(folder.to_owned()).or_default();
        lines.count += number("count");
        lines.covered += number("covered");
    }
    let mut text = String::from("coverage: executed lines of the rules\n");
    let mut is_low = crates.is_empty();
    for (folder, Lines { count, covered }) in &crates {
        let percent = (covered * 100).checked_div(*count).unwrap_or(100);
        is_low |= percent < PERCENT_MIN;
        text += &format!("  {percent:3} %  {covered} of {count}  {folder}\n");
    }
    if is_low { Err(format!("{text}coverage: below {PERCENT_MIN} %")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::report;

    fn check(covered: u64) -> Result<String, String> {
        let file = |path: &str, covered: u64| {
            let lines = json!({ "lines": { "count": 100, "covered": covered } });
            json!({ "filename": path, "summary": lines })
        };
        let files =
            [file("/r/crates/contexts/shop/src/domain/hours.rs", covered), file("/r/crates/node/src/main.rs", 0)];
        report(&json!({ "data": [{ "files": files }] }), Path::new("/r"))
    }

    /// PL-55: a domain below the limit fails; what is no rule does not count.
    #[test]
    fn a_low_domain_fails() {
        assert!(check(80).is_ok_and(|text| text.contains("80 %  80 of 100  crates/contexts/shop")));
        assert!(check(79).is_err());
        assert!(report(&json!({}), Path::new("/r")).is_err(), "nothing measured is no success");
    }
}
