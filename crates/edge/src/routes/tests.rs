//! Routing with every order of registration.

use pulse_contract::route::{Segment, Variable};

use super::*;

const ROUTES: [(&str, &str); 12] = [
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/{order_id}"),
    ("GET", "/v1/orders/mine"),
    ("POST", "/v1/orders/{order_id}:cancel"),
    ("POST", "/v1/orders/{id}:close"),
    ("POST", "/v1/orders/{order.id}"),
    ("POST", "/v1/orders:batch"),
    ("GET", "/v1/orders/{order_id}/lines/{line_id}"),
    ("GET", "/v1/{name=shops/*}/menu"),
    ("GET", "/v1/files/{path=**}"),
    ("GET", "/v1/files/{path=a/*}/raw"),
    ("DELETE", "/v1/orders/{order_id}"),
];

/// The template as the generator writes it.
fn parse(text: &'static str) -> Template {
    let (path, verb) = match text.rsplit_once(':') {
        Some((path, verb)) if !verb.contains(['}', '/']) => (path, verb),
        _ => (text, ""),
    };
    let (mut segments, mut variables) = (Vec::new(), Vec::new());
    // A slash inside braces does not end a segment here.
    for part in path.split("/").skip(1).fold(Vec::<String>::new(), join_braces) {
        let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let (field, steps) = inner.map_or(("", part.as_str()), |inner| inner.split_once('=').unwrap_or((inner, "*")));
        let from = segments.len();
        segments.extend(steps.split('/').map(|step| match step {
            "*" => Segment::One,
            "**" => Segment::Rest,
            literal => Segment::Literal(literal.to_owned().leak()),
        }));
        if !field.is_empty() {
            variables.push(Variable { field: field.to_owned().leak(), from, to: segments.len() });
        }
    }
    Template { segments: segments.leak(), variables: variables.leak(), verb }
}

fn join_braces(mut parts: Vec<String>, part: &str) -> Vec<String> {
    match parts.last_mut() {
        Some(last) if last.starts_with('{') && !last.ends_with('}') => {
            last.push('/');
            last.push_str(part);
        }
        _ => parts.push(part.to_owned()),
    }
    parts
}

fn table(order: &[usize]) -> Routes<&'static str> {
    let mut routes = Routes::default();
    for index in order {
        let (verb, template) = ROUTES[*index];
        routes.insert(verb, &parse(template), template).expect("the routes are not ambiguous");
    }
    routes
}

fn check(routes: &Routes<&'static str>, verb: &str, path: &str, expected: Option<(&str, &str)>) {
    let found = routes.find(&verb.parse().expect("a method"), path).map(|found| {
        let variables = found.path.decode().expect("UTF-8");
        (*found.target, variables.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    });
    let found = found.as_ref().map(|(target, variables)| (*target, variables.as_str()));
    assert_eq!(found, expected, "{verb} {path}");
}

/// T10, PL-29: the longest literal prefix wins, whatever the order of registration.
#[test]
fn the_longest_prefix_wins_in_every_order() {
    let mut order: Vec<usize> = (0..ROUTES.len()).collect();
    for round in 0..200_usize {
        // A fixed sequence of permutations: the swapped positions depend on the round alone.
        order.swap(round * 7 % ROUTES.len(), round * 5 % ROUTES.len());
        order.rotate_left(round % 3);
        let routes = table(&order);
        for (verb, path, expected) in [
            ("GET", "/v1/orders", Some(("/v1/orders", ""))),
            ("GET", "/v1/orders/7", Some(("/v1/orders/{order_id}", "order_id=7"))),
            ("HEAD", "/v1/orders/7", Some(("/v1/orders/{order_id}", "order_id=7"))),
            ("GET", "/v1/orders/mine", Some(("/v1/orders/mine", ""))),
            ("GET", "/v1/orders/mineral", Some(("/v1/orders/{order_id}", "order_id=mineral"))),
            ("POST", "/v1/orders/7:cancel", Some(("/v1/orders/{order_id}:cancel", "order_id=7"))),
            ("POST", "/v1/orders/7:close", Some(("/v1/orders/{id}:close", "id=7"))),
            ("POST", "/v1/orders/7:other", Some(("/v1/orders/{order.id}", "order.id=7:other"))),
            ("POST", "/v1/orders:batch", Some(("/v1/orders:batch", ""))),
            ("POST", "/v1/orders", None),
            ("GET", "/v1/orders/7/lines/8", Some(("/v1/orders/{order_id}/lines/{line_id}", "order_id=7 line_id=8"))),
            ("GET", "/v1/orders/7/lines", None),
            ("GET", "/v1/orders/", None),
            ("GET", "/v1/shops/9/menu", Some(("/v1/{name=shops/*}/menu", "name=shops/9"))),
            ("GET", "/v1/files/b/c.txt", Some(("/v1/files/{path=**}", "path=b/c.txt"))),
            ("GET", "/v1/files/a/c/raw", Some(("/v1/files/{path=a/*}/raw", "path=a/c"))),
            ("GET", "/v1/orders/a%2Fb%20%E5%BA%97", Some(("/v1/orders/{order_id}", "order_id=a/b 店"))),
            ("PATCH", "/v1/orders/7", None),
            // E4: the path of a custom verb is no other path.
            ("GET", "/v1/orders/7:cancel", None),
            ("HEAD", "/v1/orders/7:close", None),
            ("DELETE", "/v1/orders/7:cancel", None),
            ("GET", "/v1/orders/7%3Acancel", Some(("/v1/orders/{order_id}", "order_id=7:cancel"))),
            ("GET", "/v1/orders/7:other", Some(("/v1/orders/{order_id}", "order_id=7:other"))),
        ] {
            check(&routes, verb, path, expected);
        }
    }
}

#[test]
fn allow_names_every_method_of_a_path() {
    let order: Vec<usize> = (0..ROUTES.len()).collect();
    let routes = table(&order);
    let methods = |path| routes.methods_of(path).iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", ");
    assert_eq!(methods("/v1/orders/7"), "DELETE, GET, POST, HEAD");
    assert_eq!(methods("/v1/orders:batch"), "POST");
    assert_eq!(methods("/v1/orders/7:cancel"), "POST");
    assert_eq!(methods("/v2"), "");
}

#[test]
fn a_value_that_is_not_utf8_is_rejected() {
    let routes = table(&[1]);
    assert!(routes.find(&Method::GET, "/v1/orders/%FF").unwrap().path.decode().is_none());
}

#[test]
fn ambiguous_and_invalid_templates_are_rejected() {
    let mut routes = Routes::default();
    routes.insert("GET", &parse("/v1/shops/{id}"), ()).unwrap();
    assert!(matches!(routes.insert("GET", &parse("/v1/shops/{shop_id}"), ()), Err(RouteError::Ambiguous { .. })));
    assert!(matches!(routes.insert("GET", &parse("/v1/files/{a=**}:verb"), ()), Err(RouteError::Pattern { .. })));
    assert!(matches!(routes.insert("G T", &parse("/v1"), ()), Err(RouteError::Verb { .. })));
}
