//! The REST routes of a service.

use crate::binding::{Binding, Body, Method, Service};
use crate::json;
use crate::model::{Field, Model, Place, Shape};
use crate::names;
use crate::policy;
use crate::service::Names;
use crate::template::Segment;

/// Writes the function that gives the routes of a service.
pub(crate) fn emit(model: &Model, service: &Service) -> String {
    let names = Names::of(service);
    let mut routes = String::new();
    for method in &service.methods {
        for binding in &method.bindings {
            routes += &emit_route(model, service, method, binding);
        }
    }
    format!(
        "#[doc = \" The REST routes of {service_name}, which call `client`.\"]
        #[must_use]
        pub fn {function}_routes(client: &{stem}Client) -> Vec<::pulse_contract::Route> {{ Vec::from([{routes}]) }}\n",
        service_name = service.desc.name(),
        function = names::snake(names.stem),
        stem = names.stem,
    )
}

fn emit_route(model: &Model, service: &Service, method: &Method, binding: &Binding) -> String {
    let names = Names::of(service);
    let spec = policy::spec(service, method);
    let (before, after) = match &binding.body {
        Body::Field(name) => (format!("::pulse_contract::route::body_paths({name:?}, "), ")"),
        Body::None | Body::Whole => (String::new(), ""),
    };
    format!(
        "::pulse_contract::Route {{
            verb: {verb:?},
            template: {path:?},
            path: {template},
            spec: &{spec},
            has_body: {has_body},
            is_stream: {is_stream},
            handler: {before}{{
                let client = client.clone();
                ::pulse_contract::route::handler(
                    |rest| {read},
                    |cx, request| ::pulse_contract::route::prepare(
                        ::pulse_contract::idempotency::Call {{ spec: &{spec} }}, ({scope})(request), cx, request),
                    move |cx, request| {{
                        let client = client.clone();
                        async move {{
                            {answer}
                            {reply}
                        }}
                    }},
                )
            }}{after},
        }},\n",
        verb = binding.verb,
        path = binding.path,
        template = template(binding),
        has_body = binding.body != Body::None,
        is_stream = method.desc.is_server_streaming(),
        read = read(model, method, binding, &names),
        scope = typed_scope(model, method, &names),
        answer = answer(model, method, &names, &spec),
        reply = reply(model, method, binding),
    )
}

/// Statements that call the client and leave its `answer`.
fn answer(model: &Model, method: &Method, names: &Names<'_>, spec: &str) -> String {
    let function = names::snake(method.desc.name());
    if !method.is_list(model) {
        return format!("let answer = client.{function}(&cx, request).await?;");
    }
    format!(
        "let mut request = request;
        let paging = {paging};
        let binding = paging.open(&{spec}, &mut request)?;
        let mut answer = client.{function}(&cx, request).await?;
        paging.seal(&binding, &mut answer);",
        paging = names.paging(method),
    )
}

/// The scope closure with the type of its argument, because nothing else tells it here.
fn typed_scope(model: &Model, method: &Method, names: &Names<'_>) -> String {
    let scope = policy::scope(model, &method.desc, &method.policy).unwrap_or_default();
    let input = names.input(method);
    match scope.strip_prefix("|request| ") {
        Some(body) => format!("|request: &{input}| {body}"),
        None => format!("|_: &{input}| None"),
    }
}

fn template(binding: &Binding) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Literal(text) => format!("::pulse_contract::route::Segment::Literal({text:?}),"),
        Segment::One => "::pulse_contract::route::Segment::One,".to_owned(),
        Segment::Rest => "::pulse_contract::route::Segment::Rest,".to_owned(),
    };
    let segments: String = binding.template.segments.iter().map(segment).collect();
    let variables: String = binding
        .template
        .variables
        .iter()
        .map(|variable| {
            let (field, from, to) = (&variable.field, variable.from, variable.to);
            format!("::pulse_contract::route::Variable {{ field: {field:?}, from: {from}, to: {to} }},")
        })
        .collect();
    let verb = &binding.template.verb;
    format!(
        "::pulse_contract::route::Template {{ segments: &[{segments}], variables: &[{variables}], verb: {verb:?} }}"
    )
}

/// An expression that reads the request out of `rest`.
fn read(model: &Model, method: &Method, binding: &Binding, names: &Names<'_>) -> String {
    let input = names.input(method);
    let mut bound: Vec<String> = binding.template.variables.iter().map(|variable| variable.field.clone()).collect();
    let start = match &binding.body {
        Body::None => format!("<{input} as ::core::default::Default>::default()"),
        Body::Whole => {
            bound = vec!["*".to_owned()];
            if binding.replaces() {
                format!("::pulse_contract::json::from_required_body::<{input}>(rest.body)?")
            } else {
                format!("<{input} as ::pulse_contract::Json>::from_json(rest.body)?")
            }
        }
        Body::Field(name) => {
            bound.push(name.clone());
            let field = model.field(&method.desc.input(), name);
            let ident = field.map_or("", |field: &Field| &field.ident);
            // The rule of a required field reports its absence together with everything else that is wrong.
            let is_checked = field.is_some_and(|field| field.rules.required);
            let value = match binding.replaces() && !is_checked {
                true => "Some(::pulse_contract::json::from_required_body(rest.body)?)",
                false => "::pulse_contract::json::from_body_field(rest.body)?",
            };
            format!(
                "{input} {{
                    {ident}: {value},
                    ..::core::default::Default::default()
                }}"
            )
        }
    };
    format!(
        "{{ let mut request = {start}; ::pulse_contract::text::set_fields(&mut request, rest, &{bound:?})?; Ok(request) }}"
    )
}

/// An expression that turns `answer` into the reply.
fn reply(model: &Model, method: &Method, binding: &Binding) -> String {
    if method.desc.is_server_streaming() {
        return "Ok(::pulse_contract::route::reply_stream(answer))".to_owned();
    }
    if binding.response_body.is_empty() {
        return "Ok(::pulse_contract::route::reply(&answer))".to_owned();
    }
    let output = method.desc.output();
    let Some(field) = model.field(&output, &binding.response_body) else { return String::new() };
    let value = match (&field.place, &field.shape) {
        // A message that is not there is an empty one: the reply is always JSON.
        (Place::Optional, Shape::Message(_)) => format!("answer.{}.unwrap_or_default()", field.ident),
        _ => format!("answer.{}", field.ident),
    };
    let write = json::write_whole(field, output.package_name());
    format!("{{ let value = {value}; Ok(::pulse_contract::route::reply_with(|out| {write})) }}")
}
