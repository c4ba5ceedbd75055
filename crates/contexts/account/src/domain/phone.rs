//! Phone numbers, and how any part of one is found again (TR-73).

use std::collections::BTreeSet;

/// How many digits in a row the index knows; a search needs at least as many.
pub const GRAM_DIGITS: usize = 4;

/// The digits of a text, in order; everything else is passed over.
#[must_use]
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Every run of [`GRAM_DIGITS`] digits in the number, each once.
#[must_use]
pub fn grams(phone: &str) -> BTreeSet<String> {
    let digits: Vec<char> = digits(phone).chars().collect();
    digits.windows(GRAM_DIGITS).map(|gram| gram.iter().collect()).collect()
}

/// Whether the number has these digits in a row.
#[must_use]
pub fn contains(phone: &str, searched: &str) -> bool {
    digits(phone).contains(&digits(searched))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TR-73, R35: any four digits in a row find the number, spaces and dashes do not matter.
    #[test]
    fn any_four_digits_in_a_row_are_a_key() {
        let grams = grams("+8613800138000");
        assert!(["8613", "1380", "0138", "8000"].iter().all(|gram| grams.contains(*gram)));
        assert_eq!(grams.len(), 8, "1380 and 3800 stand there twice");
        assert!(contains("+8613800138000", "380 0-13"));
        assert!(!contains("+8613800138000", "9999"));
        assert!(self::grams("123").is_empty());
    }
}
