//! The banned words of `docs/glossary.md` do not appear where users and operators read.
//!
//! The table `| Do not use | Use |` of the glossary is the only list. It is applied to the comments, names and error
//! titles of the contract, to the help of the command line, to names and HELP texts of metrics, to error details and
//! log lines, to the comments of configuration fields, and to the documentation. Code in backquotes is not text.

use super::{Finding, lines_before_tests, metric_help};
use crate::literals::{Literal, literals};
use crate::proto::{Kind, elements};
use crate::repository::{File, Repository};

const GLOSSARY: &str = "docs/glossary.md";
const TABLE_HEAD: [&str; 2] = ["Do not use", "Use"];
/// Pages that quote banned words to explain the rule, and the record of what was released.
const QUOTING: [&str; 3] = [GLOSSARY, "docs/WRITING.md", "CHANGELOG.md"];

/// One row of the table.
struct Banned {
    /// Lower-case words or phrases.
    words: Vec<String>,
    /// The replacement, as the glossary states it.
    instead: String,
}

/// What stands in front of the text of an error or of a log line.
const SPEAKING: [&str; 6] = [".error(", "error!(", "warn!(", "info!(", "debug!(", "trace!("];

/// Lines that belong to one text, so that a phrase may run over the end of a line.
struct Passage<'a> {
    path: &'a str,
    lines: Vec<(usize, String)>,
}

/// Every text that users or operators read.
pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let banned = banned(repository.file(GLOSSARY).map_or("", File::text));
    if banned.is_empty() {
        return vec![Finding::new(GLOSSARY, 1, "has no table `| Do not use | Use |`")];
    }
    let mut findings = Vec::new();
    for file in &repository.files {
        for passage in passages(file) {
            findings.extend(faults(&banned, &passage));
        }
        findings.extend(names(file).iter().filter_map(|(line, name)| name_fault(&banned, file, *line, name)));
    }
    findings.sort_by(|left, right| (&left.path, left.line).cmp(&(&right.path, right.line)));
    findings
}

/// The rows of the table; words are separated by commas and stand in backquotes or not.
fn banned(glossary: &str) -> Vec<Banned> {
    let rows = glossary.lines().map(cells).skip_while(|cells| *cells != TABLE_HEAD).skip(2);
    let rows = rows.take_while(|cells| !cells.is_empty()).filter(|cells| cells.len() >= 2);
    rows.map(|cells| Banned {
        words: cells[0].split(',').map(|word| word.trim().trim_matches('`').to_lowercase()).collect(),
        instead: cells[1].to_owned(),
    })
    .collect()
}

/// The cells of a row of a Markdown table; none for another line.
fn cells(line: &str) -> Vec<&str> {
    let inner = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner.map_or_else(Vec::new, |inner| inner.split('|').map(str::trim).collect())
}

fn passages(file: &File) -> Vec<Passage<'_>> {
    let path = file.path.as_str();
    if is_contract(path) {
        return contract(file);
    }
    if path.ends_with(".md") && is_documentation(path) {
        return paragraphs(file);
    }
    if path.ends_with(".rs") && path.starts_with("crates/") && path.contains("/src/") {
        let mut passages = helps(file);
        passages.extend(messages(file));
        if is_configuration(path) || file.text().contains("use clap") {
            passages.extend(doc_comments(file));
        }
        return passages;
    }
    Vec::new()
}

fn is_contract(path: &str) -> bool {
    path.starts_with("proto/pulse") && path.ends_with(".proto")
}

fn is_documentation(path: &str) -> bool {
    !QUOTING.contains(&path) && !path.contains(".zh-") && (path.starts_with("docs/") || !path.contains('/'))
}

/// As the rule `config-docs` has it.
fn is_configuration(path: &str) -> bool {
    path.ends_with("/config.rs") || path.contains("/config/")
}

