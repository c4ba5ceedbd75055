//! Patterns of the table for the path templates of the contract, and the variables in a matching path.

use std::borrow::Cow;
use std::fmt::Write;

use matchit::Params;
use percent_encoding::percent_decode_str;
use pulse_contract::route::{Segment, Template};

/// A variable of a route and the pieces of its value.
#[derive(Debug)]
pub(crate) struct Variable {
    field: &'static str,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    /// Name of a segment in the pattern.
    Parameter(String),
    Literal(&'static str),
}

/// The pattern of a path. Its parameters are numbered, so routes with different variable names do not conflict.
pub(super) fn pattern_of(path: &Template) -> String {
    let mut pattern = String::new();
    for (segment, index) in path.segments.iter().zip(0_usize..) {
        let written = match segment {
            Segment::Literal(literal) => write!(pattern, "/{}", literal.replace('{', "{{").replace('}', "}}")),
            Segment::One => write!(pattern, "/{{{index}}}"),
            Segment::Rest => write!(pattern, "/{{*{index}}}"),
        };
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    if !path.verb.is_empty() {
        pattern.push(':');
        pattern.push_str(path.verb);
    }
    pattern
}

/// The variables of a path.
pub(super) fn variables_of(path: &Template) -> Vec<Variable> {
    let pieces: Vec<Piece> = path
        .segments
        .iter()
        .enumerate()
        .map(|(index, segment)| match segment {
            Segment::Literal(literal) => Piece::Literal(literal),
            Segment::One | Segment::Rest => Piece::Parameter(index.to_string()),
        })
        .collect();
    let variables = path.variables.iter().map(|variable| Variable {
        field: variable.field,
        pieces: pieces.get(variable.from..variable.to).unwrap_or_default().to_vec(),
    });
    variables.collect()
}

impl Variable {
    /// Field of the request for the value.
    pub(super) const fn field(&self) -> &'static str {
        self.field
    }

    /// The decoded value; `None` when it is not UTF-8.
    pub(super) fn value<'path>(&self, params: &Params<'_, 'path>) -> Option<Cow<'path, str>> {
        if let [Piece::Parameter(parameter)] = self.pieces.as_slice() {
            return percent_decode_str(params.get(parameter)?).decode_utf8().ok();
        }
        let mut value = String::new();
        for piece in &self.pieces {
            if !value.is_empty() {
                value.push('/');
            }
            match piece {
                Piece::Parameter(parameter) => {
                    value.push_str(&percent_decode_str(params.get(parameter)?).decode_utf8().ok()?);
                }
                Piece::Literal(literal) => value.push_str(literal),
            }
        }
        Some(Cow::Owned(value))
    }
}
