//! Supported languages of texts for people.

/// Language of texts for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locale {
    /// English, the default.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Locale {
    /// The best match for an `Accept-Language` header (RFC 9110, section 12.5.4).
    ///
    /// Unknown languages and invalid quality values are ignored. Default: English.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Self {
        let mut best = (0_u32, Self::En);
        for choice in header.split(',').take(CHOICES_MAX) {
            let (tag, quality) = parse_choice(choice);
            let primary = tag.split('-').next().unwrap_or_default();
            let locale = match primary.to_ascii_lowercase().as_str() {
                "en" | "*" => Self::En,
                "zh" => Self::Zh,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, locale);
            }
        }
        best.1
    }

    /// Language tag for `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }
}

/// Maximum number of evaluated choices of a header.
const CHOICES_MAX: usize = 16;

/// Tag and quality, in thousandths, of one choice of the header.
fn parse_choice(choice: &str) -> (&str, u32) {
    let mut parts = choice.trim().split(';');
    let tag = parts.next().unwrap_or_default().trim();
    let quality = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1_000), thousandths).unwrap_or(0);
    (tag, quality)
}

fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u32>().ok()?.min(1) * 1_000 + digits.parse::<u32>().ok()?).map(|value| value.min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_language_with_the_highest_quality() {
        for (header, expected) in [
            ("", Locale::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Locale::Zh),
            ("en;q=0.5, zh;q=0.7", Locale::Zh),
            ("fr, zh;q=0.1", Locale::Zh),
            ("fr", Locale::En),
            ("zh;q=0", Locale::En),
            ("zh;q=x", Locale::En),
        ] {
            assert_eq!(Locale::from_accept_language(header), expected, "{header:?}");
        }
    }
}
