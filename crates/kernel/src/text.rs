//! Rules of texts that people write and other people read: names, and addresses of web pages.

use std::fmt;

use url::Url;

/// Reason why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// Nothing is left that a reader sees.
    Invisible,
    /// The name contains a character that controls its display: a line break, or a change of the writing direction.
    Control(char),
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invisible => f.write_str("must contain a visible character"),
            Self::Control(character) => write!(
                f,
                "must not contain control characters or changes of the writing direction, got U+{:04X}",
                u32::from(*character)
            ),
        }
    }
}

/// A name without blanks around it.
///
/// Sequences of emoji are kept with their joiners. Length is a rule of the contract and not checked here.
///
/// # Errors
/// Every [`NameFault`].
pub fn name(text: &str) -> Result<&str, NameFault> {
    let trimmed = text.trim_matches(is_blank);
    if let Some(control) = trimmed.chars().find(|character| is_control(*character)) {
        return Err(NameFault::Control(control));
    }
    if trimmed.chars().all(is_invisible) {
        return Err(NameFault::Invisible);
    }
    Ok(trimmed)
}

/// A name that may be absent: empty when it consists of blanks.
///
/// # Errors
/// Those of [`name`].
pub fn optional_name(text: &str) -> Result<&str, NameFault> {
    if text.chars().all(is_blank) { Ok("") } else { name(text) }
}

/// Blanks, and characters without width that join nothing.
fn is_blank(character: char) -> bool {
    let is_line_end = matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    character.is_whitespace() && !is_line_end || matches!(character, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Controls of Unicode (category Cc), separators of lines, and the property `Bidi_Control`.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Characters that show nothing on their own: blanks, the property `Default_Ignorable_Code_Point`, the blank of Braille.
fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200d}'
                | '\u{2060}'..='\u{2065}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fff8}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Reason why an address of a web page is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebAddressFault {
    /// The address has another scheme than `http` or `https`.
    Scheme(String),
    /// The text is not an address with scheme and host, or is not written as one.
    Malformed,
}

impl fmt::Display for WebAddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => write!(f, "must begin with https:// or http://, got the scheme {scheme:?}"),
            Self::Malformed => f.write_str("must be an address such as https://shop.example/menu"),
        }
    }
}

/// Checks the address of a web page or picture: `http` or `https`, with a host, without a user name.
///
/// # Errors
/// Every [`WebAddressFault`].
pub fn web_address(text: &str) -> Result<(), WebAddressFault> {
    // The parser skips blanks and line ends and repairs slashes; a text that needs it is not what a reader sees.
    let url = Url::parse(text).or(Err(WebAddressFault::Malformed))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(WebAddressFault::Scheme(url.scheme().to_owned()));
    }
    let is_written = ["https://", "http://"].into_iter().any(|start| {
        text.split_at_checked(start.len())
            .is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case(start) && !rest.starts_with('/'))
    });
    let is_plain = !text.chars().any(|character| {
        character.is_whitespace() || is_control(character) || is_invisible(character) || character == '\\'
    });
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    let has_user = !url.username().is_empty() || url.password().is_some();
    if is_written && is_plain && has_host && !has_user { Ok(()) } else { Err(WebAddressFault::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T2: what is a name, and what is not.
    #[test]
    fn names_are_visible() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466} Familie";
        for (text, expected) in [
            ("Tea", "Tea"),
            ("  padded  ", "padded"),
            ("\u{3000}\u{a0}茶馆\t\u{feff}", "茶馆"),
            (family, family),
            ("\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}", "\u{1f3f4}\u{e0067}\u{e0062}\u{e007f}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("ร้านกาแฟไทย", "ร้านกาแฟไทย"),
            ("مقهى السعادة", "مقهى السعادة"),
            ("می\u{200c}خانه", "می\u{200c}خانه"),
        ] {
            assert_eq!(name(text), Ok(expected), "{text:?}");
        }
        for text in
            ["", "   ", "\u{200b}", "\u{2800}\u{2800}", "\u{3164}", "\u{200d}", "\u{ad}", "\u{e0067}", "\u{fe0f}"]
        {
            assert_eq!(name(text), Err(NameFault::Invisible), "{text:?}");
        }
        for text in ["\u{202e}gnp.exe", "a\u{2066}b", "a\0b", "a\nb", "a\u{7f}", "a\u{85}b", "a\u{200f}", "a\u{2028}b"]
        {
            assert!(matches!(name(text), Err(NameFault::Control(_))), "{text:?}");
        }
        assert_eq!(optional_name(" \u{200b}"), Ok(""));
        assert_eq!(optional_name(" a "), Ok("a"));
        assert_eq!(optional_name("\u{3164}"), Err(NameFault::Invisible));
    }

    /// T1: addresses of web pages.
    #[test]
    fn web_addresses_are_http() {
        for text in ["https://a.example", "HTTP://a.example:8080/x?y=z#w", "https://茶.example/菜单", "http://[::1]/"]
        {
            assert_eq!(web_address(text), Ok(()), "{text}");
        }
        for (text, scheme) in [
            ("javascript:alert(document.cookie)", "javascript"),
            (" JavaScript:alert(1)", "javascript"),
            ("java\nscript:alert(1)", "javascript"),
            ("data:text/html,<script>alert(1)</script>", "data"),
            ("ftp://a.example", "ftp"),
            ("vbscript:x", "vbscript"),
            ("file:///etc/passwd", "file"),
            ("blob:https://a.example/1", "blob"),
        ] {
            assert_eq!(web_address(text), Err(WebAddressFault::Scheme(scheme.to_owned())), "{text}");
        }
        for text in [
            "",
            "www.anker.example",
            "//a.example",
            "/menu",
            "https:a.example",
            "https:/a.example",
            "https:///a.example",
            "https:\\\\a.example",
            "https://",
            "https://user@a.example",
            "https://a.example@b.example",
            " https://a.example",
            "https://a.example/\nx",
            "https://a.example/a b",
            "https://a.example/\u{202e}x",
            "https://a b",
        ] {
            assert_eq!(web_address(text), Err(WebAddressFault::Malformed), "{text:?}");
        }
    }
}
