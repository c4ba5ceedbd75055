//! Amounts as Stripe counts them, apart from the minor units of ISO 4217: the unit of each currency, the last digits that
//! must be zero, and the smallest and largest charge.
//!
//! Source: the pages "Supported currencies" and "Minimum and maximum charge amounts" of Stripe's documentation.

use std::fmt;

use pulse_kernel::{Currency, Money};

/// Currencies that Stripe counts without a minor unit. For MGA, ISO 4217 names one.
const ZERO_DECIMAL: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
/// Currencies that Stripe counts in hundredths, of which the last two digits must be zero.
const WHOLE_HUNDREDTHS: [&str; 2] = ["ISK", "UGX"];
/// Currencies that Stripe counts in thousandths, of which the last digit must be zero.
const THREE_DECIMAL: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Currencies that Stripe counts in hundredths.
const TWO_DECIMAL: [&str; 120] = [
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD", "BND",
    "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CVE", "CZK", "DKK",
    "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL",
    "HTG", "HUF", "IDR", "ILS", "INR", "JMD", "KES", "KGS", "KHR", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL",
    "MAD", "MDL", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK",
    "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SEK",
    "SGD", "SHP", "SLE", "SOS", "SRD", "STD", "SZL", "THB", "TJS", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD",
    "UYU", "UZS", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW",
];

/// Smallest charge of a currency in the unit of Stripe. Of other currencies it depends on the account.
const MINIMA: [(&str, i64); 24] = [
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
];
/// Largest charge in the unit of Stripe: eight digits.
const MAXIMUM: i64 = 99_999_999;
/// Largest charges of currencies with small units, in the unit of Stripe.
const MAXIMA: [(&str, i64); 6] = [
    ("COP", 9_999_999_999),
    ("HUF", 9_999_999_999),
    ("IDR", 999_999_999_999),
    ("INR", 999_999_999),
    ("JPY", 9_999_999_999),
    ("LBP", 999_999_999_999),
];

/// Reason for which an amount cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountProblem {
    /// The provider does not take the currency.
    CurrencyUnknown(Currency),
    /// The amount must be a multiple of the step.
    NoMultiple {
        /// Requested amount.
        amount: Money,
        /// Smallest amount that can be told apart.
        step: Money,
    },
    /// The amount is below the smallest charge.
    TooSmall {
        /// Requested amount.
        amount: Money,
        /// Smallest charge.
        minimum: Money,
    },
    /// The amount is above the largest charge.
    TooLarge {
        /// Requested amount.
        amount: Money,
        /// Largest charge.
        maximum: Money,
    },
}

impl fmt::Display for AmountProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CurrencyUnknown(currency) => write!(f, "the payment provider does not take the currency {currency}"),
            Self::NoMultiple { amount, step } => {
                write!(f, "the payment provider takes multiples of {step}, got {amount}")
            }
            Self::TooSmall { amount, minimum } => {
                write!(f, "the payment provider takes at least {minimum}, got {amount}")
            }
            Self::TooLarge { amount, maximum } => {
                write!(f, "the payment provider takes at most {maximum}, got {amount}")
            }
        }
    }
}

/// How Stripe counts a currency.
#[derive(Clone, Copy)]
struct Unit {
    /// Number of decimal digits.
    digits: u32,
    /// Amounts in this unit must be a multiple of this number.
    step: i64,
}

fn unit(currency: Currency) -> Option<Unit> {
    let code = currency.code();
    if ZERO_DECIMAL.contains(&code) {
        Some(Unit { digits: 0, step: 1 })
    } else if WHOLE_HUNDREDTHS.contains(&code) {
        Some(Unit { digits: 2, step: 100 })
    } else if THREE_DECIMAL.contains(&code) {
        Some(Unit { digits: 3, step: 10 })
    } else if TWO_DECIMAL.contains(&code) {
        Some(Unit { digits: 2, step: 1 })
    } else {
        None
    }
}

/// An amount in the unit of Stripe.
///
/// # Errors
/// The currency is unknown, the amount is no multiple of the step, or it overflows.
pub fn to_stripe(money: Money) -> Result<i64, AmountProblem> {
    let unit = unit(money.currency).ok_or(AmountProblem::CurrencyUnknown(money.currency))?;
    let no_multiple = AmountProblem::NoMultiple { amount: money, step: rounded_up(unit.step, unit, money.currency) };
    let (up, down) = factors(unit, money.currency);
    let too_large = AmountProblem::TooLarge { amount: money, maximum: Money::new(i64::MAX, money.currency) };
    let scaled = money.minor.checked_mul(up).ok_or(too_large)?;
    if scaled.rem_euclid(down) != 0 {
        return Err(no_multiple);
    }
    let amount = scaled.div_euclid(down);
    if amount.rem_euclid(unit.step) == 0 { Ok(amount) } else { Err(no_multiple) }
}

/// An amount of Stripe in minor units; `None` if it is no whole number of them. The money of a currency that is not listed
/// is counted in its minor unit, because money that has arrived must be booked.
#[must_use]
pub fn from_stripe(amount: i64, currency: Currency) -> Option<Money> {
    let (up, down) = unit(currency).map_or((1, 1), |unit| factors(unit, currency));
    let scaled = amount.checked_mul(down)?;
    (scaled.rem_euclid(up) == 0).then(|| Money::new(scaled.div_euclid(up), currency))
}

