//! Every declaration of the contract has a comment that can be read alone: it becomes the API reference.

use super::Finding;
use crate::proto::{Element, Kind, elements};
use crate::repository::Repository;

/// A shorter comment is a label, not a description.
const WORDS_MIN: usize = 4;
/// A longer sentence is hard to read in a second language. Codes in a list count as words.
const SENTENCE_WORDS_MAX: usize = 25;

/// Openings that leave out the subject: "Whose.", "How many at most.", "Where it is.".
const OPENINGS: [&str; 13] = [
    "Whose", "Which", "What", "How", "When", "Where", "Who", "Whom", "Why", "Whatever", "Whoever", "Those", "Not said",
];

/// Unit suffixes of numeric fields, and the word that the comment must contain.
const UNITS: [(&str, &str); 6] = [
    ("_minor", "minor unit"),
    ("_ms", "millisecond"),
    ("_s", "second"),
    ("_seconds", "second"),
    ("_m", "metre"),
    ("_basis_points", "basis point"),
];

const NUMBERS: [&str; 8] = ["int32", "int64", "uint32", "uint64", "sint32", "sint64", "float", "double"];

/// Every declaration below `proto/pulse`.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let is_ours = |path: &str| path.starts_with("proto/pulse") && path.ends_with(".proto");
    let mut findings = Vec::new();
    for file in repository.files.iter().filter(|file| is_ours(&file.path)) {
        for element in elements(file.text()) {
            findings.extend(faults(&element).into_iter().map(|why| Finding::new(&file.path, element.line, why)));
        }
    }
    findings
}

fn faults(element: &Element<'_>) -> Vec<String> {
    let name = element.name;
    let lines: Vec<&str> = element.comment.iter().map(|(_, line)| *line).collect();
    let text = lines.join(" ");
    let mut faults = Vec::new();
    if text.split_whitespace().count() < WORDS_MIN {
        return vec![format!("{name}: write a comment of at least {WORDS_MIN} words: noun, unit, range, default")];
    }
    if let Some(opening) = OPENINGS.iter().find(|opening| begins_with(&text, opening)) {
        faults.push(format!("{name}: begin with a noun (or a verb for an rpc), not with `{opening}`"));
    }
    if begins_with(&text, "Whether") && element.kind == Kind::Field && element.field_type != "bool" {
        faults.push(format!("{name}: `Whether` is for a bool"));
    }
    if !text.ends_with('.') {
        faults.push(format!("{name}: end the comment with a full stop"));
    }
    // The generator takes the first line of an rpc as its title in the OpenAPI document.
    if element.kind == Kind::Rpc && !lines.first().is_some_and(|line| line.ends_with('.')) {
        faults.push(format!("{name}: the first line is the title of the operation; make it one whole sentence"));
    }
    if let Some(long) = sentences(&text).find(|sentence| sentence.split_whitespace().count() > SENTENCE_WORDS_MAX) {
        let words = long.split_whitespace().count();
        faults.push(format!("{name}: a sentence has {words} words, at most {SENTENCE_WORDS_MAX}"));
    }
    if let Some(unit) = unit(element).filter(|unit| !text.to_lowercase().contains(unit)) {
        faults.push(format!("{name}: name the unit: {unit}s"));
    }
    faults
}

fn begins_with(text: &str, opening: &str) -> bool {
    text.strip_prefix(opening).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// The sentences of a text; a full stop inside a word or a number does not end one.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(". ")
}

/// The unit that the name of a numeric field states, as the last part or before `max` and `min`.
fn unit(element: &Element<'_>) -> Option<&'static str> {
    if element.kind != Kind::Field || !NUMBERS.contains(&element.field_type) {
        return None;
    }
    let name = element.name.trim_end_matches("_max").trim_end_matches("_min");
    UNITS.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|(_, unit)| *unit)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::check;

    fn of(text: &str) -> Vec<String> {
        places(check, &planted(&[("proto/pulse/shop/v1/shop.proto", text)]))
    }

    #[test]
    fn comments_that_cannot_be_read_alone_are_found() {
        let text = "message Shop {\n  // Whose shop is this one.\n  int64 owner_id = 1;\n  // The shop.\n  int64 id = 2;\n  \
                    // Whether the shop is open now.\n  int32 is_open = 3;\n  // Fee of a delivery without unit.\n  \
                    int64 fee_minor = 4;\n  // ID without a full stop\n  int64 x = 5;\n}\n";
        let path = "proto/pulse/shop/v1/shop.proto";
        assert_eq!(of(text), [1, 3, 5, 7, 9, 11].map(|line| format!("{path}:{line}")));
    }

    #[test]
    fn a_good_comment_passes() {
        let text = "// Shops of the city. Each shop has one owner.\nmessage Shop {\n  // Fee of one delivery in minor units, 0 to 100.\n  \
                    int64 fee_minor = 1;\n  // Maximum delay before the next poll, in milliseconds.\n  int32 delay_ms_max = 2;\n  \
                    // Whether the shop is open now.\n  bool is_open = 3;\n}\n";
        assert!(of(text).is_empty(), "{:?}", of(text));
    }

    #[test]
    fn the_first_line_of_an_rpc_is_a_sentence() {
        let text = "// Calls about the shops here.\nservice ShopService {\n  // Returns a shop to everyone who\n  \
                    // asks.\n  rpc GetShop(Get) returns (Shop) {\n  }\n}\n";
        assert_eq!(of(text), ["proto/pulse/shop/v1/shop.proto:5"]);
    }

    #[test]
    fn a_long_sentence_is_found() {
        let long = "word ".repeat(26);
        assert_eq!(of(&format!("// Begins. {long}.\nmessage Shop {{}}\n")), ["proto/pulse/shop/v1/shop.proto:2"]);
    }
}
