//! Checks the draft of a product and makes its row.

use std::collections::BTreeSet;

use pulse_contract::shop::v1::{ModifierGroup, ProductDraft, StoredProduct, Variant, errors};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Violation};

use super::App;
use super::submit_shop_application::category;
use super::text_rules::TextRules;
use crate::domain::menu::{self, CHOICES_MAX, FaultKind, GROUPS_MAX, Group, MODIFIERS_MAX, Modifier};
use crate::store::products::{ProductId, ProductRow};

/// The row of a new product; `known` are the variants whose IDs it may keep.
///
/// # Errors
/// `VALIDATION_FAILED` for texts; `SHOP_PRODUCT_INVALID` with all other violations.
pub(super) fn row(
    app: &App,
    cx: &Cx,
    shop: ShopId,
    draft: ProductDraft,
    known: &[Variant],
) -> Result<ProductRow, Error> {
    let draft = with_checked_texts(draft)?;
    let mut violations = variant_violations(&draft, known);
    let groups: Vec<Group> = draft.modifier_groups.iter().map(group).collect();
    if let Err(faults) = menu::check_groups(&groups) {
        violations.extend(faults.into_iter().map(|fault| Violation {
            field: match fault.modifier {
                None => format!("product.modifier_groups[{}]", fault.group).into(),
                Some(modifier) => format!("product.modifier_groups[{}].modifiers[{modifier}]", fault.group).into(),
            },
            code: "menu.groups".into(),
            message: rule_of(fault.kind).into(),
        }));
    }
    if !violations.is_empty() {
        return Err(errors::SHOP_PRODUCT_INVALID
            .error(format!("the product has {} violations; see errors", violations.len()))
            .with_violations(violations));
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

/// The draft with its names trimmed, before names are compared.
fn with_checked_texts(mut draft: ProductDraft) -> Result<ProductDraft, Error> {
    let mut rules = TextRules::default();
    draft.name = rules.name("product.name", draft.name);
    draft.name_en = rules.optional_name("product.name_en", draft.name_en);
    draft.section = rules.optional_name("product.section", draft.section);
    draft.image_urls = rules.pictures("product.image_urls", draft.image_urls);
    for (index, variant) in draft.variants.iter_mut().enumerate() {
        let field = format!("product.variants[{index}].name");
        variant.name = rules.name(&field, std::mem::take(&mut variant.name));
    }
    for (index, group) in draft.modifier_groups.iter_mut().enumerate() {
        let field = format!("product.modifier_groups[{index}]");
        group.name = rules.optional_name(&[&field, ".name"].concat(), std::mem::take(&mut group.name));
        for (index, modifier) in group.modifiers.iter_mut().enumerate() {
            let field = format!("{field}.modifiers[{index}].name");
            modifier.name = rules.optional_name(&field, std::mem::take(&mut modifier.name));
        }
    }
    rules.check()?;
    Ok(draft)
}

fn variant_violations(draft: &ProductDraft, known: &[Variant]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |index: usize, field: &str, code: &'static str, message: String| {
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
            add(
                index,
                "name",
                "variant.name_twice",
                format!("must be unique within the product, got {:?} twice", variant.name),
            );
        }
        if let Some(price) = variant.price.as_ref().filter(|price| price.minor < 0) {
            add(index, "price.minor", "variant.price_negative", format!("must be 0 or more, got {}", price.minor));
        }
        if variant.price.as_ref().map(|price| &price.currency) != currency {
            let expected = currency.map_or("", String::as_str);
            add(
                index,
                "price.currency",
                "variant.currency_mixed",
                format!("must be {expected:?}, as in the first variant"),
            );
        }
        let is_new = variant.variant_id == 0;
        if !is_new && !known.iter().any(|known| known.variant_id == variant.variant_id) {
            let message = format!("must be 0 or the ID of a variant of the product, got {}", variant.variant_id);
            add(index, "variant_id", "variant.unknown", message);
        }
        if !is_new && !ids.insert(variant.variant_id) {
            let message = format!("must be unique within the product, got {} twice", variant.variant_id);
            add(index, "variant_id", "variant.id_twice", message);
        }
    }
    violations
}

/// The rule that a fault breaks.
fn rule_of(kind: FaultKind) -> String {
    match kind {
        FaultKind::TooMany => {
            format!("a product has at most {GROUPS_MAX} groups, and a group at most {MODIFIERS_MAX} modifiers")
        }
        FaultKind::NameInvalid => "name must not be blank and must be unique".to_owned(),
        FaultKind::ChoicesInvalid => {
            format!("choices_max must be at least 1, at least choices_min and at most {CHOICES_MAX}")
        }
        FaultKind::Empty => "a group must have at least one modifier".to_owned(),
        FaultKind::PriceNegative => "price_delta_minor must be 0 or more".to_owned(),
    }
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