/// Checks whether Stripe can charge an amount.
///
/// # Errors
/// The rule that the amount violates.
pub fn check_charge(money: Money) -> Result<(), AmountProblem> {
    let amount = to_stripe(money)?;
    let Some(unit) = unit(money.currency) else { return Err(AmountProblem::CurrencyUnknown(money.currency)) };
    let of = |limits: &[(&str, i64)]| {
        limits.iter().find(|(code, _)| *code == money.currency.code()).map(|(_, limit)| *limit)
    };
    let minimum = of(&MINIMA).unwrap_or(unit.step);
    if amount < minimum {
        return Err(AmountProblem::TooSmall { amount: money, minimum: rounded_up(minimum, unit, money.currency) });
    }
    let maximum = of(&MAXIMA).unwrap_or(MAXIMUM);
    if amount > maximum {
        return Err(AmountProblem::TooLarge { amount: money, maximum: rounded_down(maximum, unit, money.currency) });
    }
    Ok(())
}

/// Minor units times the first factor are units of Stripe times the second one.
fn factors(unit: Unit, currency: Currency) -> (i64, i64) {
    let digits = currency.minor_digits();
    (10_i64.pow(unit.digits.saturating_sub(digits)), 10_i64.pow(digits.saturating_sub(unit.digits)))
}

fn rounded_down(amount: i64, unit: Unit, currency: Currency) -> Money {
    let (up, down) = factors(unit, currency);
    Money::new((amount - amount.rem_euclid(unit.step)).saturating_mul(down).div_euclid(up), currency)
}

fn rounded_up(amount: i64, unit: Unit, currency: Currency) -> Money {
    rounded_down(amount.saturating_add(unit.step - 1), unit, currency)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::from_code(code).unwrap())
    }

    /// M5: the unit of the provider, for each kind of currency.
    #[test]
    fn amounts_use_the_unit_of_stripe() {
        for (ours, theirs) in [
            (money(1_999, "CNY"), 1_999),
            (money(500, "JPY"), 500),
            // 500 ariary are 50000 hundredths here and 500 at Stripe.
            (money(50_000, "MGA"), 500),
            (money(5, "ISK"), 500),
            (money(3_700, "UGX"), 370_000),
            (money(5_120, "KWD"), 5_120),
            (money(1_000, "HUF"), 1_000),
            (money(1_000, "TWD"), 1_000),
            (money(-300, "EUR"), -300),
        ] {
            assert_eq!((to_stripe(ours), from_stripe(theirs, ours.currency)), (Ok(theirs), Some(ours)), "{ours}");
        }
        assert_eq!(from_stripe(501, Currency::from_code("ISK").unwrap()), None);
        assert_eq!(from_stripe(501, Currency::from_code("IRR").unwrap()), Some(money(501, "IRR")));
        assert_eq!(from_stripe(i64::MAX, Currency::from_code("MGA").unwrap()), None);
        assert!(to_stripe(money(i64::MAX, "ISK")).is_err());
    }

    /// M5, M6: every rule, with the value that it requires.
    #[test]
    fn amounts_that_cannot_be_charged_are_named() {
        for (amount, expected) in [
            (money(50, "USD"), "ok"),
            (money(30, "USD"), "the payment provider takes at least 0.50 USD, got 0.30 USD"),
            (money(0, "CNY"), "the payment provider takes at least 0.01 CNY, got 0.00 CNY"),
            (money(1, "CNY"), "ok"),
            (money(5_120, "KWD"), "ok"),
            (money(5_124, "KWD"), "the payment provider takes multiples of 0.010 KWD, got 5.124 KWD"),
            (money(1, "BHD"), "the payment provider takes multiples of 0.010 BHD, got 0.001 BHD"),
            (money(150, "MGA"), "the payment provider takes multiples of 1.00 MGA, got 1.50 MGA"),
            (money(49, "JPY"), "the payment provider takes at least 50 JPY, got 49 JPY"),
            (money(1, "ISK"), "ok"),
            (money(99_999_999, "USD"), "ok"),
            (money(100_000_000, "USD"), "the payment provider takes at most 999999.99 USD, got 1000000.00 USD"),
            (money(99_999_995, "KWD"), "the payment provider takes multiples of 0.010 KWD, got 99999.995 KWD"),
            (money(100_000_000, "KWD"), "the payment provider takes at most 99999.990 KWD, got 100000.000 KWD"),
            (money(1_000_000, "ISK"), "the payment provider takes at most 999999 ISK, got 1000000 ISK"),
            (money(100, "IRR"), "the payment provider does not take the currency IRR"),
            (money(100, "XTS"), "the payment provider does not take the currency XTS"),
        ] {
            let found = check_charge(amount).map_or_else(|problem| problem.to_string(), |()| "ok".to_owned());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn every_currency_is_in_one_table() {
        let all = [&ZERO_DECIMAL[..], &WHOLE_HUNDREDTHS, &THREE_DECIMAL, &TWO_DECIMAL].concat();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(MINIMA.iter().chain(&MAXIMA).all(|(code, _)| distinct.contains(code)));
    }
}