/// Comments and error titles of a `.proto` file.
fn contract(file: &File) -> Vec<Passage<'_>> {
    let comments = elements(file.text()).into_iter().map(|element| element.comment);
    let comments = comments.filter(|lines| !lines.is_empty());
    let mut passages: Vec<Passage<'_>> = comments.map(|lines| passage(file, lines.into_iter())).collect();
    for (number, line) in file.lines() {
        let titles = line.split_once(" title: \"").and_then(|(_, rest)| rest.split('"').next());
        passages.extend(titles.map(|title| passage(file, [(number, title)].into_iter())));
    }
    passages
}

/// Paragraphs, list items and rows of a Markdown page, without fenced blocks.
fn paragraphs(file: &File) -> Vec<Passage<'_>> {
    let mut passages = Vec::new();
    let mut lines = Vec::new();
    let mut is_fenced = false;
    for (number, line) in file.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        if is_fence || is_fenced || line.trim().is_empty() {
            passages.push(passage(file, std::mem::take(&mut lines).into_iter()));
        } else {
            lines.push((number, line));
        }
    }
    passages.push(passage(file, lines.into_iter()));
    passages
}

/// Blocks of `///`, and the texts of clap attributes.
fn doc_comments(file: &File) -> Vec<Passage<'_>> {
    let mut passages = Vec::new();
    let mut lines = Vec::new();
    for (number, line) in file.lines() {
        match line.trim_start().strip_prefix("///") {
            Some(text) => lines.push((number, text)),
            None => passages.push(passage(file, std::mem::take(&mut lines).into_iter())),
        }
    }
    passages.push(passage(file, lines.into_iter()));
    let is_help = |before: &str| {
        let before = before.trim_end();
        ["help =", "about =", "help(", "about("].iter().any(|end| before.ends_with(end))
    };
    for literal in literals(file.text()).iter().filter(|literal| is_help(literal.before)) {
        let lines = literal.text.split("\\n").map(|line| (literal.line, line.to_owned())).collect();
        passages.push(Passage { path: &file.path, lines });
    }
    passages
}

/// HELP texts of metrics.
fn helps(file: &File) -> Vec<Passage<'_>> {
    let helps = metric_help::metrics(file).into_iter().filter_map(|metric| metric.help);
    helps.map(|(line, text)| Passage { path: &file.path, lines: vec![(line, text)] }).collect()
}

/// Details of errors and messages of log lines, without the tests at the end of the file.
fn messages(file: &File) -> Vec<Passage<'_>> {
    let lines_max = lines_before_tests(file);
    let all = literals(file.text());
    let is_message = |literal: &&Literal<'_>| {
        let speaks = SPEAKING.iter().filter_map(|start| literal.before.rsplit_once(start));
        literal.line <= lines_max && speaks.into_iter().any(|(_, rest)| !rest.contains([';', '}']))
    };
    let messages = all.iter().filter(is_message);
    messages.map(|literal| Passage { path: &file.path, lines: vec![(literal.line, literal.text.clone())] }).collect()
}

fn passage<'a>(file: &'a File, lines: impl Iterator<Item = (usize, &'a str)>) -> Passage<'a> {
    Passage { path: &file.path, lines: lines.map(|(number, line)| (number, without_code(line))).collect() }
}

/// The line in lower case, with everything in backquotes replaced by `_`.
fn without_code(line: &str) -> String {
    let mut is_code = false;
    let is_closed = line.matches('`').count().is_multiple_of(2);
    let hide = |c: char| {
        is_code ^= c == '`';
        if is_closed && (is_code || c == '`') { '_' } else { c.to_ascii_lowercase() }
    };
    line.chars().map(hide).collect()
}

fn faults(banned: &[Banned], passage: &Passage<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (number, line)) in passage.lines.iter().enumerate() {
        let line = line.trim().to_lowercase();
        let next = passage.lines.get(index + 1).map_or("", |(_, next)| next.trim()).to_lowercase();
        for Banned { words, instead } in banned {
            for word in words.iter().filter(|word| begins_in(&line, &next, word)) {
                let why = format!("`{word}` is on the list of {GLOSSARY}; use: {instead}");
                findings.push(Finding::new(passage.path, *number, why));
            }
        }
    }
    findings
}

