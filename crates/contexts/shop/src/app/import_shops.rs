//! Imports a batch of shops of another system. The same batch again changes nothing (TR-67, TR-68).

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{
    ImportNotice, ImportShopsRequest, ImportShopsResponse, ImportedShop, RefusedShop, ShopChanged, ShopState,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::submit_shop_application::{category_not_found, draft_row};
use crate::domain::category::Code;
use crate::store::categories;
use crate::store::shops::{self, ShopRow};

/// Prefix of the external ID that an export gives to a shop without one; the ID of the shop follows.
const OWN_SOURCE: &str = "pulse:";

/// Existing shops and categories that a batch refers to.
struct Known {
    by_id: BTreeMap<ShopId, ShopRow>,
    by_external_id: BTreeMap<String, ShopRow>,
    categories: BTreeSet<Code>,
}

/// Effect of a batch.
#[derive(Default)]
struct Plan {
    created: Vec<ShopRow>,
    updated: Vec<ShopRow>,
    /// Categories that shops are added to. A shop that keeps its category moves with it, which changes its version.
    categories: BTreeSet<Code>,
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
    let known = Known::load(app, batch).await?;
    let plan = plan(app, cx, batch, &known);
    let mut commit = categories::lock_all(Commit::new(), &plan.categories);
    if !plan.created.is_empty() {
        commit = commit.insert(shops::insert(&plan.created)).duplicate_is(&common::STORE_CONTENDED);
    }
    for row in &plan.updated {
        commit = commit.write(shops::update(row)).expect_rows(1);
    }
    for row in plan.created.iter().chain(&plan.updated) {
        commit = commit.event(row.id.get(), &ShopChanged { shop_id: row.id.get(), version: row.version });
    }
    let _order = app.active.in_order().await;
    store.commit(cx, commit.answer(cx, &plan.response)).await?;
    app.active.apply(plan.created.iter().chain(&plan.updated), &app.zones);
    for row in &plan.updated {
        app.cache.invalidate(&row.id);
    }
    Ok(plan.response)
}

impl Known {
    async fn load(app: &App, batch: &[ImportedShop]) -> Result<Self, Error> {
        let store = &app.deps.store;
        let own: Vec<ShopId> = batch.iter().filter_map(|shop| own_id(&shop.external_id)).collect();
        let by_id = shops::by_ids(store, &own).await?;
        let external_ids: Vec<&str> = batch.iter().map(|shop| shop.external_id.as_str()).collect();
        let by_external_id = shops::by_external_ids(store, &external_ids).await?;
        let codes = batch.iter().filter_map(|shop| Code::new(shop.shop.as_ref()?.category_code));
        let codes = codes.filter(|code| *code != Code::ALL).collect();
        Ok(Self {
            by_id: by_id.into_iter().map(|row| (row.id, row)).collect(),
            by_external_id: by_external_id
                .into_iter()
                .filter_map(|row| Some((row.external_id.clone()?, row)))
                .collect(),
            categories: categories::known(store, &codes).await?,
        })
    }

    fn shop(&self, external_id: &str) -> Option<&ShopRow> {
        let own = own_id(external_id).and_then(|id| self.by_id.get(&id));
        own.or_else(|| self.by_external_id.get(external_id))
    }
}

/// The ID in `pulse:17`, in the form of an export.
fn own_id(external_id: &str) -> Option<ShopId> {
    let digits = external_id.strip_prefix(OWN_SOURCE)?;
    let id: i64 = digits.parse().ok()?;
    (id > 0 && id.to_string() == digits).then(|| ShopId::new(id))
}

fn plan(app: &App, cx: &Cx, batch: &[ImportedShop], known: &Known) -> Plan {
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    for (index, shop) in batch.iter().enumerate() {
        let old = known.shop(&shop.external_id);
        // A shop can have two external IDs: its own ID here and the ID of another system.
        let is_first = seen.insert(old.map(|old| old.id).ok_or(shop.external_id.as_str()));
        let outcome = if is_first {
            row(app, cx, shop, known)
        } else {
            let id = &shop.external_id;
            Err(common::VALIDATION_FAILED
                .error(format!("external_id must be unique within the batch, got {id:?} twice")))
        };
        if outcome.is_ok() {
            plan.response.notices.extend(hours_notice(app, index, shop));
        }
        match (outcome, old) {
            (Err(error), _) => plan.response.refused.push(refused(index, shop, &error)),
            (Ok(row), None) => {
                plan.response.created_count += 1;
                plan.categories.insert(row.category);
                plan.created.push(row);
            }
            (Ok(row), Some(old)) => {
                let row = replaced(old, row);
                if row == *old {
                    plan.response.unchanged_count += 1;
                } else {
                    plan.response.updated_count += 1;
                    if row.category != old.category {
                        plan.categories.insert(row.category);
                    }
                    plan.updated.push(ShopRow { version: old.version + 1, ..row });
                }
            }
        }
    }
    plan
}

/// An existing shop keeps its ID, its owner, its creation time and the reason of its review.
fn replaced(old: &ShopRow, new: ShopRow) -> ShopRow {
    let is_own = old.external_id != new.external_id;
    let mut row =
        ShopRow { id: old.id, merchant: old.merchant, version: old.version, created_at: old.created_at, ..new };
    row.details.review_reason.clone_from(&old.details.review_reason);
    if is_own {
        // The import names the shop by its ID here, so its state and its external ID stay.
        row.state = old.state;
        row.external_id.clone_from(&old.external_id);
    }
    row
}

fn row(app: &App, cx: &Cx, shop: &ImportedShop, known: &Known) -> Result<ShopRow, Error> {
    let id = ShopId::new(app.deps.store.next_id(cx.now));
    let mut row = draft_row(app, cx, id, shop.shop.clone().unwrap_or_default())?;
    if row.category != Code::ALL && !known.categories.contains(&row.category) {
        return Err(category_not_found(row.category.get()));
    }
    row.state = if shop.is_closed { ShopState::Closed } else { ShopState::Active };
    row.external_id = Some(shop.external_id.clone());
    row.rating_hundredths = u16::try_from(shop.rating_hundredths).unwrap_or_default();
    row.rating_count = u32::try_from(shop.rating_count).unwrap_or_default();
    row.details.tags.clone_from(&shop.tags);
    Ok(row)
}

/// The notice about opening hours of which a part cannot be read.
fn hours_notice(app: &App, index: usize, shop: &ImportedShop) -> Option<ImportNotice> {
    let hours = app.zones.read(shop.shop.as_ref()?.hours.as_ref()?).ok()?;
    let first = hours.mistakes().first()?;
    Some(ImportNotice {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        external_id: shop.external_id.clone(),
        text: format!("hours: cannot read {:?} at character {}; its days are unknown", first.text, first.position),
    })
}

fn refused(index: usize, shop: &ImportedShop, error: &Error) -> RefusedShop {
    RefusedShop {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        external_id: shop.external_id.clone(),
        code: error.code().to_owned(),
        reason: error.detail().to_owned(),
    }
}
