//! Explanations of price components, in the language of the customer.

use pulse_kernel::{Currency, Locale, Money};

use super::Lines;

pub(super) fn items(lines: &Lines, locale: Locale) -> String {
    let count: i64 = lines.lines.iter().map(|line| i64::from(line.requested.quantity)).sum();
    match locale {
        Locale::En if count == 1 => "1 item".to_owned(),
        Locale::En => format!("{count} items"),
        Locale::Zh => format!("共 {count} 件"),
    }
}

pub(super) fn packing(locale: Locale) -> String {
    match locale {
        Locale::En => "Packing",
        Locale::Zh => "打包费",
    }
    .to_owned()
}

pub(super) fn delivery(locale: Locale) -> String {
    match locale {
        Locale::En => "Delivery",
        Locale::Zh => "配送费",
    }
    .to_owned()
}

pub(super) fn free_delivery(from_minor: i64, currency: &str, locale: Locale) -> String {
    let from = Money::new(from_minor, Currency::from_code(currency).unwrap_or(Currency::CNY));
    match locale {
        Locale::En => format!("Delivery is free from {from}"),
        Locale::Zh => format!("满 {from} 免配送费"),
    }
}

pub(super) fn tax(basis_points: u32, locale: Locale) -> String {
    let (whole, part) = (basis_points.div_euclid(100), basis_points.rem_euclid(100));
    match locale {
        Locale::En => format!("Tax {whole}.{part:02} %"),
        Locale::Zh => format!("税 {whole}.{part:02}%"),
    }
}

pub(super) fn tip(locale: Locale) -> String {
    match locale {
        Locale::En => "Tip",
        Locale::Zh => "小费",
    }
    .to_owned()
}
