//! What every message gets besides its struct: JSON, rules, text, and its place in the lists of the contract.

use std::collections::BTreeSet;

use crate::assemble::QUIET;
use crate::model::{Model, Package};
use crate::names;
use crate::problems::Problems;
use crate::{json, text, validate};

/// Writes the impls for the messages of a package.
pub(crate) fn emit(
    package: &Package,
    with_rules: &BTreeSet<String>,
    reachable: &BTreeSet<String>,
    problems: &mut Problems,
) -> String {
    let mut code = String::new();
    for message in &package.messages {
        code += &json::emit(message, &package.name, problems);
        code += &validate::emit(message, &package.name, with_rules, problems);
        if reachable.contains(message.desc.full_name()) {
            code += &text::emit(message, &package.name, reachable);
        }
    }
    for desc in &package.enums {
        code += &json::emit_enum(desc, &package.name);
    }
    for event in &package.events {
        let path = names::type_path(&package.name, &package.name, event);
        code += &format!("impl ::pulse_contract::Event for {path} {{ const TOPIC: &'static str = {event:?}; }}\n");
    }
    code
}

/// Writes the list of all messages, seen from the module of the package `root`. It is a file of its own for tools and
/// tests: the functions of every message are compiled where it is included.
pub(crate) fn list(model: &Model, root: &str) -> String {
    let mut messages = String::new();
    for package in model.packages.values() {
        for message in &package.messages {
            let path = names::type_path(root, &package.name, message.desc.full_name());
            messages +=
                &format!("::pulse_contract::json::MessageSpec::of::<{path}>({:?}),\n", message.desc.full_name());
        }
    }
    format!(
        "#[doc = \" Every message of the contract.\"]
        {QUIET}
        pub static MESSAGES: &[::pulse_contract::json::MessageSpec] = &[{messages}];\n"
    )
}

/// Writes the list of all events.
pub(crate) fn topics(model: &Model) -> String {
    let events = model.packages.values().flat_map(|package| &package.events);
    let topics: String = events.map(|event| format!("{event:?},\n")).collect();
    format!(
        "#[doc = \" The topic of every event of the contract.\"]
        pub static TOPICS: &[&str] = &[{topics}];\n"
    )
}
