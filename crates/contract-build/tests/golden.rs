//! The generator on a contract that uses every corner of the grammar, and on contracts that it must refuse.
//!
//! `UPDATE_GOLDEN=1 cargo test -p pulse-contract-build` writes the expected files anew; read the difference.

#![cfg(test)]

use std::path::{Path, PathBuf};

use pulse_contract_build::{Contract, Part};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn contract(includes: Vec<PathBuf>, files: Vec<String>, out_dir: &Path) -> Contract {
    Contract {
        root: "pulse".to_owned(),
        part: Part::Whole,
        includes,
        files,
        out_dir: out_dir.to_owned(),
        name: "corner".to_owned(),
        title: "Corner".to_owned(),
        version: "1.2.3".to_owned(),
    }
}

/// PL-39, RV-18: routes, clients, policy, rules and the OpenAPI document of every corner of the grammar.
#[test]
fn every_corner_generates_what_is_expected() {
    let out = tempfile::tempdir().unwrap();
    let protos = here("tests/proto");
    let files = Contract::files_below(&protos, "pulse").unwrap();
    contract(vec![protos, here("../../proto")], files, out.path()).generate().unwrap();
    let golden = [
        ("corner.rs", "corner.rs"),
        ("corner/pulse.corner.v1.pulse.rs", "pulse.corner.v1.pulse.rs"),
        ("corner.openapi.json", "corner.openapi.json"),
    ];
    for (made, expected) in golden {
        let made = std::fs::read_to_string(out.path().join(made)).unwrap();
        let expected_path = here("tests/golden").join(format!("{expected}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected_path, &made).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        let difference = made.lines().zip(expected.lines()).enumerate().find(|(_, (made, expected))| made != expected);
        assert!(made == expected, "{} differs, first here: {difference:#?}", expected_path.display());
    }
}

/// Generates a contract of one file and gives what is wrong with it.
fn problems_of(body: &str) -> String {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("pulse/corner/v1");
    std::fs::create_dir_all(&folder).unwrap();
    let imports = "syntax = \"proto3\";\npackage pulse.corner.v1;\nimport \"buf/validate/validate.proto\";\n\
        import \"google/api/annotations.proto\";\nimport \"google/protobuf/empty.proto\";\nimport \"pulse/policy.proto\";\n";
    std::fs::write(folder.join("x.proto"), format!("{imports}{body}")).unwrap();
    let includes = vec![out.path().to_owned(), here("../../proto")];
    match contract(includes, vec!["pulse/corner/v1/x.proto".to_owned()], out.path()).generate() {
        Ok(()) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn problems_of_rpc(options: &str) -> String {
    problems_of(&format!(
        "service S {{ rpc Go(R) returns (A) {{ {options} }} }}
         message R {{ int64 shop_id = 1; string name = 2; repeated string many = 3; B b = 4; }}
         message A {{}} message B {{ int64 id = 1; }}"
    ))
}

#[test]
fn an_rpc_without_a_sound_policy_does_not_build() {
    let policy = |text: &str| problems_of_rpc(&format!("option (pulse.policy) = {{ {text} }};"));
    for (problems, expected) in [
        (problems_of_rpc(""), "pulse.corner.v1.S.Go: has no (pulse.policy)"),
        (policy(""), "names no callers"),
        (policy("callers: [ANYONE, CONSUMER]"), "ANYONE stands alone"),
        (policy("callers: [MERCHANT_STAFF]"), "MERCHANT_STAFF needs a shop_field"),
        (policy("callers: [MERCHANT_STAFF] shop_field: \"shop\""), "R has no int64 field shop for shop_field"),
        (policy("callers: [MERCHANT_STAFF] shop_field: \"name\""), "R has no int64 field name"),
        (policy("callers: [MERCHANT_STAFF] shop_field: \"shop_id\" any_shop: true"), "exclude each other"),
        (policy("callers: [CONSUMER] shop_field: \"shop_id\""), "are for MERCHANT_STAFF"),
        (policy("callers: [CONSUMER] rates: [{ per: USER count: 1 }]"), "needs per, count and window_ms"),
        (policy("callers: [MERCHANT_STAFF] shop_field: \"b.id\""), "none"),
    ] {
        assert!(problems.contains(expected), "{expected:?} is not in {problems}");
    }
}

#[test]
fn a_binding_that_does_not_fit_the_request_does_not_build() {
    let rule = |text: &str| {
        problems_of_rpc(&format!(
            "option (google.api.http) = {{ {text} }}; option (pulse.policy) = {{ callers: [ANYONE] }};"
        ))
    };
    for (problems, expected) in [
        (rule("get: \"/v1/{nothing}\""), "/v1/{nothing}: R has no field nothing"),
        (rule("get: \"/v1/{many}\""), "many cannot be a part of a path"),
        (rule("get: \"/v1/{b}\""), "b cannot be a part of a path"),
        (rule("get: \"v1\""), "begins with a slash"),
        (rule("get: \"/v1/a\" body: \"*\""), "GET has no body"),
        (rule("post: \"/v1/a\" body: \"nothing\""), "R has no field nothing for the body"),
        (rule("post: \"/v1/a\" body: \"name\""), "the body name is not a message"),
        (rule("post: \"/v1/a\" response_body: \"nothing\""), "A has no field nothing for the reply"),
        (rule("get: \"/v1/a\" additional_bindings { get: \"/v1/a\" }"), "GET /v1/a is already the address of"),
        (rule("body: \"*\""), "exactly one verb"),
        (rule("get: \"/v1/{b.id}/{name=x/**}\""), "none"),
    ] {
        assert!(problems.contains(expected), "{expected:?} is not in {problems}");
    }
}

#[test]
fn a_rule_that_is_not_understood_does_not_build() {
    let field = |text: &str| problems_of(&format!("message M {{ {text} }} enum E {{ E_UNSPECIFIED = 0; }}"));
    for (problems, expected) in [
        (
            field("string a = 1 [(buf.validate.field).string.ip = true];"),
            "pulse.corner.v1.M.a: (buf.validate.field) is not supported here: unknown field `ip`",
        ),
        (field("int64 a = 1 [(buf.validate.field).cel = { id: \"x\" }];"), "unknown field `cel`"),
        (field("string a = 1 [(buf.validate.field).int64.gt = 1];"), "rules for int64 do not fit"),
        (field("repeated string a = 1 [(buf.validate.field).string.len = 1];"), "only repeated rules fit"),
        (field("string a = 1 [(buf.validate.field).repeated.min_items = 1];"), "neither repeated nor a map"),
        (field("string a = 1 [(buf.validate.field).string.pattern = \"(\"];"), "is not a pattern"),
        (
            field("string a = 1 [(buf.validate.field).string.pattern = \"a\"];"),
            "has a pattern without (pulse.pattern_words)",
        ),
        (
            field("repeated string a = 1 [(buf.validate.field).repeated.unique = true];"),
            "lists of simple values that have max_items",
        ),
        (field("option (buf.validate.message).cel = { id: \"x\" };"), "(buf.validate.message) is not supported"),
        (field("string aName = 1;"), "pulse.corner.v1.M.aName: is not snake_case"),
        (field("google.protobuf.Empty a = 1;"), "google.protobuf.Empty is not supported"),
        (field("oneof o { string a = 1 [(buf.validate.field).required = true]; }"), "put it on the oneof"),
        (field("string a = 1 [(buf.validate.field).string.len = 1];"), "none"),
    ] {
        assert!(problems.contains(expected), "{expected:?} is not in {problems}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let problems = problems_of("service S { rpc A(M) returns (M) {} rpc B(stream M) returns (M) {} } message M {}");
    assert!(problems.starts_with("the contract has 3 problem(s):"), "{problems}");
}

/// DL-05: the catalogue keeps its rules.
#[test]
fn a_code_that_breaks_the_rules_of_the_catalogue_does_not_build() {
    let code = |name: &str, meaning: &str| {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("pulse/corner/v1");
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "syntax = \"proto3\"; package pulse.corner.v1; import \"pulse/policy.proto\";
             enum Code {{ CODE_UNSPECIFIED = 0; {name} = 1 {meaning}; }}"
        );
        std::fs::write(folder.join("errors.proto"), text).unwrap();
        let includes = vec![out.path().to_owned(), here("../../proto")];
        let contract = contract(includes, vec!["pulse/corner/v1/errors.proto".to_owned()], out.path());
        contract.generate().map_or_else(|error| error.to_string(), |()| "none".to_owned())
    };
    let fine = "[(pulse.error) = { kind: NOT_FOUND retry: NEVER title: \"a\" title_zh: \"b\" }]";
    let long = format!("CORNER_{}", "A".repeat(57));
    for (problems, expected) in [
        (code("CORNER_A", ""), "has no (pulse.error)"),
        (code("A", fine), "does not begin with CORNER_"),
        (code(&long, fine), "longer than 63"),
        (code("CORNER_a", fine), "not UPPER_SNAKE_CASE"),
        (code("CORNER_A", "[(pulse.error) = { kind: NOT_FOUND retry: NEVER title: \"a\" }]"), "has no title_zh"),
        (code("CORNER_A", "[(pulse.error) = { retry: NEVER title: \"a\" title_zh: \"b\" }]"), "has no kind"),
        (code("CORNER_A", "[(pulse.error) = { kind: NOT_FOUND title: \"a\" title_zh: \"b\" }]"), "has no retry"),
        (code("CORNER_A", fine), "none"),
    ] {
        assert!(problems.contains(expected), "{expected:?} is not in {problems}");
    }
}
