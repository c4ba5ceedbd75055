//! The rpcs of a service with their REST bindings and their policy, checked against the messages.

use std::collections::BTreeMap;

use prost_reflect::{MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use crate::model::{Field, Model, Place, Shape, TIMESTAMP};
use crate::options::{self, HttpRule, PolicyOption};
use crate::policy;
use crate::problems::Problems;
use crate::template::Template;

/// A service, ready to be written.
pub(crate) struct Service {
    pub(crate) desc: ServiceDescriptor,
    pub(crate) methods: Vec<Method>,
}

/// An rpc, ready to be written.
pub(crate) struct Method {
    pub(crate) desc: MethodDescriptor,
    pub(crate) policy: PolicyOption,
    pub(crate) bindings: Vec<Binding>,
}

/// One address of an rpc.
pub(crate) struct Binding {
    pub(crate) verb: String,
    pub(crate) path: String,
    pub(crate) template: Template,
    pub(crate) body: Body,
    /// The field of the response that is the whole reply; empty for the response itself.
    pub(crate) response_body: String,
}

impl Method {
    /// Whether the rpc is a list with pages, whose tokens belong to the call.
    pub(crate) fn is_list(&self, model: &Model) -> bool {
        model.field(&self.desc.input(), PAGE_TOKEN).is_some()
    }
}

impl Binding {
    /// Whether a request replaces or changes a resource, so that it needs a body.
    pub(crate) fn replaces(&self) -> bool {
        self.body != Body::None && matches!(self.verb.as_str(), "PUT" | "PATCH")
    }
}

/// The field of a request that continues a list.
const PAGE_TOKEN: &str = "page_token";

/// A list has the token and the size of a page in its request, and the next token in its response.
fn check_list(model: &Model, desc: &MethodDescriptor) -> Result<(), String> {
    let is = |message: MessageDescriptor, name: &str, shape: &Shape| {
        model.field(&message, name).is_some_and(|field| field.place == Place::Plain && field.shape == *shape)
    };
    let is_list = model.field(&desc.input(), PAGE_TOKEN).is_some();
    let has_all = is(desc.input(), PAGE_TOKEN, &Shape::String)
        && is(desc.input(), "page_size", &Shape::I32)
        && is(desc.output(), "next_page_token", &Shape::String)
        && !desc.is_server_streaming();
    if is_list && !has_all {
        return Err("a list has page_token and int32 page_size, and its response has next_page_token".to_owned());
    }
    Ok(())
}

/// What the body of a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    /// The whole message.
    Whole,
    /// One field of it.
    Field(String),
}

impl Service {
    /// The name without `Service`, which generated items begin with.
    pub(crate) fn stem(&self) -> &str {
        let name = self.desc.name();
        name.strip_suffix("Service").filter(|stem| !stem.is_empty()).unwrap_or(name)
    }
}

/// Reads the services of all packages, by package.
pub(crate) fn read(model: &Model, problems: &mut Problems) -> BTreeMap<String, Vec<Service>> {
    let mut taken = BTreeMap::new();
    let mut services: BTreeMap<String, Vec<Service>> = BTreeMap::new();
    for package in model.packages.values() {
        for desc in &package.services {
            let methods = desc.methods().filter_map(|method| read_method(model, method, problems)).collect();
            let service = Service { desc: desc.clone(), methods };
            for method in &service.methods {
                refuse_taken(&mut taken, method, problems);
            }
            services.entry(package.name.clone()).or_default().push(service);
        }
    }
    services
}

/// Two rpcs at one address would depend on the order of routes.
fn refuse_taken(taken: &mut BTreeMap<String, String>, method: &Method, problems: &mut Problems) {
    for binding in &method.bindings {
        let address = format!("{} {:?}:{}", binding.verb, binding.template.segments, binding.template.verb);
        if let Some(other) = taken.insert(address, method.desc.full_name().to_owned()) {
            let address = format!("{} {}", binding.verb, binding.path);
            problems.add(method.desc.full_name(), format!("{address} is already the address of {other}"));
        }
    }
}

fn read_method(model: &Model, desc: MethodDescriptor, problems: &mut Problems) -> Option<Method> {
    let name = desc.full_name().to_owned();
    if desc.is_client_streaming() {
        problems.add(&name, "streams of requests are not supported");
    }
    for message in [desc.input(), desc.output()] {
        if model.message(&message).is_none() {
            problems.add(&name, format!("{} is not a message of this contract", message.full_name()));
        }
    }
    let policy = match options::read::<PolicyOption>(&desc.options(), "pulse.policy") {
        Ok(Some(policy)) => policy,
        Ok(None) => {
            problems.add(&name, "has no (pulse.policy): say who may call it");
            return None;
        }
        Err(error) => {
            problems.add(&name, error);
            return None;
        }
    };
    policy::check(model, &desc, &policy, problems);
    if let Err(problem) = check_list(model, &desc) {
        problems.add(&name, problem);
    }
    let rule = options::read::<HttpRule>(&desc.options(), "google.api.http").unwrap_or_else(|error| {
        problems.add(&name, error);
        None
    });
    let bindings = rule.map(|rule| read_bindings(model, &desc, rule, problems)).unwrap_or_default();
    Some(Method { desc, policy, bindings })
}

