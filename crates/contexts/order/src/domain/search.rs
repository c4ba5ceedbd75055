//! Search for an order by a part of its ID or of its phone number.

/// Minimum number of digits of a search.
pub const DIGITS_MIN: usize = 2;
/// Minimum number of digits of a whole order ID; phone numbers have fewer.
pub const NUMBER_DIGITS_MIN: usize = 18;

/// Digits of a text. Signs and spaces, with which people write numbers, are dropped.
#[must_use]
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether the order ID or the phone number contains these digits in a row.
#[must_use]
pub fn is_hit(digits: &str, order_number: i64, phone_digits: &str) -> bool {
    phone_digits.contains(digits) || order_number.to_string().contains(digits)
}

#[cfg(test)]
mod tests {
    use super::{digits, is_hit};

    /// R35: "33" finds order 3320; the last four digits find the phone; "+88 0" equals "880".
    #[test]
    fn any_part_of_a_number_or_phone_is_found() {
        for (search, number, phone, expected) in [
            ("33", 3320, "", true),
            ("#3320", 3320, "", true),
            ("332 0", 3320, "", true),
            ("34", 3320, "", false),
            ("8000", 1, "8613800138000", true),
            ("+88 0", 1, "8801712345678", true),
            ("880", 1, "8801712345678", true),
            ("88 01", 1, "8601712345678", false),
            // The digits must not span the phone number and the order ID.
            ("2086", 3320, "8613800138000", false),
        ] {
            assert_eq!(is_hit(&digits(search), number, phone), expected, "{search} in {number}, {phone}");
        }
    }
}
