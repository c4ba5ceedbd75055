//! Changes a shop: content, opening hours, closed or reopened.

use pulse_contract::shop::v1::{
    CloseShopRequest, ReopenShopRequest, SetHoursRequest, Shop, ShopChanged, ShopState, UpdateShopRequest, errors,
};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::get_shop::not_found;
use super::submit_shop_application::{category, check_category, position_of};
use super::text_rules::TextRules;
use super::{App, view};
use crate::domain::category::Code;
use crate::store::categories;
use crate::store::shops::{self, ShopRow};

pub(crate) async fn update_shop(app: &App, cx: &Cx, request: UpdateShopRequest) -> Result<Shop, Error> {
    let id = ShopId::new(request.shop_id);
    if let Some(code) = request.category_code {
        check_category(app, category(code)?).await?;
    }
    let read = load(app, id).await?;
    if read.version != request.version {
        return Err(stale(read.version));
    }
    let version = read.version;
    let is_category_given = request.category_code.is_some();
    let row = apply(read, request)?;
    let locked = if is_category_given { row.category } else { Code::ALL };
    match commit(app, cx, row, categories::lock(Commit::new(), locked)).await {
        // Not retried: the caller decided by the version that it has read.
        Err(error) if error.code() == pulse_contract::errors::STORE_CONTENDED.code => Err(stale(version)),
        outcome => outcome,
    }
}

fn apply(read: ShopRow, request: UpdateShopRequest) -> Result<ShopRow, Error> {
    let mut row = read;
    if let Some(location) = request.location {
        row.at = position_of(location.latitude, location.longitude)?;
    }
    if let Some(code) = request.category_code {
        row.category = category(code)?;
    }
    let mut rules = TextRules::default();
    if let Some(name) = request.name {
        row.name = rules.name("name", name);
    }
    row.price_level = request.price_level.and_then(|level| u8::try_from(level).ok()).unwrap_or(row.price_level);
    let details = &mut row.details;
    replace(&mut details.name_en, request.name_en.map(|name| rules.optional_name("name_en", name)));
    replace(&mut details.address, request.address);
    replace(&mut details.phone, request.phone);
    replace(&mut details.website, request.website.map(|website| rules.web_address("website", website)));
    rules.check()?;
    replace(&mut details.description, request.description);
    Ok(row)
}

fn replace(field: &mut String, value: Option<String>) {
    if let Some(value) = value {
        *field = value;
    }
}

pub(crate) async fn set_hours(app: &App, cx: &Cx, request: SetHoursRequest) -> Result<Shop, Error> {
    let hours = request.hours.unwrap_or_default();
    app.zones.check(&hours)?;
    let id = ShopId::new(request.shop_id);
    app.deps
        .store
        .attempt(cx, || async {
            let mut row = load_expected(app, id, request.expected_version).await?;
            row.details.hours = Some(hours.clone());
            commit(app, cx, row, Commit::new()).await
        })
        .await
}

pub(crate) async fn close_shop(app: &App, cx: &Cx, request: CloseShopRequest) -> Result<Shop, Error> {
    change_state(app, cx, ShopId::new(request.shop_id), ShopState::Closed).await
}

pub(crate) async fn reopen_shop(app: &App, cx: &Cx, request: ReopenShopRequest) -> Result<Shop, Error> {
    change_state(app, cx, ShopId::new(request.shop_id), ShopState::Active).await
}

async fn change_state(app: &App, cx: &Cx, id: ShopId, to: ShopState) -> Result<Shop, Error> {
    app.deps
        .store
        .attempt(cx, || async {
            let row = load(app, id).await?;
            if row.state == to {
                return Ok(view::shop(&view::known(app, row), cx.now));
            }
            if !matches!(row.state, ShopState::Active | ShopState::Closed) {
                return Err(state_invalid(row.state));
            }
            commit(app, cx, ShopRow { state: to, ..row }, Commit::new()).await
        })
        .await
}

pub(super) fn state_invalid(state: ShopState) -> Error {
    let state = state.as_str_name();
    errors::SHOP_STATE_INVALID.error(format!("not allowed for a shop in state {state}")).with("state", state)
}

pub(super) async fn load(app: &App, id: ShopId) -> Result<ShopRow, Error> {
    shops::by_id(&app.deps.store, id).await?.ok_or_else(|| not_found(id))
}

/// The shop in the version that the caller has read; 0 means any version.
pub(super) async fn load_expected(app: &App, id: ShopId, version: i64) -> Result<ShopRow, Error> {
    let row = load(app, id).await?;
    if version == 0 || row.version == version { Ok(row) } else { Err(stale(row.version)) }
}

fn stale(version: i64) -> Error {
    errors::SHOP_VERSION_STALE
        .error(format!("version must be the current version of the shop, which is {version}"))
        .with("version", version)
}

/// Commits a changed row under its next version.
pub(super) async fn commit(app: &App, cx: &Cx, row: ShopRow, commit: Commit) -> Result<Shop, Error> {
    let row = ShopRow { version: row.version + 1, ..row };
    let (id, event) = (row.id, ShopChanged { shop_id: row.id.get(), version: row.version });
    let commit = commit.write(shops::update(&row)).expect_rows(1).event(id.get(), &event);
    let shop = view::shop(&view::known(app, row), cx.now);
    app.commit_shop(cx, id, commit.answer(cx, &shop)).await?;
    Ok(shop)
}
