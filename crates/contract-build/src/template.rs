//! Path templates of google.api.http: `/v1/{name=shops/*}/items/{item.id}:close`.

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Exactly this text.
    Literal(String),
    /// `*`: any one segment.
    One,
    /// `**`: any number of segments, only at the end.
    Rest,
}

/// A variable: the field, and the segments that it takes its value from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) field: String,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A parsed template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
    pub(crate) variables: Vec<Variable>,
    /// What follows the last colon; empty when nothing does.
    pub(crate) verb: String,
}

impl Template {
    /// Parses a template, or says why it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('/').ok_or("a path begins with a slash")?;
        // A colon inside braces would belong to a variable, but field paths and literals have none.
        let (path, verb) = rest.rsplit_once(':').unwrap_or((rest, ""));
        if rest.ends_with(':') || (!verb.is_empty() && !is_literal(verb)) {
            return Err(format!("{verb:?} is not a verb"));
        }
        let mut template = Self { verb: verb.to_owned(), ..Self::default() };
        for part in split_outside_braces(path)? {
            template.push(part)?;
        }
        template.check()?;
        Ok(template)
    }

    fn push(&mut self, part: &str) -> Result<(), String> {
        let Some(variable) = part.strip_prefix('{') else {
            self.segments.push(segment(part)?);
            return Ok(());
        };
        let variable = variable.strip_suffix('}').ok_or_else(|| format!("{part:?} has no closing brace"))?;
        let (field, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
        let is_field = field.split('.').all(|name| !name.is_empty() && name.bytes().all(is_name_byte));
        if !is_field {
            return Err(format!("{field:?} is not the path of a field"));
        }
        let from = self.segments.len();
        for part in pattern.split('/') {
            self.segments.push(segment(part)?);
        }
        self.variables.push(Variable { field: field.to_owned(), from, to: self.segments.len() });
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let rest = self.segments.iter().position(|segment| *segment == Segment::Rest);
        if rest.is_some_and(|index| index + 1 != self.segments.len()) {
            return Err("** is allowed only at the end".to_owned());
        }
        for (index, variable) in self.variables.iter().enumerate() {
            if self.variables.iter().take(index).any(|other| other.field == variable.field) {
                return Err(format!("{} is bound twice", variable.field));
            }
        }
        Ok(())
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_literal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

fn segment(text: &str) -> Result<Segment, String> {
    match text {
        "*" => Ok(Segment::One),
        "**" => Ok(Segment::Rest),
        text if is_literal(text) => Ok(Segment::Literal(text.to_owned())),
        text => Err(format!("{text:?} is not a segment of a path")),
    }
}

fn split_outside_braces(path: &str) -> Result<Vec<&str>, String> {
    let mut depth = 0_u32;
    let mut is_nested = false;
    let parts = path.split(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_nested |= depth > 1;
        letter == '/' && depth == 0
    });
    let parts = parts.collect();
    if is_nested || depth > 0 { Err(format!("{path:?} has braces that do not match")) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn reads_every_form() {
        let template = Template::parse("/v1/{name=shops/*}/items/{item.id}:close").unwrap();
        let segments = [literal("v1"), literal("shops"), Segment::One, literal("items"), Segment::One];
        assert_eq!(template.segments, segments);
        assert_eq!(template.verb, "close");
        assert_eq!(template.variables[0], Variable { field: "name".into(), from: 1, to: 3 });
        assert_eq!(template.variables[1], Variable { field: "item.id".into(), from: 4, to: 5 });
        let template = Template::parse("/v1/files/{path=**}").unwrap();
        assert_eq!(template.segments, [literal("v1"), literal("files"), Segment::Rest]);
    }

    #[test]
    fn refuses_what_is_not_a_template() {
        for text in [
            "",
            "v1",
            "/",
            "/v1//a",
            "/v1/{a",
            "/v1/a}",
            "/v1/{}",
            "/v1/{a}/{a}",
            "/v1/**/a",
            "/v1/{a={b}}",
            "/v1/a:",
            "/v1/a b",
            "/v1/a:b c",
        ] {
            assert!(Template::parse(text).is_err(), "{text:?}");
        }
    }
}
