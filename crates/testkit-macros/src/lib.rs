//! Finds the behaviours of a test binary and makes a test of each for every engine.
//!
//! A behaviour is a `pub(crate) async fn` in a file of `tests/it/` that takes one argument of the type that the macro
//! names. Its name is written once, where it is defined: none can be forgotten in a list.

use std::path::PathBuf;

use proc_macro::{TokenStream, TokenTree};

/// The engines, in the order of their tests: tests of one engine run one after the other and share its server.
const ENGINES: [(&str, &str); 3] = [("mariadb", "MariaDb"), ("postgres", "Postgres"), ("sqlite", "Sqlite")];

/// `behaviours!("&mut TestNode", pulse_testkit::run, "")`: the type of the argument, the function that runs a behaviour on
/// an engine, and a suffix for the modules of the engines.
///
/// Makes the tests `sqlite::<module>::<behaviour>`, `postgres::...` and `mariadb::...`. Stands in `tests/it/main.rs`, which
/// declares the modules.
#[proc_macro]
pub fn behaviours(input: TokenStream) -> TokenStream {
    match expand(input) {
        Ok(code) => code.parse().unwrap_or_else(|error| failure(&format!("{error}"))),
        Err(problem) => failure(&problem),
    }
}

fn failure(problem: &str) -> TokenStream {
    format!("::std::compile_error!({problem:?});").parse().unwrap_or_default()
}

fn expand(input: TokenStream) -> Result<String, String> {
    let usage = "use behaviours!(\"&mut TestNode\", path::to::run, \"suffix\")";
    let parts: Vec<String> = split(input);
    let [argument, run, suffix] = parts.as_slice() else { return Err(usage.to_owned()) };
    let (argument, suffix) = (argument.trim_matches('"'), suffix.trim_matches('"'));
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?;
    let modules = modules(&PathBuf::from(manifest).join("tests/it"), argument)?;
    let mut code = String::new();
    for (engine, variant) in ENGINES {
        let mut tests = String::new();
        for (module, names) in &modules {
            let cases: String = names.iter().map(|name| test(run, variant, module, name)).collect();
            tests += &format!("mod {module} {{ {cases} }}\n");
        }
        code += &format!("mod {engine}{suffix} {{ {tests} }}\n");
    }
    Ok(code)
}

fn test(run: &str, variant: &str, module: &str, name: &str) -> String {
    format!("#[test] fn {name}() {{ {run}(::pulse_testkit::Engine::{variant}, crate::{module}::{name}); }}\n")
}

/// The arguments of the macro, between commas, as text.
fn split(input: TokenStream) -> Vec<String> {
    let mut parts = vec![String::new()];
    for token in input {
        match (token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(String::new()),
            (token, Some(part)) => *part += &token.to_string(),
            (_, None) => {}
        }
    }
    parts
}

/// Every file of the folder with its behaviours, both in the order of their names.
fn modules(folder: &std::path::Path, argument: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let problem = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && stem != "main" {
            let names = names(&std::fs::read_to_string(&path).map_err(problem)?, argument);
            if !names.is_empty() {
                modules.push((stem, names));
            }
        }
    }
    modules.sort_unstable();
    Ok(modules)
}

/// The functions `pub(crate) async fn name(variable: argument)` of a file.
fn names(source: &str, argument: &str) -> Vec<String> {
    let functions = source.split("\npub(crate) async fn ").skip(1);
    functions
        .filter_map(|function| {
            let (name, rest) = function.split_once('(')?;
            let (parameters, _) = rest.split_once(')')?;
            let (_, found) = parameters.trim().trim_end_matches(',').split_once(": ")?;
            (found == argument).then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn behaviours_are_found_by_their_signature() {
        let source = "//! Doc.\n\npub(crate) async fn first(node: &mut TestNode) {}\n\n\
                      /// Not one: it takes more.\npub(crate) async fn helper(node: &mut TestNode, count: i64) {}\n\
                      async fn private(node: &mut TestNode) {}\n\
                      pub(crate) async fn second(\n    node: &mut TestNode,\n) {}\n";
        assert_eq!(names(source, "&mut TestNode"), ["first", "second"]);
        assert_eq!(names(source, "&Alone"), [""; 0]);
    }
}
