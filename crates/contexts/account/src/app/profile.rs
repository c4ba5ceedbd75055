//! Returns and changes profiles.

use pulse_contract::account::v1::{Account, GetMeRequest, GetProfileRequest, Profile, UpdateMeRequest, errors};
use pulse_contract::errors as common;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error, text};
use pulse_store::Commit;

use super::{App, view};
use crate::store::accounts::{self, AccountRow};

pub(crate) async fn get_me(app: &App, cx: &Cx, _request: GetMeRequest) -> Result<Account, Error> {
    let row = load(app, caller(cx)?).await?;
    view::with_shops(app, row).await
}

pub(crate) async fn get_profile(app: &App, _cx: &Cx, request: GetProfileRequest) -> Result<Profile, Error> {
    Ok(view::profile(&load(app, AccountId::new(request.account_id)).await?))
}

pub(crate) async fn update_me(app: &App, cx: &Cx, request: UpdateMeRequest) -> Result<Account, Error> {
    if let Some(zone) = &request.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(errors::ACCOUNT_TIME_ZONE_UNKNOWN
            .error(format!("time_zone must be an IANA name such as Asia/Shanghai, got {zone:?}")));
    }
    if let Some(url) = request.avatar_url.as_deref().filter(|url| !url.is_empty()) {
        let invalid = |fault| common::VALIDATION_FAILED.error(format!("avatar_url {fault}"));
        text::web_address(url).map_err(invalid)?;
    }
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            let row = apply(load(app, caller(cx)?).await?, &request);
            store.commit(cx, Commit::new().write(accounts::update(&row)).expect_rows(1)).await?;
            view::with_shops(app, row).await
        })
        .await
}

fn apply(row: AccountRow, request: &UpdateMeRequest) -> AccountRow {
    let UpdateMeRequest { display_name, avatar_url, bio, time_zone } = request.clone();
    AccountRow {
        display_name: display_name.unwrap_or(row.display_name),
        avatar_url: avatar_url.unwrap_or(row.avatar_url),
        bio: bio.unwrap_or(row.bio),
        time_zone: time_zone.unwrap_or(row.time_zone),
        ..row
    }
}

/// The account of the caller. The edge admits signed-in callers only; other calls are in-process.
pub(super) fn caller(cx: &Cx) -> Result<AccountId, Error> {
    cx.actor.account().ok_or_else(|| common::UNAUTHENTICATED.error("the call needs a signed-in account"))
}

pub(super) async fn load(app: &App, id: AccountId) -> Result<AccountRow, Error> {
    accounts::by_id(&app.deps.store, id).await?.ok_or_else(|| {
        errors::ACCOUNT_NOT_FOUND.error(format!("account {} does not exist", id.get())).with("account_id", id.get())
    })
}
