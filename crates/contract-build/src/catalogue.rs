//! Error catalogues: every value of the enums of an errors.proto becomes an `ErrorSpec`.

use prost_reflect::EnumDescriptor;

use crate::model::{Comments, Package, doc};
use crate::names;
use crate::options::{self, Meaning};
use crate::problems::Problems;

/// One code and what it means.
pub(crate) struct Code {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) meaning: Meaning,
    pub(crate) comment: String,
}

/// The longest reason that google.rpc.ErrorInfo takes.
const CODE_LEN_MAX: usize = 63;

/// Reads the codes of a package.
pub(crate) fn read(package: &Package, root: &str, comments: &Comments, problems: &mut Problems) -> Vec<Code> {
    package.catalogues.iter().flat_map(|catalogue| read_enum(package, root, catalogue, comments, problems)).collect()
}

fn read_enum(
    package: &Package,
    root: &str,
    catalogue: &EnumDescriptor,
    comments: &Comments,
    problems: &mut Problems,
) -> Vec<Code> {
    let context = context_of(&package.name, root);
    let mut codes = Vec::new();
    for value in catalogue.values().filter(|value| value.number() != 0) {
        let meaning = match options::read::<Meaning>(&value.options(), "pulse.error") {
            Ok(Some(meaning)) => meaning,
            Ok(None) => {
                problems.add(value.full_name(), "has no (pulse.error): say what it means");
                continue;
            }
            Err(error) => {
                problems.add(value.full_name(), error);
                continue;
            }
        };
        check(value.name(), &context, &meaning)
            .into_iter()
            .for_each(|problem| problems.add(value.full_name(), problem));
        let comment = comments.of(&value.parent_file(), value.path()).to_owned();
        let domain = if context.is_empty() { root.to_owned() } else { format!("{context}.{root}") };
        codes.push(Code { name: value.name().to_owned(), domain, meaning, comment });
    }
    codes
}

/// `account` for `pulse.account.v1`; empty for the codes that all contexts share.
fn context_of(package: &str, root: &str) -> String {
    let below = package.strip_prefix(root).unwrap_or(package).trim_start_matches('.');
    below.split('.').next().unwrap_or_default().to_owned()
}

fn check(code: &str, context: &str, meaning: &Meaning) -> Vec<String> {
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let prefix = if context.is_empty() { String::new() } else { format!("{}_", context.to_uppercase()) };
    let checks = [
        (code.len() <= CODE_LEN_MAX, format!("is longer than {CODE_LEN_MAX} characters")),
        (code.bytes().all(is_letter), "is not UPPER_SNAKE_CASE".to_owned()),
        (code.starts_with(&prefix), format!("does not begin with {prefix}")),
        (!meaning.title.trim().is_empty(), "has no title".to_owned()),
        (!meaning.title_zh.trim().is_empty(), "has no title_zh".to_owned()),
        (!meaning.kind.is_empty() && meaning.kind != "KIND_UNSPECIFIED", "has no kind".to_owned()),
        (!meaning.retry.is_empty() && meaning.retry != "RETRY_UNSPECIFIED", "has no retry".to_owned()),
        (meaning.http == 0 || (400..=599).contains(&meaning.http), "http is not 400 to 599".to_owned()),
    ];
    checks.into_iter().filter_map(|(holds, problem)| (!holds).then_some(problem)).collect()
}

/// Writes the codes of a package as the module `errors`; nothing when there are none.
pub(crate) fn emit(codes: &[Code]) -> String {
    if codes.is_empty() {
        return String::new();
    }
    let specs: String = codes.iter().map(emit_code).collect();
    let all: String = codes.iter().map(|code| format!("&{},", code.name)).collect();
    format!(
        "#[doc = \" The error codes.\"]
        pub mod errors {{
            use ::pulse_kernel::error::{{ErrorSpec, Kind, Retry}};
            {specs}
            #[doc = \" All of them.\"]
            pub static ALL: &[&ErrorSpec] = &[{all}];
        }}\n"
    )
}

fn emit_code(code: &Code) -> String {
    format!(
        "{}pub static {}: ErrorSpec = ErrorSpec {{
            code: {:?}, domain: {:?}, kind: Kind::{}, retry: Retry::{}, title: {:?}, title_zh: {:?}, http: {},
        }};\n",
        doc(&code.comment, &code.meaning.title),
        code.name,
        code.name,
        code.domain,
        names::camel(&code.meaning.kind.to_lowercase()),
        names::camel(&code.meaning.retry.to_lowercase()),
        code.meaning.title,
        code.meaning.title_zh,
        code.meaning.http,
    )
}
