//! Puts the pieces together: one file per package, and one file that includes them as modules.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::binding::Service;
use crate::catalogue::Code;
use crate::model::Model;
use crate::names;
use crate::policy;
use crate::problems::Error;

/// Generated code is not written by people, so the lints for people do not apply to it.
pub(crate) const QUIET: &str = "#[allow(
    clippy::all, clippy::as_conversions, clippy::allow_attributes, clippy::allow_attributes_without_reason,
    clippy::float_arithmetic, clippy::wildcard_enum_match_arm, clippy::too_many_lines, clippy::unwrap_used,
    clippy::large_futures, clippy::string_slice, clippy::let_underscore_must_use, clippy::or_fun_call,
    clippy::redundant_clone, clippy::map_err_ignore, clippy::integer_division, missing_docs, unused_qualifications, unused_imports, unused_variables, unused_mut,
    unreachable_patterns, dead_code, reason = \"generated code\")]";

/// Formats the code of a package.
pub(crate) fn pretty(package: &str, code: &str) -> Result<String, Error> {
    let file = syn::parse_file(code)
        .map_err(|error| Error::Broken { package: package.to_owned(), error: format!("{error}\n{code}") })?;
    Ok(prettyplease::unparse(&file))
}

/// A tree of modules by package.
#[derive(Default)]
struct Tree<'a> {
    below: BTreeMap<&'a str, Tree<'a>>,
    package: Option<&'a str>,
}

/// Writes the file that includes the packages below `root` from the folder `folder` beside it.
pub(crate) fn tree(model: &Model, root: &str, folder: &str) -> String {
    let mut tree = Tree::default();
    for name in model.packages.keys() {
        let mut place = &mut tree;
        for part in name.strip_prefix(root).unwrap_or(name).split('.').filter(|part| !part.is_empty()) {
            place = place.below.entry(part).or_default();
        }
        place.package = Some(name);
    }
    let mut code = String::new();
    if let Some(package) = tree.package {
        let includes = includes(package, folder);
        code += &format!("{QUIET}\nmod shared {{ {includes} }}\npub use shared::*;\n");
    }
    for (name, below) in &tree.below {
        code += QUIET;
        below.write(name, folder, &mut code);
    }
    code
}

impl Tree<'_> {
    fn write(&self, name: &str, folder: &str, code: &mut String) {
        *code += &format!("pub mod {} {{", names::snake(name));
        if let Some(package) = self.package {
            *code += &includes(package, folder);
        }
        for (name, below) in &self.below {
            below.write(name, folder, code);
        }
        *code += "}\n";
    }
}

fn includes(package: &str, folder: &str) -> String {
    ["", ".serde", ".pulse"].iter().map(|kind| format!("include!(\"{folder}/{package}{kind}.rs\");\n")).collect()
}

/// The lists over all packages, seen from the module of the package `root`.
pub(crate) fn lists(
    root: &str,
    codes: &BTreeMap<String, Vec<Code>>,
    services: &BTreeMap<String, Vec<Service>>,
) -> String {
    let mut all: Vec<(&str, String)> = Vec::new();
    for (package, codes) in codes {
        for code in codes {
            let path = names::type_path(root, package, &format!("{package}.errors"));
            // The last part is a module here, not a type.
            let module = path.strip_suffix("Errors").unwrap_or(&path);
            all.push((&code.name, format!("&{module}errors::{},", code.name)));
        }
    }
    all.sort_unstable();
    let errors: String = all.into_iter().map(|(_, path)| path).collect();
    let mut methods = String::new();
    for (package, services) in services {
        let path = names::type_path(root, package, &format!("{package}.x"));
        let module = path.strip_suffix('X').unwrap_or(&path);
        for service in services {
            for method in &service.methods {
                methods += &format!("&{module}{},", policy::spec(service, method));
            }
        }
    }
    let mut code = String::new();
    let written = write!(
        code,
        "#[doc = \" Every error code of the contract, sorted by code.\"]
        {QUIET}
        pub static ERRORS: &[&::pulse_kernel::ErrorSpec] = &[{errors}];
        #[doc = \" Every rpc of the contract.\"]
        {QUIET}
        pub static METHODS: &[&::pulse_contract::MethodSpec] = &[{methods}];\n"
    );
    debug_assert!(written.is_ok(), "a String takes everything");
    code
}