/// Whether the word or phrase stands in the line, or begins in it and ends in the next one.
fn begins_in(line: &str, next: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let text = if word.contains(' ') { format!("{line} {next}") } else { line.to_owned() };
    text.match_indices(word).any(|(start, _)| {
        let (before, rest) = text.split_at(start);
        let after = rest.get(word.len()..).and_then(|rest| rest.chars().next());
        start < line.len() && !is_part(before.chars().next_back()) && !is_part(after)
    })
}

/// Line and name of everything that a `.proto` file declares, and of every metric.
fn names(file: &File) -> Vec<(usize, String)> {
    if is_contract(&file.path) {
        let named = elements(file.text()).into_iter().filter(|element| element.kind != Kind::File);
        return named.map(|element| (element.line, element.name.to_owned())).collect();
    }
    if file.path.ends_with(".rs") && file.path.starts_with("crates/") && file.path.contains("/src/") {
        return metric_help::metrics(file).into_iter().map(|metric| (metric.line, metric.name)).collect();
    }
    Vec::new()
}

/// A name is made of words: `OrderLane`, `is_held`, `ORDER_LANE`.
fn name_fault(banned: &[Banned], file: &File, line: usize, name: &str) -> Option<Finding> {
    let parts = parts(name);
    banned.iter().find_map(|Banned { words, instead }| {
        let word = words.iter().find(|word| parts.contains(word))?;
        let why = format!("{name}: `{word}` is on the list of {GLOSSARY}; use: {instead}");
        Some(Finding::new(&file.path, line, why))
    })
}

/// The words of a name in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
        if let Some(last) = parts.last_mut().filter(|_| c != '_') {
            last.extend(c.to_lowercase());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, planted};
    use super::{check, parts};

    const LIST: (&str, &str) = (
        "docs/glossary.md",
        "# Words\n\n| Do not use | Use |\n|---|---|\n| `lane`, `lanes` | queue |\n| `so many` | a number |\n\nThe lane.\n",
    );

    #[test]
    fn banned_words_are_found_where_people_read() {
        let proto = "// The lane of an order.\nenum OrderLane {\n  // Fine: `lane`.\n  A = 1 [(e) = { title: \"No lane\" }];\n}\n";
        let help =
            "use clap::Args;\n/// Takes so\n/// many orders.\n#[command(after_help = \"The lanes\")]\nstruct Planes;\n";
        let metric = "describe_gauge!(\"pulse_order_lane_size\", \"Orders in the lane.\");\n";
        let repository = planted(&[
            LIST,
            ("proto/pulse/order/v1/order.proto", proto),
            ("crates/pulse/src/commands/load.rs", help),
            ("crates/order/src/metric.rs", metric),
            ("crates/order/src/config.rs", "/// So many orders.\npub max: u32,\n// A lane.\n"),
            (
                "crates/order/src/lib.rs",
                "fail.error(\"no lane\");\nwarn!(\n    order = 1,\n    \"lane\"\n);\nlet lane = \"lane\";\n",
            ),
            ("docs/page.md", "A lane.\n\n```\nlane\n```\nPlanes, `lane`.\n"),
        ]);
        let expected = [
            "crates/order/src/config.rs:1",
            "crates/order/src/lib.rs:1",
            "crates/order/src/lib.rs:4",
            "crates/order/src/metric.rs:1",
            "crates/order/src/metric.rs:1",
            "crates/pulse/src/commands/load.rs:2",
            "crates/pulse/src/commands/load.rs:4",
            "docs/page.md:1",
            "proto/pulse/order/v1/order.proto:1",
            "proto/pulse/order/v1/order.proto:2",
            "proto/pulse/order/v1/order.proto:4",
        ];
        assert_eq!(places(check, &repository), expected);
    }

    #[test]
    fn a_glossary_without_the_table_is_found() {
        assert_eq!(places(check, &planted(&[("docs/glossary.md", "# Words\n")])), ["docs/glossary.md:1"]);
    }

    #[test]
    fn names_are_cut_into_words() {
        assert_eq!(parts("OrderLane"), ["order", "lane"]);
        assert_eq!(parts("IS_HELD"), ["is", "held"]);
        assert_eq!(parts("lane2Id"), ["lane2", "id"]);
    }
}
