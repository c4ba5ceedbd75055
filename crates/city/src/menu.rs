//! What a shop sells: products with variants, choices and prices.

use crate::random::{Random, Stream};
use crate::shop::Shop;
use crate::words::{Extra, Form, Item, Kind, Words};

/// Minor units of a yuan.
const FEN: i64 = 100;
/// Cheaper things are rounded to half a yuan, dearer ones to a whole one.
const CHEAP_MINOR: i64 = 30 * FEN;

/// A product (SPU).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its number within the shop.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// Under which heading of the menu.
    pub section: &'static str,
    /// The heading in English.
    pub section_en: &'static str,
    /// What can be bought, one at least; the first is the usual one.
    pub variants: Vec<Variant>,
    /// What can be chosen with it.
    pub modifier_groups: Vec<ModifierGroup>,
}

/// One form of a product that can be bought (SKU).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name, different in each variant of a product.
    pub name: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// What one costs, in fen (minor units of CNY).
    pub price_minor: i64,
}

/// Choices of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifierGroup {
    /// Its name.
    pub name: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// How many must be chosen at least.
    pub choices_min: u8,
    /// How many may be chosen at most.
    pub choices_max: u8,
    /// What can be chosen.
    pub modifiers: Vec<Modifier>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// Its name, different in each choice of a group.
    pub name: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// What it adds to the price, in fen.
    pub price_delta_minor: i64,
}

/// The menu of a shop: most of what its kind sells, at its own prices, section by section.
pub(crate) fn menu(seed: u64, kind: &'static Kind, shop: &Shop) -> Vec<Product> {
    let mut random = Random::new(seed, Stream::Menu, shop.number);
    let steps = i64::from(shop.price_level) - i64::from(kind.price_level);
    let percent = random.between(88, 115) + steps * 25;
    let mut products = Vec::new();
    for (place, (section, items)) in kind.menu.iter().enumerate() {
        // Last sections are desserts, drinks and the like, which nobody orders very hot.
        let has_choices = kind.menu.len() == 1 || kind.form == Form::Cup || place + 1 < kind.menu.len();
        let extras = if has_choices { kind.extras } else { &[] };
        for item in *items {
            // The first product is always there: no menu is empty.
            if !products.is_empty() && random.percent(12) {
                continue;
            }
            products.push(Product {
                number: u32::try_from(products.len()).unwrap_or(u32::MAX),
                name: item.0,
                name_en: item.1,
                section: section.0,
                section_en: section.1,
                variants: variants(&mut random, kind.form, item.2 * percent),
                modifier_groups: extras.iter().map(|extra| modifier_group(extra)).collect(),
            });
        }
    }
    products
}

/// The variants of a product whose usual price is `minor` fen.
fn variants(random: &mut Random, form: Form, minor: i64) -> Vec<Variant> {
    let standard: &[(Words, i64, i64)] = &[(("标准", "Standard"), 100, 0)];
    // The name, the percentage of the usual price, and what is added, in fen.
    let forms: &[(Words, i64, i64)] = match form {
        Form::Single => standard,
        Form::Portion if random.percent(60) => standard,
        Form::Portion => &[(("小份", "Small"), 100, 0), (("大份", "Large"), 160, 0)],
        Form::Cup => &[(("中杯", "Medium"), 100, 0), (("大杯", "Large"), 100, 3 * FEN)],
        Form::Clothing => &[(("S", "S"), 100, 0), (("M", "M"), 100, 0), (("L", "L"), 100, 0)],
        Form::Visits => {
            &[(("单次", "Once"), 100, 0), (("五次卡", "Five times"), 450, 0), (("十次卡", "Ten times"), 850, 0)]
        }
    };
    let variant = |&((name, name_en), percent, added): &(Words, i64, i64)| {
        let price_minor = rounded((minor * percent).div_euclid(100)) + added;
        Variant { name, name_en, price_minor }
    };
    forms.iter().map(variant).collect()
}

/// To the nearest half yuan or yuan, half a yuan at least.
fn rounded(minor: i64) -> i64 {
    let step = if minor < CHEAP_MINOR { FEN >> 1 } else { FEN };
    ((minor + (step >> 1)).div_euclid(step) * step).max(FEN >> 1)
}

fn modifier_group(extra: &Extra) -> ModifierGroup {
    let modifier = |&(name, name_en, yuan): &Item| Modifier { name, name_en, price_delta_minor: yuan * FEN };
    ModifierGroup {
        name: extra.name.0,
        name_en: extra.name.1,
        choices_min: extra.min,
        choices_max: extra.max,
        modifiers: extra.choices.iter().map(modifier).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_look_like_prices() {
        assert_eq!(
            [rounded(1_234), rounded(1_226), rounded(3_049), rounded(3_050), rounded(1)],
            [1_250, 1_250, 3_000, 3_100, 50]
        );
    }
}
