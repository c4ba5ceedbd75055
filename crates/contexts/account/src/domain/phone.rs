//! Phone numbers, and the index that finds them by any four digits (TR-73).

use std::collections::BTreeSet;

/// Number of consecutive digits of an index key; a search needs at least as many.
pub const GRAM_DIGITS: usize = 4;

/// The digits of a text, in order; other characters are skipped.
#[must_use]
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// All distinct runs of [`GRAM_DIGITS`] digits of the number.
#[must_use]
pub fn grams(phone: &str) -> BTreeSet<String> {
    let digits: Vec<char> = digits(phone).chars().collect();
    digits.windows(GRAM_DIGITS).map(|gram| gram.iter().collect()).collect()
}

/// Whether the number contains these digits consecutively.
#[must_use]
pub fn contains(phone: &str, searched: &str) -> bool {
    digits(phone).contains(&digits(searched))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TR-73, R35: any four consecutive digits find the number; spaces and hyphens are ignored.
    #[test]
    fn any_four_consecutive_digits_are_a_key() {
        let grams = grams("+8613800138000");
        assert!(["8613", "1380", "0138", "8000"].iter().all(|gram| grams.contains(*gram)));
        assert_eq!(grams.len(), 8, "1380 and 3800 occur twice");
        assert!(contains("+8613800138000", "380 0-13"));
        assert!(!contains("+8613800138000", "9999"));
        assert!(self::grams("123").is_empty());
    }
}
