//! Catalogues of suppliers: written at once, listed in batches (TR-80).

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::Money;
use pulse_contract::errors as common;
use pulse_contract::page::{self, Page};
use pulse_contract::shop::v1::{
    GetSupplierItemRequest, ListSupplierItemsRequest, ListSupplierItemsResponse, PutSupplierItemsRequest,
    PutSupplierItemsResponse, SupplierItem, SupplierItemDraft, SupplierItemsChanged, errors,
};
use pulse_kernel::id::MerchantId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::merchants::owned;
use super::submit_shop_application::{category, check_category};
use super::text_rules::TextRules;
use crate::store::categories;
use crate::store::items::{self, ItemRow};

pub(crate) async fn put_supplier_items(
    app: &App,
    cx: &Cx,
    request: PutSupplierItemsRequest,
) -> Result<PutSupplierItemsResponse, Error> {
    let merchant = MerchantId::new(request.merchant_id);
    owned(app, cx, merchant).await?;
    let mut codes = BTreeSet::new();
    if let Some(index) = request.items.iter().position(|item| !codes.insert(item.item_code.as_str())) {
        let code = request.items.get(index).map(|item| item.item_code.as_str()).unwrap_or_default();
        let detail = format!("items[{index}].item_code must be unique within the batch, got {code:?} twice");
        return Err(common::VALIDATION_FAILED.error(detail));
    }
    let mut rules = TextRules::default();
    let items: Vec<SupplierItemDraft> = request
        .items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let name = rules.name(&format!("items[{index}].name"), item.name.clone());
            SupplierItemDraft { name, ..item }
        })
        .collect();
    rules.check()?;
    app.deps.store.attempt(cx, || put(app, cx, merchant, &items)).await
}

async fn put(
    app: &App,
    cx: &Cx,
    merchant: MerchantId,
    batch: &[SupplierItemDraft],
) -> Result<PutSupplierItemsResponse, Error> {
    let store = &app.deps.store;
    let codes: Vec<&str> = batch.iter().map(|item| item.item_code.as_str()).collect();
    let known = items::by_codes(store, merchant, &codes).await?;
    let known: BTreeMap<String, ItemRow> = known.into_iter().map(|row| (row.code.clone(), row)).collect();
    let (mut created, mut updated, mut response) = (Vec::new(), Vec::new(), PutSupplierItemsResponse::default());
    for draft in batch {
        let old = known.get(&draft.item_code);
        let row = row(merchant, draft, old, || store.next_id(cx.now))?;
        match old {
            None => created.push(row),
            Some(old) if row == *old => response.unchanged_count += 1,
            Some(old) => updated.push(ItemRow { version: old.version + 1, ..row }),
        }
    }
    response.created_count = i32::try_from(created.len()).unwrap_or(i32::MAX);
    response.updated_count = i32::try_from(updated.len()).unwrap_or(i32::MAX);
    // In the order of the codes, so that concurrent batches do not deadlock.
    let mut commit = Commit::new();
    for category in created.iter().chain(&updated).map(|row| row.category).collect::<BTreeSet<_>>() {
        check_category(app, category).await?;
        commit = categories::lock(commit, category);
    }
    commit = items::put(commit, &created, &updated);
    let item_ids: Vec<i64> = created.iter().chain(&updated).map(|row| row.id).collect();
    if !item_ids.is_empty() {
        // A unique key per event: each item has a version, so the order of events does not matter.
        commit = commit.event(store.next_id(cx.now), &SupplierItemsChanged { merchant_id: merchant.get(), item_ids });
    }
    store.commit(cx, commit.answer(cx, &response)).await?;
    Ok(response)
}

fn row(
    merchant: MerchantId,
    draft: &SupplierItemDraft,
    old: Option<&ItemRow>,
    next_id: impl FnOnce() -> i64,
) -> Result<ItemRow, Error> {
    let price = draft.price.clone().unwrap_or_default();
    if price.minor < 0 {
        let detail = format!("price.minor must be 0 or more, got {} for item {:?}", price.minor, draft.item_code);
        return Err(common::VALIDATION_FAILED.error(detail).with("item_code", &draft.item_code));
    }
    Ok(ItemRow {
        id: old.map_or_else(next_id, |old| old.id),
        merchant,
        code: draft.item_code.clone(),
        name: draft.name.clone(),
        category: category(draft.category_code)?,
        price_minor: price.minor,
        currency: price.currency,
        is_available: draft.is_available,
        version: old.map_or(1, |old| old.version),
    })
}

pub(crate) async fn get_supplier_item(
    app: &App,
    cx: &Cx,
    request: GetSupplierItemRequest,
) -> Result<SupplierItem, Error> {
    let merchant = owned(app, cx, MerchantId::new(request.merchant_id)).await?;
    let found = items::by_codes(&app.deps.store, merchant.id, &[&request.item_code]).await?;
    found.into_iter().next().map(view).ok_or_else(|| {
        errors::SHOP_ITEM_NOT_FOUND
            .error(format!("the supplier has no item {:?}", request.item_code))
            .with("item_code", &request.item_code)
    })
}

pub(crate) async fn list_supplier_items(
    app: &App,
    _cx: &Cx,
    request: ListSupplierItemsRequest,
) -> Result<ListSupplierItemsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(0, |[id]| id);
    let category = category(request.category_code)?;
    let found = items::in_category(&app.deps.store, category, after, page.limit_plus_one()).await?;
    let (found, next_page_token) = page.cut(found, |row| page::token(&[row.id]));
    let as_of = app.item_projector.as_of().map(Into::into);
    Ok(ListSupplierItemsResponse { items: found.into_iter().map(view).collect(), next_page_token, as_of })
}

fn view(row: ItemRow) -> SupplierItem {
    SupplierItem {
        item_id: row.id,
        merchant_id: row.merchant.get(),
        item_code: row.code,
        name: row.name,
        category_code: row.category.get(),
        price: Some(Money { minor: row.price_minor, currency: row.currency }),
        is_available: row.is_available,
        version: row.version,
    }
}
