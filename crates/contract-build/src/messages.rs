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
        code += &json::emit(message, &package.name);
        code += &validate::emit(message, &package.name, with_rules, problems);
        if reachable.contains(message.desc.full_name()) {
            code += &text::emit(message, &package.name, reachable);
        }
    }
    for event in &package.events {
        let path = names::type_path(&package.name, &package.name, event);
        code += &format!("impl ::pulse_contract::Event for {path} {{ const TOPIC: &'static str = {event:?}; }}\n");
    }
    code
}

/// Writes the lists of all messages and all events, seen from the module of the package `root`.
pub(crate) fn emit_lists(model: &Model, root: &str) -> String {
    let mut messages = String::new();
    let mut topics = String::new();
    for package in model.packages.values() {
        for message in &package.messages {
            let path = names::type_path(root, &package.name, message.desc.full_name());
            messages +=
                &format!("::pulse_contract::json::MessageSpec::of::<{path}>({:?}),\n", message.desc.full_name());
        }
        for event in &package.events {
            topics += &format!("{event:?},\n");
        }
    }
    format!(
        "#[doc = \" Every message of the contract.\"]
        {QUIET}
        pub static MESSAGES: &[::pulse_contract::json::MessageSpec] = &[{messages}];
        #[doc = \" The topic of every event of the contract.\"]
        pub static TOPICS: &[&str] = &[{topics}];\n"
    )
}
