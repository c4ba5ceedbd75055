//! The error catalogue as the contract states it: one enum value with a `(pulse.error)` option per code.

use crate::repository::Repository;

/// One code.
pub(crate) struct Entry {
    /// `UPPER_SNAKE_CASE`.
    pub(crate) code: String,
    /// The number in its enum.
    pub(crate) number: String,
    /// The comment above it, in one paragraph.
    pub(crate) comment: String,
    /// The name of the kind in the contract, for example `NOT_FOUND`.
    pub(crate) kind: String,
    /// The HTTP status where it is not the one of the kind, otherwise empty.
    pub(crate) http: String,
    /// `NEVER`, `SAME_KEY` or `BACKOFF`.
    pub(crate) retry: String,
    /// For people, in English.
    pub(crate) title: String,
    /// For people, in Chinese.
    pub(crate) title_zh: String,
    /// Who answers with it, for example `account.pulse`.
    pub(crate) domain: String,
    /// The file that states it.
    pub(crate) path: String,
    /// Where it stands in the file.
    pub(crate) line: usize,
}

/// Every code of every `errors.proto`, in order of the code.
pub(crate) fn read(repository: &Repository) -> Vec<Entry> {
    let is_catalogue = |path: &str| path.starts_with("proto/") && path.ends_with("/errors.proto");
    let files = repository.files.iter().filter(|file| is_catalogue(&file.path));
    let mut entries: Vec<Entry> = files.flat_map(|file| entries(&file.path, file.text())).collect();
    entries.sort_by(|left, right| left.code.cmp(&right.code));
    entries
}

/// The values of the enums of one file. A value may run over several lines; it ends with `;`.
fn entries(path: &str, text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut domain = "pulse".to_owned();
    let mut comment = Vec::new();
    let mut value = String::new();
    let mut start = 0;
    let mut is_enum = false;
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if let Some(sentence) = line.strip_prefix("//") {
            comment.push(sentence.trim().to_owned());
            continue;
        }
        if let Some(package) = line.strip_prefix("package ") {
            domain = domain_of(package.trim_end_matches(';'));
        }
        if line.starts_with("enum ") {
            is_enum = true;
            comment.clear();
        } else if is_enum && line == "}" {
            is_enum = false;
        } else if is_enum {
            if value.trim().is_empty() {
                start = number;
            }
            value.push_str(line);
            value.push(' ');
            if line.ends_with(';') {
                entries.extend(entry(&value, &comment.join(" "), &domain, (path, start)));
                value.clear();
                comment.clear();
            }
        } else {
            comment.clear();
        }
    }
    entries
}

/// `CODE = 1 [(pulse.error) = {kind: NOT_FOUND retry: NEVER title: ".." title_zh: ".."}];` The zero is never sent.
fn entry(value: &str, comment: &str, domain: &str, (path, line): (&str, usize)) -> Option<Entry> {
    let (code, rest) = value.split_once('=')?;
    let number: String = rest.trim().chars().take_while(char::is_ascii_digit).collect();
    let http = rest.split_once(" http:").map_or("", |(_, rest)| rest.trim_start());
    let http = http.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    (number != "0" && !number.is_empty()).then(|| Entry {
        code: code.trim().to_owned(),
        number,
        comment: comment.to_owned(),
        kind: word(rest, "kind:"),
        http: http.to_owned(),
        retry: word(rest, "retry:"),
        title: quoted(rest, "title:"),
        title_zh: quoted(rest, "title_zh:"),
        domain: domain.to_owned(),
        path: path.to_owned(),
        line,
    })
}

/// `pulse.account.v1` answers as `account.pulse`, `pulse` as `pulse`.
fn domain_of(package: &str) -> String {
    package.split('.').nth(1).map_or_else(|| "pulse".to_owned(), |context| format!("{context}.pulse"))
}

fn word(text: &str, key: &str) -> String {
    let rest = text.split_once(key).map_or("", |(_, rest)| rest).trim_start();
    rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect()
}

fn quoted(text: &str, key: &str) -> String {
    let rest = text.split_once(key).map_or("", |(_, rest)| rest);
    rest.split('"').nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::entries;

    /// DL-05: the registry is read from the contract, whether a value stands on one line or on several.
    #[test]
    fn values_are_read() {
        let text = "package pulse.shop.v1;\n// Codes.\nenum ShopErrorCode {\n  // Never sent.\n  ZERO = 0;\n\n  // It is\n  \
                    // shut.\n  SHOP_CLOSED = 3 [(pulse.error) = {\n    kind: FAILED_PRECONDITION retry: NEVER\n    \
                    title: \"Closed\" title_zh: \"\u{5df2}\" http: 423\n  }];\n}\n";
        let entries = entries("errors.proto", text);
        assert_eq!(entries.len(), 1);
        let entry = &entries[0];
        assert_eq!(
            (entry.code.as_str(), entry.number.as_str(), entry.domain.as_str()),
            ("SHOP_CLOSED", "3", "shop.pulse")
        );
        assert_eq!((entry.kind.as_str(), entry.retry.as_str()), ("FAILED_PRECONDITION", "NEVER"));
        assert_eq!((entry.title.as_str(), entry.title_zh.as_str()), ("Closed", "\u{5df2}"));
        assert_eq!(entry.http, "423");
        assert_eq!((entry.comment.as_str(), entry.line), ("It is shut.", 9));
    }
}
