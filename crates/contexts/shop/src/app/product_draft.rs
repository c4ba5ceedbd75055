//! Turns what a merchant says about a product into a row, when it does not contradict itself.

use std::collections::BTreeSet;

use pulse_contract::shop::v1::{ModifierGroup, ProductDraft, StoredProduct, Variant, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Violation};

use super::App;
use super::submit_shop_application::category;
use crate::domain::menu::{self, Group, Modifier};
use crate::store::products::{ProductId, ProductRow};

/// The row of a new product; `known` are the variants that it may keep.
///
/// # Errors
/// `SHOP_PRODUCT_INVALID` with everything that is wrong.
pub(super) fn row(
    app: &App,
    cx: &Cx,
    shop: ShopId,
    draft: ProductDraft,
    known: &[Variant],
) -> Result<ProductRow, Error> {
    let mut violations = contradictions(&draft, known);
    let groups: Vec<Group> = draft.modifier_groups.iter().map(group).collect();
    if let Err(faults) = menu::check_groups(&groups) {
        violations.extend(faults.into_iter().map(|fault| Violation {
            field: match fault.modifier {
                None => format!("product.modifier_groups[{}]", fault.group).into(),
                Some(modifier) => format!("product.modifier_groups[{}].modifiers[{modifier}]", fault.group).into(),
            },
            code: "menu.groups".into(),
            message: format!("{:?}", fault.kind).into(),
        }));
    }
    if !violations.is_empty() {
        return Err(errors::SHOP_PRODUCT_INVALID.error("the product contradicts itself").with_violations(violations));
    }
    let store = &app.deps.store;
    let variants = draft.variants.into_iter().map(|variant| Variant {
        variant_id: if variant.variant_id == 0 { store.next_id(cx.now) } else { variant.variant_id },
        name: variant.name,
        price: variant.price,
        merchant_sku: variant.merchant_sku,
    });
    Ok(ProductRow {
        id: ProductId::new(store.next_id(cx.now)),
        shop,
        name: draft.name,
        category: category(draft.category_code)?,
        is_on_sale: draft.is_on_sale,
        is_shared: draft.is_shared,
        details: StoredProduct {
            name_en: draft.name_en,
            description: draft.description,
            section: draft.section,
            image_urls: draft.image_urls,
            variants: variants.collect(),
            modifier_groups: draft.modifier_groups,
        },
        version: 1,
        created_at: cx.now,
    })
}

fn contradictions(draft: &ProductDraft, known: &[Variant]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut say = |index: usize, field: &str, code: &'static str, message: &'static str| {
        violations.push(Violation {
            field: format!("product.variants[{index}].{field}").into(),
            code: code.into(),
            message: message.into(),
        });
    };
    let currency = draft.variants.first().and_then(|variant| variant.price.as_ref()).map(|price| &price.currency);
    let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (index, variant) in draft.variants.iter().enumerate() {
        if !names.insert(variant.name.as_str()) {
            say(index, "name", "variant.name_twice", "another variant has this name");
        }
        if variant.price.as_ref().is_some_and(|price| price.minor < 0) {
            say(index, "price.minor", "variant.price_negative", "a price is not negative");
        }
        if variant.price.as_ref().map(|price| &price.currency) != currency {
            say(index, "price.currency", "variant.currency_mixed", "all variants have one currency");
        }
        let is_new = variant.variant_id == 0;
        if !is_new && !known.iter().any(|known| known.variant_id == variant.variant_id) {
            say(index, "variant_id", "variant.unknown", "the product has no such variant");
        }
        if !is_new && !ids.insert(variant.variant_id) {
            say(index, "variant_id", "variant.id_twice", "another variant has this id");
        }
    }
    violations
}

fn group(wire: &ModifierGroup) -> Group {
    Group {
        name: wire.name.clone(),
        choices_min: u16::try_from(wire.choices_min).unwrap_or(u16::MAX),
        choices_max: u16::try_from(wire.choices_max).unwrap_or_default(),
        modifiers: wire
            .modifiers
            .iter()
            .map(|modifier| Modifier { name: modifier.name.clone(), price_delta_minor: modifier.price_delta_minor })
            .collect(),
    }
}