fn read_bindings(model: &Model, desc: &MethodDescriptor, rule: HttpRule, problems: &mut Problems) -> Vec<Binding> {
    let more = rule.additional_bindings.clone();
    if more.iter().any(|rule| !rule.additional_bindings.is_empty()) {
        problems.add(desc.full_name(), "additional_bindings cannot be nested");
    }
    let rules = std::iter::once(rule).chain(more);
    let read = rules.map(|rule| read_binding(model, desc, &rule));
    read.filter_map(|binding| binding.map_err(|problem| problems.add(desc.full_name(), problem)).ok()).collect()
}

fn read_binding(model: &Model, desc: &MethodDescriptor, rule: &HttpRule) -> Result<Binding, String> {
    let (verb, path) = verb_and_path(rule)?;
    let template = Template::parse(&path).map_err(|error| format!("{path}: {error}"))?;
    let input = desc.input();
    for variable in &template.variables {
        let fields = model
            .resolve(&input, &variable.field)
            .ok_or_else(|| format!("{path}: {} has no field {}", input.name(), variable.field))?;
        let is_one = fields.iter().all(|field| !matches!(field.place, Place::Repeated | Place::Map(_)));
        let is_text = fields.last().is_some_and(|field| !matches!(field.shape, Shape::Message(_)));
        if !is_one || !is_text {
            return Err(format!("{path}: {} cannot be a part of a path", variable.field));
        }
    }
    let body = read_body(model, desc, rule, &template).map_err(|error| format!("{path}: {error}"))?;
    if body != Body::None && matches!(verb.as_str(), "GET" | "HEAD" | "DELETE") {
        return Err(format!("{path}: {verb} has no body"));
    }
    if !rule.response_body.is_empty() {
        check_response_body(model, desc, &rule.response_body).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(Binding { verb, path, template, body, response_body: rule.response_body.clone() })
}

fn verb_and_path(rule: &HttpRule) -> Result<(String, String), String> {
    let known = [
        ("GET", &rule.get),
        ("PUT", &rule.put),
        ("POST", &rule.post),
        ("DELETE", &rule.delete),
        ("PATCH", &rule.patch),
    ];
    let mut found: Vec<(String, String)> =
        known.into_iter().filter_map(|(verb, path)| Some((verb.to_owned(), path.clone()?))).collect();
    found.extend(rule.custom.iter().map(|custom| (custom.kind.clone(), custom.path.clone())));
    match (found.pop(), found.is_empty()) {
        (Some((verb, path)), true) if !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Ok((verb, path))
        }
        _ => Err("a google.api.http rule has exactly one verb, in capital letters".to_owned()),
    }
}

fn read_body(model: &Model, desc: &MethodDescriptor, rule: &HttpRule, template: &Template) -> Result<Body, String> {
    if rule.body.is_empty() {
        return Ok(Body::None);
    }
    if rule.body == "*" {
        return Ok(Body::Whole);
    }
    let Some(field) = model.field(&desc.input(), &rule.body) else {
        return Err(format!("{} has no field {} for the body", desc.input().name(), rule.body));
    };
    if !matches!((&field.place, &field.shape), (Place::Optional, Shape::Message(_))) {
        return Err(format!("the body {} is not a message", rule.body));
    }
    if template.variables.iter().any(|variable| variable.field == rule.body) {
        return Err(format!("{} is in the path and in the body", rule.body));
    }
    Ok(Body::Field(rule.body.clone()))
}

fn check_response_body(model: &Model, desc: &MethodDescriptor, name: &str) -> Result<(), String> {
    let Some(field) = model.field(&desc.output(), name) else {
        return Err(format!("{} has no field {name} for the reply", desc.output().name()));
    };
    if desc.is_server_streaming() || matches!(field.place, Place::Map(_) | Place::Oneof(_)) {
        return Err(format!("{name} cannot be the reply"));
    }
    Ok(())
}

impl Model {
    /// The field `name` of a message of the contract.
    pub(crate) fn field(&self, message: &MessageDescriptor, name: &str) -> Option<&Field> {
        self.message(message)?.fields.iter().find(|field| field.name() == name)
    }

    /// The fields that a path such as `shop.id` goes through.
    pub(crate) fn resolve(&self, message: &MessageDescriptor, path: &str) -> Option<Vec<&Field>> {
        let mut message = Some(message.clone());
        let mut fields = Vec::new();
        for name in path.split('.') {
            let field = self.field(&message.take()?, name)?;
            if let Shape::Message(below) = &field.shape {
                message = Some(below.clone()).filter(|below| below.full_name() != TIMESTAMP);
            }
            fields.push(field);
        }
        Some(fields)
    }
}
