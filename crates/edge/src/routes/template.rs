//! The path templates of google.api.http, turned into patterns of the table.

use std::borrow::Cow;

use matchit::Params;
use percent_encoding::percent_decode_str;

/// A template, ready to be inserted.
#[derive(Debug)]
pub(super) struct Template {
    /// The pattern; its parameters are numbered, so that templates which name them differently do not clash.
    pub(super) pattern: String,
    pub(super) variables: Vec<Variable>,
}

/// A variable of a template and how its value is put together.
#[derive(Debug)]
pub(crate) struct Variable {
    name: String,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Parameter(String),
    Literal(String),
}

impl Variable {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The decoded value; `None` when it is not UTF-8.
    pub(super) fn value<'path>(&self, params: &Params<'_, 'path>) -> Option<Cow<'path, str>> {
        if let [Piece::Parameter(parameter)] = self.pieces.as_slice() {
            return percent_decode_str(params.get(parameter)?).decode_utf8().ok();
        }
        let mut value = String::new();
        for piece in &self.pieces {
            let raw = match piece {
                Piece::Parameter(parameter) => params.get(parameter)?,
                Piece::Literal(literal) => literal,
            };
            if !value.is_empty() {
                value.push('/');
            }
            value.push_str(&percent_decode_str(raw).decode_utf8().ok()?);
        }
        Some(Cow::Owned(value))
    }
}

impl Template {
    /// Parses `/` Segments [ `:` Verb ], where a segment is a literal, `*`, `**` or `{path}` or `{path=segments}`.
    pub(super) fn parse(template: &str) -> Result<Self, &'static str> {
        let rest = template.strip_prefix('/').ok_or("it does not begin with a slash")?;
        let (segments, verb) = split_verb(rest);
        let mut parser = Parser { pattern: String::new(), parameters: 0, is_at_end: false };
        let mut variables = Vec::new();
        for segment in split_segments(segments)? {
            match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                None => drop(parser.push(segment)?),
                Some(inner) => {
                    let (name, segments) = inner.split_once('=').unwrap_or((inner, "*"));
                    let pieces = segments.split('/').map(|segment| parser.push(segment)).collect::<Result<_, _>>()?;
                    variables.push(Variable { name: name.to_owned(), pieces });
                }
            }
        }
        if let Some(verb) = verb {
            if parser.is_at_end {
                return Err("a verb cannot follow `**`");
            }
            parser.pattern.push(':');
            parser.pattern.push_str(verb);
        }
        Ok(Self { pattern: parser.pattern, variables })
    }
}

struct Parser {
    pattern: String,
    parameters: usize,
    /// Whether `**` was seen, behind which nothing may follow.
    is_at_end: bool,
}

impl Parser {
    fn push(&mut self, segment: &str) -> Result<Piece, &'static str> {
        if self.is_at_end {
            return Err("`**` is not at the end");
        }
        self.pattern.push('/');
        let parameter = self.parameters.to_string();
        match segment {
            "*" => self.pattern.push_str(&format!("{{{parameter}}}")),
            "**" => {
                self.is_at_end = true;
                self.pattern.push_str(&format!("{{*{parameter}}}"));
            }
            literal if literal.contains(['{', '}', '*']) => return Err("a literal contains a brace or a star"),
            literal => {
                self.pattern.push_str(literal);
                return Ok(Piece::Literal(literal.to_owned()));
            }
        }
        self.parameters += 1;
        Ok(Piece::Parameter(parameter))
    }
}

/// Splits the verb off: what follows the last colon, when it stands behind the last brace and slash.
fn split_verb(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((before, verb)) if !verb.contains(['}', '/']) => (before, Some(verb)),
        Some(_) | None => (text, None),
    }
}

/// Splits at the slashes that stand outside of braces.
fn split_segments(text: &str) -> Result<Vec<&str>, &'static str> {
    let (mut segments, mut rest) = (Vec::new(), text);
    loop {
        let end = match rest.strip_prefix('{') {
            Some(inner) => inner.find('}').ok_or("a brace is not closed")? + 2,
            None => rest.find('/').unwrap_or(rest.len()),
        };
        let (segment, behind) = rest.split_at_checked(end).ok_or("a brace is not closed")?;
        segments.push(segment);
        if behind.is_empty() {
            return Ok(segments);
        }
        rest = behind.strip_prefix('/').ok_or("a segment goes on behind its variable")?;
    }
}
