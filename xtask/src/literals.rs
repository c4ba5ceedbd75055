//! String literals of a Rust source, without those in comments.

/// One string literal.
pub(crate) struct Literal<'a> {
    /// Content; escapes stay as they are written, except a line that continues with `\`.
    pub(crate) text: String,
    /// Line on which it begins, from 1.
    pub(crate) line: usize,
    /// Code between the previous literal and this one, comments included.
    pub(crate) before: &'a str,
}

/// All string literals, in their order.
pub(crate) fn literals(code: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let (mut offset, mut after) = (0, 0);
    while let Some(at) = part(code, offset, code.len()).find(['"', '\'', '/']) {
        let start = offset + at;
        let (head, tail) = (part(code, 0, start), part(code, start, code.len()));
        let length = if tail.starts_with("//") {
            tail.find('\n').unwrap_or(tail.len())
        } else if tail.starts_with('"') {
            let (content, length) = string(tail, raw_hashes(head));
            let line = head.matches('\n').count() + 1;
            found.push(Literal { text: joined(content), line, before: part(code, after, start) });
            after = start + length;
            length
        } else {
            character(tail)
        };
        offset = start + length;
    }
    found
}

/// The bytes from `start` to `end`; empty when they are not a text.
fn part(code: &str, start: usize, end: usize) -> &str {
    code.get(start..end).unwrap_or_default()
}

/// The number of `#` of a raw string whose quote comes next; `None` for an ordinary string.
fn raw_hashes(before: &str) -> Option<usize> {
    let bare = before.trim_end_matches('#');
    let marker = bare.strip_suffix('r')?;
    let is_word = marker.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !marker.ends_with('b');
    (!is_word).then(|| before.len() - bare.len())
}

/// Content and length of the string that begins at the quote, both quotes included in the length.
fn string(tail: &str, raw: Option<usize>) -> (&str, usize) {
    let body = part(tail, 1, tail.len());
    let end = match raw {
        Some(hashes) => body.find(&format!("\"{}", "#".repeat(hashes))),
        None => {
            let mut is_escaped = false;
            body.char_indices().find_map(|(at, c)| {
                let is_end = c == '"' && !is_escaped;
                is_escaped = c == '\\' && !is_escaped;
                is_end.then_some(at)
            })
        }
    };
    let end = end.unwrap_or(body.len());
    (part(body, 0, end), (end + 2).min(tail.len()))
}

/// A literal over several lines as one line: `\` and the indentation of the next line fall away.
fn joined(content: &str) -> String {
    let mut lines = content.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| text + line.trim_start())
}

/// The length of a character literal such as `'"'`; 1 for a lifetime or a single slash.
fn character(tail: &str) -> usize {
    let mut chars = tail.chars();
    let length = match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), Some(escaped)) => {
            let begin = 2 + escaped.len_utf8();
            part(tail, begin, tail.len()).find('\'').map(|at| begin + at + 1)
        }
        (Some('\''), Some(c), Some('\'')) => Some(2 + c.len_utf8()),
        _ => None,
    };
    length.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn literals_are_found_and_comments_are_not() {
        let code = "// \"no\"\nlet a = \"one \\\"two\\\"\"; let b: &'static str = r#\"three \"four\"\"#;\nlet c = '\"'; let d = '\\'';\n\
                    call(\"five \\\n     six\", x / y, \"seven\");\n";
        let found: Vec<_> = literals(code).iter().map(|l| (l.line, l.text.clone())).collect();
        let expected = [(2, "one \\\"two\\\""), (2, "three \"four\""), (4, "five six"), (5, "seven")]
            .map(|(n, t)| (n, t.to_owned()));
        assert_eq!(found, expected);
        assert_eq!(literals(code)[3].before, ", x / y, ");
    }
}
