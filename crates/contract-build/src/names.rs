//! Names of generated Rust items, spelled as prost spells them.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// The words that need `r#`, and those that cannot have it (prost-build, `ident.rs`).
const KEYWORDS: &[&str] = &[
    "as", "break", "const", "continue", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let", "loop",
    "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "trait", "true", "type", "unsafe",
    "use", "where", "while", "dyn", "abstract", "become", "box", "do", "final", "macro", "override", "priv", "typeof",
    "unsized", "virtual", "yield", "async", "await", "try", "gen",
];
const NEVER_RAW: &[&str] = &["_", "super", "self", "Self", "extern", "crate"];

fn sanitize(name: String) -> String {
    if KEYWORDS.contains(&name.as_str()) {
        format!("r#{name}")
    } else if NEVER_RAW.contains(&name.as_str()) {
        format!("{name}_")
    } else {
        name
    }
}

/// A field, a function or a module.
pub(crate) fn snake(name: &str) -> String {
    sanitize(name.to_snake_case())
}

/// A type or a variant.
pub(crate) fn camel(name: &str) -> String {
    sanitize(name.to_upper_camel_case())
}

/// A static.
pub(crate) fn shout(name: &str) -> String {
    name.to_snake_case().to_uppercase()
}

/// The path to the type `full_name` of `package`, seen from the module of the package `from`.
pub(crate) fn type_path(from: &str, package: &str, full_name: &str) -> String {
    let inner = full_name.strip_prefix(package).map_or(full_name, |inner| inner.trim_start_matches('.'));
    let mut names: Vec<&str> = inner.split('.').collect();
    let last = names.pop().unwrap_or_default();
    let mut path = module_path(from, package);
    path.extend(names.into_iter().map(snake));
    path.push(camel(last));
    path.join("::")
}

fn module_path(from: &str, to: &str) -> Vec<String> {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split('.').collect(), to.split('.').collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from.iter().skip(common).map(|_| "super".to_owned());
    up.chain(to.iter().skip(common).map(|name| snake(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_up_and_down_the_packages() {
        for (from, package, name, path) in [
            ("a.b.v1", "a.b.v1", "a.b.v1.Thing", "Thing"),
            ("a.b.v1", "a.c.v1", "a.c.v1.Outer.Inner", "super::super::c::v1::outer::Inner"),
            ("a.b.v1", "a", "a.Money", "super::super::Money"),
            ("a", "a.type.v1", "a.type.v1.X", "r#type::v1::X"),
        ] {
            assert_eq!(type_path(from, package, name), path);
        }
    }
}
