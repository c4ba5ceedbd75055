//! Submits an application for a new shop, which an operator reviews.

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{
    Shop, ShopApplied, ShopDraft, ShopState, StoredShop, SubmitShopApplicationRequest, errors,
};
use pulse_kernel::id::{MerchantId, ShopId};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::text_rules::TextRules;
use super::{App, merchants::owned, view};
use crate::domain::category::Code;
use crate::domain::geo::GeoPoint;
use crate::store::shops::ShopRow;
use crate::store::{categories, merchants, shops};

pub(crate) async fn submit_shop_application(
    app: &App,
    cx: &Cx,
    request: SubmitShopApplicationRequest,
) -> Result<Shop, Error> {
    let draft = request.shop.unwrap_or_default();
    let merchant = MerchantId::new(request.merchant_id);
    let store = &app.deps.store;
    let id = ShopId::new(store.next_id(cx.now));
    if let Some(hours) = &draft.hours {
        app.zones.check(hours)?;
    }
    let row = draft_row(app, cx, id, draft)?;
    store.attempt(cx, || commit(app, cx, merchant, &row)).await
}

async fn commit(app: &App, cx: &Cx, merchant: MerchantId, row: &ShopRow) -> Result<Shop, Error> {
    let read = owned(app, cx, merchant).await?;
    check_category(app, row.category).await?;
    let limit = app.deps.config.shops_per_merchant_max;
    if read.shop_count >= limit {
        let detail = format!("a merchant can have at most {limit} shops, and this one has {}", read.shop_count);
        return Err(errors::SHOP_LIMIT.error(detail).with("shops", read.shop_count));
    }
    let row = ShopRow { merchant, state: ShopState::PendingReview, ..row.clone() };
    let event = ShopApplied { shop_id: row.id.get(), merchant_id: merchant.get(), name: row.name.clone() };
    let commit = categories::lock(Commit::new(), row.category)
        .insert(shops::insert([&row]))
        .write(merchants::count_shop(&read))
        .expect_rows(1)
        .event(row.id.get(), &event);
    let shop = view::shop(&view::known(app, row), cx.now);
    app.deps.store.commit(cx, commit.answer(cx, &shop)).await?;
    Ok(shop)
}

/// The row of a new active shop without an owner, with checked hours and position.
///
/// # Errors
/// `SHOP_HOURS_INVALID`, `SHOP_TIME_ZONE_UNKNOWN`; `VALIDATION_FAILED` for a position outside of the earth, an invisible
/// name, or an address that is no web address;
/// `SHOP_CATEGORY_NOT_FOUND` for an invalid code.
pub(super) fn draft_row(app: &App, cx: &Cx, id: ShopId, draft: ShopDraft) -> Result<ShopRow, Error> {
    if let Some(hours) = &draft.hours {
        app.zones.read(hours)?;
    }
    let location = draft.location.unwrap_or_default();
    let mut rules = TextRules::default();
    let name = rules.name("shop.name", draft.name);
    let name_en = rules.optional_name("shop.name_en", draft.name_en);
    let website = rules.web_address("shop.website", draft.website);
    let image_urls = rules.pictures("shop.image_urls", draft.image_urls);
    rules.check()?;
    Ok(ShopRow {
        id,
        merchant: MerchantId::new(0),
        name,
        state: ShopState::Active,
        external_id: None,
        category: category(draft.category_code)?,
        at: position_of(location.latitude, location.longitude)?,
        price_level: u8::try_from(draft.price_level).unwrap_or_default(),
        rating_hundredths: 0,
        rating_count: 0,
        details: StoredShop {
            name_en,
            address: draft.address,
            phone: draft.phone,
            website,
            hours: draft.hours,
            image_urls,
            description: draft.description,
            ..StoredShop::default()
        },
        version: 1,
        created_at: cx.now,
    })
}

pub(super) fn position_of(latitude: Option<f64>, longitude: Option<f64>) -> Result<GeoPoint, Error> {
    // An import, or another context in this process, is not stopped by the rules of the contract.
    let (Some(latitude), Some(longitude)) = (latitude, longitude) else {
        return Err(common::VALIDATION_FAILED.error("latitude and longitude are required"));
    };
    GeoPoint::from_degrees(latitude, longitude).ok_or_else(|| {
        let rule = "latitude must be between -90 and 90 and longitude between -180 and 180";
        common::VALIDATION_FAILED.error(format!("{rule}, got {latitude} and {longitude}"))
    })
}

pub(super) fn category(code: i64) -> Result<Code, Error> {
    Code::new(code).ok_or_else(|| category_not_found(code))
}

/// Checks that the category exists. Code 0 means no category and always passes.
pub(super) async fn check_category(app: &App, code: Code) -> Result<(), Error> {
    if code == Code::ALL || categories::by_code(&app.deps.store, code).await?.is_some() {
        return Ok(());
    }
    Err(category_not_found(code.get()))
}

pub(super) fn category_not_found(code: i64) -> Error {
    errors::SHOP_CATEGORY_NOT_FOUND.error(format!("category {code} does not exist")).with("category_code", code)
}
