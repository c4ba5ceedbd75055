//! Why a coupon is worth what it is worth, for people.

use pulse_contract::marketing::v1::errors;
use pulse_kernel::{ErrorSpec, Locale, Money};

use crate::domain::discount::Unusable;
use crate::domain::template::{Template, Worth};

/// The error code of a reason.
pub(super) fn spec(why: Unusable) -> &'static ErrorSpec {
    match why {
        Unusable::Taken => &errors::MARKETING_COUPON_TAKEN,
        Unusable::Expired => &errors::MARKETING_COUPON_EXPIRED,
        Unusable::Scope => &errors::MARKETING_COUPON_SCOPE,
        Unusable::Threshold => &errors::MARKETING_COUPON_THRESHOLD,
        Unusable::NotStackable => &errors::MARKETING_COUPON_NOT_STACKABLE,
    }
}

/// What a coupon takes off, in words.
pub(super) fn worth(template: &Template, locale: Locale) -> String {
    match (template.worth, locale) {
        (Worth::Amount { minor }, Locale::En) => format!("{} off", money(template, minor)),
        (Worth::Amount { minor }, Locale::Zh) => format!("立减 {}", money(template, minor)),
        (Worth::Percent { basis_points, cap_minor }, locale) => {
            let percent = percent(basis_points);
            let cap = money(template, cap_minor);
            match locale {
                Locale::En if cap_minor > 0 => format!("{percent} off, at most {cap}"),
                Locale::En => format!("{percent} off"),
                Locale::Zh if cap_minor > 0 => format!("优惠 {percent}，最多减 {cap}"),
                Locale::Zh => format!("优惠 {percent}"),
            }
        }
    }
}

/// Why a coupon cannot be used, in words.
pub(super) fn refusal(why: Unusable, template: &Template, locale: Locale) -> String {
    let threshold = || money(template, template.threshold_minor.max(1));
    match (why, locale) {
        (Unusable::Taken, Locale::En) => "it was used, or another order holds it".to_owned(),
        (Unusable::Taken, Locale::Zh) => "已使用，或正被其他订单占用".to_owned(),
        (Unusable::Expired, Locale::En) => "its time is over".to_owned(),
        (Unusable::Expired, Locale::Zh) => "已过有效期".to_owned(),
        (Unusable::Scope, Locale::En) => "it is for other shops, items or another currency".to_owned(),
        (Unusable::Scope, Locale::Zh) => "不适用于该店铺、商品或币种".to_owned(),
        (Unusable::Threshold, Locale::En) => format!("the items that it is for must cost at least {}", threshold()),
        (Unusable::Threshold, Locale::Zh) => format!("适用商品须满 {}", threshold()),
        (Unusable::NotStackable, Locale::En) => "it does not go together with the other coupons".to_owned(),
        (Unusable::NotStackable, Locale::Zh) => "不可与其他优惠券叠加使用".to_owned(),
    }
}

/// That the caller has no such coupon, in words.
pub(super) fn unknown(locale: Locale) -> String {
    match locale {
        Locale::En => "you have no such coupon".to_owned(),
        Locale::Zh => "您没有这张优惠券".to_owned(),
    }
}

fn money(template: &Template, minor: i64) -> String {
    template.currency.map_or_else(|| minor.to_string(), |currency| Money::new(minor, currency).to_string())
}

/// 1250 is 12.5%.
fn percent(basis_points: i64) -> String {
    let (whole, part) = (basis_points.div_euclid(100), basis_points.rem_euclid(100));
    match part {
        0 => format!("{whole}%"),
        part if part % 10 == 0 => format!("{whole}.{}%", part.div_euclid(10)),
        part => format!("{whole}.{part:02}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::tests::ten_off;

    #[test]
    fn reasons_are_said_in_both_languages() {
        let percent =
            |basis_points, cap_minor| Template { worth: Worth::Percent { basis_points, cap_minor }, ..ten_off() };
        assert_eq!(worth(&ten_off(), Locale::En), "10.00 CNY off");
        assert_eq!(worth(&ten_off(), Locale::Zh), "立减 10.00 CNY");
        assert_eq!(worth(&percent(1_250, 2_000), Locale::En), "12.5% off, at most 20.00 CNY");
        assert_eq!(worth(&percent(1_205, 0), Locale::Zh), "优惠 12.05%");
        let threshold = Template { threshold_minor: 5_000, ..ten_off() };
        let said = refusal(Unusable::Threshold, &threshold, Locale::Zh);
        assert_eq!(said, "适用商品须满 50.00 CNY");
    }
}
