//! Declarations of a `.proto` file with their comments, read line by line.
//!
//! The files are formatted: a declaration begins on a line of its own, and a comment stands directly above it.

/// Kind of a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The file itself; its comment is above `syntax`.
    File,
    /// A service.
    Service,
    /// A method of a service.
    Rpc,
    /// A message.
    Message,
    /// A oneof of a message.
    Oneof,
    /// A field of a message, a oneof or an extension.
    Field,
    /// An enum.
    Enum,
    /// A value of an enum.
    Value,
}

/// One declaration.
pub(crate) struct Element<'a> {
    /// Kind of the declaration.
    pub(crate) kind: Kind,
    /// Name without the names of its parents; empty for the file.
    pub(crate) name: &'a str,
    /// Type of a field, for example `int64`; empty for everything else.
    pub(crate) field_type: &'a str,
    /// Line of the declaration, from 1.
    pub(crate) line: usize,
    /// Line number and text of each comment line above it, without the slashes.
    pub(crate) comment: Vec<(usize, &'a str)>,
}

/// What a `{` at the end of a line has opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// A message, a oneof or an `extend`: its lines are fields.
    Fields,
    /// An enum: its lines are values.
    Values,
    /// A service, a method, or an option over several lines.
    Other,
}

/// All declarations of a file, in their order.
pub(crate) fn elements(text: &str) -> Vec<Element<'_>> {
    let (mut elements, mut comment, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
    for (line, code) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if let Some(text) = code.strip_prefix("//") {
            comment.push((line, text.trim()));
            continue;
        }
        let inside = blocks.last().copied().unwrap_or(Block::Other);
        if code.starts_with('}') {
            blocks.pop();
        }
        let declared = declaration(code, inside);
        if let Some((kind, name, field_type)) = declared {
            elements.push(Element { kind, name, field_type, line, comment: std::mem::take(&mut comment) });
        }
        if code.ends_with('{') {
            blocks.push(match declared {
                Some((Kind::Message | Kind::Oneof, ..)) => Block::Fields,
                Some((Kind::Enum, ..)) => Block::Values,
                _ if code.starts_with("extend ") => Block::Fields,
                _ => Block::Other,
            });
        }
        comment.clear();
    }
    elements
}

/// Kind, name and field type of the declaration that begins on a line.
fn declaration(code: &str, inside: Block) -> Option<(Kind, &str, &str)> {
    let keywords = [
        ("service ", Kind::Service),
        ("rpc ", Kind::Rpc),
        ("message ", Kind::Message),
        ("oneof ", Kind::Oneof),
        ("enum ", Kind::Enum),
    ];
    if code.starts_with("syntax ") {
        return Some((Kind::File, "", ""));
    }
    if let Some((rest, kind)) = keywords.iter().find_map(|(word, kind)| Some((code.strip_prefix(word)?, *kind))) {
        return Some((kind, identifier(rest), ""));
    }
    let (before, number) = code.split_once(" = ")?;
    if code.starts_with("option ") || !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (field_type, name) = before.rsplit_once(' ').unwrap_or(("", before));
    match inside {
        Block::Fields => {
            let field_type = field_type.trim_start_matches("optional ").trim_start_matches("repeated ");
            Some((Kind::Field, name, field_type))
        }
        Block::Values if field_type.is_empty() => Some((Kind::Value, name, "")),
        Block::Values | Block::Other => None,
    }
}

fn identifier(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Kind, elements};

    #[test]
    fn declarations_are_read_with_their_comments() {
        let text = "// Shops.\nsyntax = \"proto3\";\n\n// Detached.\n\n// Calls.\nservice ShopService {\n  // Gets.\n  // Twice.\n  \
                    rpc GetShop(Get) returns (Shop) {\n    option (x) = {get: \"/v1\"};\n    option (y) = {\n      a: 1\n    };\n  }\n}\n\
                    message Get {}\nmessage Shop {\n  // ID.\n  optional int64 id = 1 [(v).int64 = {gte: 0}];\n  oneof to {\n    \
                    string a = 2;\n  }\n  map<string, string> tags = 3;\n  enum State {\n    // Open.\n    OPEN = 1 [(e) = {\n      \
                    title: \"x = 1\"\n    }];\n  }\n}\n";
        let found: Vec<_> = elements(text).iter().map(|e| (e.kind, e.name, e.field_type, e.comment.len())).collect();
        let expected = [
            (Kind::File, "", "", 1),
            (Kind::Service, "ShopService", "", 1),
            (Kind::Rpc, "GetShop", "", 2),
            (Kind::Message, "Get", "", 0),
            (Kind::Message, "Shop", "", 0),
            (Kind::Field, "id", "int64", 1),
            (Kind::Oneof, "to", "", 0),
            (Kind::Field, "a", "string", 0),
            (Kind::Field, "tags", "map<string, string>", 0),
            (Kind::Enum, "State", "", 0),
            (Kind::Value, "OPEN", "", 1),
        ];
        assert_eq!(found, expected);
    }
}
