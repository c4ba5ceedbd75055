//! Takes in a batch of shops from elsewhere. The same batch again changes nothing (TR-67, TR-68).

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{
    ImportShopsRequest, ImportShopsResponse, ImportedShop, RefusedShop, ShopChanged, ShopState,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::apply_shop::draft_row;
use crate::store::shops::{self, ShopRow};

/// What is to be done with a batch.
#[derive(Default)]
struct Plan {
    created: Vec<ShopRow>,
    updated: Vec<ShopRow>,
    response: ImportShopsResponse,
}

pub(crate) async fn import_shops(
    app: &App,
    cx: &Cx,
    request: ImportShopsRequest,
) -> Result<ImportShopsResponse, Error> {
    app.deps.store.attempt(cx, || import(app, cx, &request.shops)).await
}

async fn import(app: &App, cx: &Cx, batch: &[ImportedShop]) -> Result<ImportShopsResponse, Error> {
    let store = &app.deps.store;
    let ids: Vec<&str> = batch.iter().map(|shop| shop.external_id.as_str()).collect();
    let known = shops::by_external_ids(store, &ids).await?;
    let known = known.into_iter().filter_map(|row| Some((row.external_id.clone()?, row))).collect();
    let plan = plan(app, cx, batch, known);
    let mut commit = Commit::new();
    if !plan.created.is_empty() {
        commit = commit.insert(shops::insert(&plan.created)).duplicate_is(&common::STORE_CONTENDED);
    }
    for row in &plan.updated {
        commit = commit.write(shops::update(row)).expect_rows(1);
    }
    for row in plan.created.iter().chain(&plan.updated) {
        commit = commit.event(row.id.get(), &ShopChanged { shop_id: row.id.get(), version: row.version });
    }
    let _order = app.places.in_order().await;
    store.commit(cx, commit.answer(cx, &plan.response)).await?;
    app.places.apply(plan.created.iter().chain(&plan.updated), &app.zones);
    for row in &plan.updated {
        app.cache.invalidate(&row.id);
    }
    Ok(plan.response)
}

fn plan(app: &App, cx: &Cx, batch: &[ImportedShop], known: BTreeMap<String, ShopRow>) -> Plan {
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    for (index, shop) in batch.iter().enumerate() {
        let outcome = if seen.insert(shop.external_id.as_str()) {
            row(app, cx, shop)
        } else {
            Err(common::VALIDATION_FAILED.error("the batch holds this external id twice"))
        };
        match (outcome, known.get(&shop.external_id)) {
            (Err(error), _) => plan.response.refused.push(refused(index, shop, &error)),
            (Ok(row), None) => {
                plan.response.created_count += 1;
                plan.created.push(row);
            }
            (Ok(row), Some(old)) => {
                // What began elsewhere keeps its id, its owner and its birthday.
                let row = ShopRow {
                    id: old.id,
                    merchant: old.merchant,
                    version: old.version,
                    created_at: old.created_at,
                    ..row
                };
                if row == *old {
                    plan.response.unchanged_count += 1;
                } else {
                    plan.response.updated_count += 1;
                    plan.updated.push(ShopRow { version: old.version + 1, ..row });
                }
            }
        }
    }
    plan
}

fn row(app: &App, cx: &Cx, shop: &ImportedShop) -> Result<ShopRow, Error> {
    let id = ShopId::new(app.deps.store.next_id(cx.now));
    let mut row = draft_row(app, cx, id, shop.shop.clone().unwrap_or_default())?;
    row.state = if shop.is_closed { ShopState::Closed } else { ShopState::Active };
    row.external_id = Some(shop.external_id.clone());
    row.rating_hundredths = u16::try_from(shop.rating_hundredths).unwrap_or_default();
    row.rating_count = u32::try_from(shop.rating_count).unwrap_or_default();
    row.details.tags.clone_from(&shop.tags);
    Ok(row)
}

fn refused(index: usize, shop: &ImportedShop, error: &Error) -> RefusedShop {
    RefusedShop {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        external_id: shop.external_id.clone(),
        code: error.code().to_owned(),
        reason: error.detail().to_owned(),
    }
}
