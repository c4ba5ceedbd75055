//! Texts for people about discounts and ineligible coupons.

use pulse_contract::marketing::v1::errors;
use pulse_kernel::{ErrorSpec, Locale, Money};

use crate::domain::discount::Ineligible;
use crate::domain::template::{DiscountValue, Template};

/// Error code of an ineligible coupon.
pub(super) fn spec(why: Ineligible) -> &'static ErrorSpec {
    match why {
        Ineligible::Taken => &errors::MARKETING_COUPON_TAKEN,
        Ineligible::Expired => &errors::MARKETING_COUPON_EXPIRED,
        Ineligible::Scope => &errors::MARKETING_COUPON_SCOPE,
        Ineligible::Threshold => &errors::MARKETING_COUPON_THRESHOLD,
        Ineligible::NotStackable => &errors::MARKETING_COUPON_NOT_STACKABLE,
    }
}

/// Text of a discount.
pub(super) fn discount(template: &Template, locale: Locale) -> String {
    match (template.discount, locale) {
        (DiscountValue::Amount { minor }, Locale::En) => format!("{} off", money(template, minor)),
        (DiscountValue::Amount { minor }, Locale::Zh) => format!("立减 {}", money(template, minor)),
        (DiscountValue::Percent { basis_points, cap_minor }, locale) => {
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

/// Text of an ineligible coupon.
pub(super) fn refusal(why: Ineligible, template: &Template, locale: Locale) -> String {
    let threshold = || money(template, template.threshold_minor.max(1));
    match (why, locale) {
        (Ineligible::Taken, Locale::En) => "used already, or reserved by another order".to_owned(),
        (Ineligible::Taken, Locale::Zh) => "已使用，或正被其他订单占用".to_owned(),
        (Ineligible::Expired, Locale::En) => "expired".to_owned(),
        (Ineligible::Expired, Locale::Zh) => "已过有效期".to_owned(),
        (Ineligible::Scope, Locale::En) => "not valid for this shop, these items or this currency".to_owned(),
        (Ineligible::Scope, Locale::Zh) => "不适用于该店铺、商品或币种".to_owned(),
        (Ineligible::Threshold, Locale::En) => format!("the items it applies to must cost at least {}", threshold()),
        (Ineligible::Threshold, Locale::Zh) => format!("适用商品须满 {}", threshold()),
        (Ineligible::NotStackable, Locale::En) => "cannot be combined with the other coupons".to_owned(),
        (Ineligible::NotStackable, Locale::Zh) => "不可与其他优惠券叠加使用".to_owned(),
    }
}

/// Text of a coupon that the caller does not have.
pub(super) fn unknown(locale: Locale) -> String {
    match locale {
        Locale::En => "you do not have this coupon".to_owned(),
        Locale::Zh => "您没有这张优惠券".to_owned(),
    }
}

fn money(template: &Template, minor: i64) -> String {
    template.currency.map_or_else(|| minor.to_string(), |currency| Money::new(minor, currency).to_string())
}

/// 1250 basis points are 12.5%.
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
    fn texts_exist_in_both_languages() {
        let percent = |basis_points, cap_minor| Template {
            discount: DiscountValue::Percent { basis_points, cap_minor },
            ..ten_off()
        };
        assert_eq!(discount(&ten_off(), Locale::En), "10.00 CNY off");
        assert_eq!(discount(&ten_off(), Locale::Zh), "立减 10.00 CNY");
        assert_eq!(discount(&percent(1_250, 2_000), Locale::En), "12.5% off, at most 20.00 CNY");
        assert_eq!(discount(&percent(1_205, 0), Locale::Zh), "优惠 12.05%");
        let threshold = Template { threshold_minor: 5_000, ..ten_off() };
        let text = refusal(Ineligible::Threshold, &threshold, Locale::Zh);
        assert_eq!(text, "适用商品须满 50.00 CNY");
    }
}
