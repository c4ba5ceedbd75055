//! Decimal numbers as JSON writes them, wherever a request contains one: in the body, in its texts, in path and query.

/// The parts of a number.
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// A huge exponent is cut: no field can hold such a number.
    exponent: i32,
}

/// Larger exponents are cut to this one.
const EXPONENT_MAX: i32 = 100_000;
/// An `i128` has room for any number with this many digits.
const DIGITS_MAX: i32 = 38;

/// Reads a number; `None` when JSON would not read it: a sign `+`, a leading zero, no digit on one side of the point.
fn decimal(text: &str) -> Option<Decimal<'_>> {
    let (is_negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_plain = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let fits = is_plain && fraction.is_none_or(is_digits);
    fits.then_some(Decimal { is_negative, whole, fraction: fraction.unwrap_or_default(), exponent })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn exponent_of(text: &str) -> Option<i32> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return None;
    }
    let size = digits.parse().map_or(EXPONENT_MAX, |size: i32| size.min(EXPONENT_MAX));
    Some(if is_negative { -size } else { size })
}

/// Whether the text is a number of JSON.
pub(crate) fn is_number(text: &str) -> bool {
    decimal(text).is_some()
}

/// The whole number that the text is, also in the forms `2.0`, `1e1` and `-0`, which proto3 JSON allows.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let Decimal { is_negative, whole, fraction, exponent } = decimal(text)?;
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    // The zeros that a negative exponent takes away again.
    let kept = digits.trim_end_matches('0');
    let zeros = i32::try_from(digits.len() - kept.len()).ok()?.checked_add(shift)?;
    let length = i32::try_from(kept.len()).ok()?;
    if zeros < 0 || length.checked_add(zeros)? > DIGITS_MAX {
        return None;
    }
    let scale = 10_i128.checked_pow(u32::try_from(zeros).ok()?)?;
    let size = kept.parse::<i128>().ok()?.checked_mul(scale)?;
    Some(if is_negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E3: the forms of proto3 JSON, and nothing else.
    #[test]
    fn whole_numbers_have_several_forms() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("0.0", 0),
            ("-0.00e7", 0),
            ("0e99999999999", 0),
            ("2.0", 2),
            ("1e1", 10),
            ("1E+1", 10),
            ("100e-2", 1),
            ("1.25e2", 125),
            ("-12.50e1", -125),
            ("9223372036854775807", 9_223_372_036_854_775_807),
            ("-9223372036854775808.0", -9_223_372_036_854_775_808),
            ("18446744073709551615", 18_446_744_073_709_551_615),
        ] {
            assert_eq!(integer(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "-",
            "+2",
            "02",
            "-02",
            "00",
            "2.",
            ".5",
            "1.5",
            "1e",
            "1e+",
            "1e-1",
            "1.25e1",
            "0x1",
            "1_0",
            " 1",
            "1 ",
            "NaN",
            "Infinity",
            "inf",
            "1e100",
            "1e99999999999",
            "--1",
            "1.0.0",
            "1e1e1",
            "１",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
        assert!(is_number("1.5e-3") && !is_number("1.e3") && !is_number("+1.5") && !is_number("inf"));
    }
}
