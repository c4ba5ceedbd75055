//! Puts the pieces together: one file per package, and one file that includes them as modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::binding::Service;
use crate::catalogue::{self, Code};
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

/// The module of the runtime crate that holds the error codes of all packages but the root.
pub(crate) const CODES: &str = "codes::";

/// Writes the modules of `packages` below `root`; `content` gives the code of one package.
pub(crate) fn tree<'a>(
    packages: impl Iterator<Item = &'a str>,
    root: &str,
    content: &dyn Fn(&str) -> String,
) -> String {
    let mut tree = Tree::default();
    for name in packages {
        let mut place = &mut tree;
        for part in name.strip_prefix(root).unwrap_or(name).split('.').filter(|part| !part.is_empty()) {
            place = place.below.entry(part).or_default();
        }
        place.package = Some(name);
    }
    let mut code = String::new();
    if let Some(package) = tree.package {
        code += &format!("{QUIET}\nmod shared {{ {} }}\npub use shared::*;\n", content(package));
    }
    for (name, below) in &tree.below {
        code += QUIET;
        below.write(name, content, &mut code);
    }
    code
}

impl Tree<'_> {
    fn write(&self, name: &str, content: &dyn Fn(&str) -> String, code: &mut String) {
        *code += &format!("pub mod {} {{", names::snake(name));
        if let Some(package) = self.package {
            *code += &content(package);
        }
        for (name, below) in &self.below {
            below.write(name, content, code);
        }
        *code += "}\n";
    }
}

/// Includes the files of a package from the folder `folder` beside the file.
pub(crate) fn includes(package: &str, folder: &str) -> String {
    ["", ".pulse"].iter().map(|kind| format!("include!(\"{folder}/{package}{kind}.rs\");\n")).collect()
}

/// The path of the module of a package, seen from that of the package `root`; it ends with `::` or is empty.
fn module(root: &str, package: &str) -> String {
    let path = names::type_path(root, package, &format!("{package}.x"));
    path.strip_suffix('X').unwrap_or(&path).to_owned()
}

/// Writes the module with the error codes of all packages but the root.
pub(crate) fn codes(root: &str, codes: &BTreeMap<String, Vec<Code>>) -> String {
    let packages = codes.iter().filter(|(package, codes)| *package != root && !codes.is_empty());
    let content = |package: &str| catalogue::emit(codes.get(package).map_or(&[], Vec::as_slice));
    let modules = tree(packages.map(|(package, _)| package.as_str()), root, &content);
    format!(
        "#[doc = \" The error codes of every package, as the modules `<package>::errors`.\"]\npub mod codes {{ {modules} }}\n"
    )
}

/// Writes the module `errors` of a package whose codes are in the runtime crate.
pub(crate) fn codes_of_runtime(root: &str, package: &str, codes: &[Code]) -> String {
    if codes.is_empty() {
        return String::new();
    }
    format!("#[doc(inline)]\npub use ::pulse_contract::{CODES}{}errors;\n", module(root, package))
}

/// Re-exports the crates that hold `packages`: `pulse_contract_order` for those below `pulse.order`.
pub(crate) fn exports<'a>(root: &str, packages: impl Iterator<Item = &'a str>) -> String {
    let below = |package: &str| package.strip_prefix(root)?.strip_prefix('.')?.split('.').next().map(names::snake);
    let contexts: BTreeSet<String> = packages.filter_map(below).collect();
    contexts.iter().map(|context| format!("pub use ::{root}_contract_{context}::*;\n")).collect()
}

/// The list of all error codes, seen from the module of the package `root`; those of other packages are below `prefix`.
pub(crate) fn errors(root: &str, codes: &BTreeMap<String, Vec<Code>>, prefix: &str) -> String {
    let mut all: Vec<(&str, String)> = Vec::new();
    for (package, codes) in codes {
        let prefix = if package == root { "" } else { prefix };
        let module = module(root, package);
        all.extend(codes.iter().map(|code| (code.name.as_str(), format!("&{prefix}{module}errors::{},", code.name))));
    }
    all.sort_unstable();
    let errors: String = all.into_iter().map(|(_, path)| path).collect();
    format!(
        "#[doc = \" Every error code of the contract, sorted by code.\"]
        {QUIET}
        pub static ERRORS: &[&::pulse_kernel::ErrorSpec] = &[{errors}];\n"
    )
}

/// The list of all rpcs, seen from the module of the package `root`.
pub(crate) fn methods(root: &str, services: &BTreeMap<String, Vec<Service>>) -> String {
    let mut methods = String::new();
    for (package, services) in services {
        let module = module(root, package);
        for service in services {
            for method in &service.methods {
                methods += &format!("&{module}{},", policy::spec(service, method));
            }
        }
    }
    format!(
        "#[doc = \" Every rpc of the contract.\"]
        {QUIET}
        pub static METHODS: &[&::pulse_contract::MethodSpec] = &[{methods}];\n"
    )
}
