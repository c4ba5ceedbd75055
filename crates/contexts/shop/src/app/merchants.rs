//! Creates merchants, and returns them to their owners.

use pulse_contract::errors as common;
use pulse_contract::page::{self, Page};
use pulse_contract::shop::v1::{
    CreateMerchantRequest, GetMerchantRequest, ListMyMerchantsRequest, ListMyMerchantsResponse, Merchant,
    MerchantCreated, errors,
};
use pulse_kernel::id::{AccountId, MerchantId};
use pulse_kernel::{Actor, Cx, Error, Role};
use pulse_store::Commit;

use super::text_rules::TextRules;
use super::{App, view};
use crate::store::merchants::{self, MerchantRow};

pub(crate) async fn create_merchant(app: &App, cx: &Cx, request: CreateMerchantRequest) -> Result<Merchant, Error> {
    let store = &app.deps.store;
    let mut rules = TextRules::default();
    let name = rules.name("name", request.name);
    let legal_name = rules.optional_name("legal_name", request.legal_name);
    rules.check()?;
    let row = MerchantRow {
        id: MerchantId::new(store.next_id(cx.now)),
        owner: caller(cx)?,
        name,
        legal_name,
        contact_phone: request.contact_phone,
        shop_count: 0,
        created_at: cx.now,
    };
    let event =
        MerchantCreated { merchant_id: row.id.get(), owner_account_id: row.owner.get(), name: row.name.clone() };
    let commit = Commit::new().insert(merchants::insert(&row)).event(row.id.get(), &event);
    let merchant = view::merchant(row);
    store.commit(cx, commit.answer(cx, &merchant)).await?;
    Ok(merchant)
}

pub(crate) async fn get_merchant(app: &App, cx: &Cx, request: GetMerchantRequest) -> Result<Merchant, Error> {
    Ok(view::merchant(owned(app, cx, MerchantId::new(request.merchant_id)).await?))
}

pub(crate) async fn list_my_merchants(
    app: &App,
    cx: &Cx,
    request: ListMyMerchantsRequest,
) -> Result<ListMyMerchantsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(MerchantId::new(0), |[id]| MerchantId::new(id));
    let rows = merchants::of_owner(&app.deps.store, caller(cx)?, after, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.id.get()]));
    Ok(ListMyMerchantsResponse { merchants: rows.into_iter().map(view::merchant).collect(), next_page_token })
}

/// The merchant, when the caller owns it or is an operator.
///
/// # Errors
/// `SHOP_MERCHANT_NOT_FOUND` for a merchant that does not exist or that the caller may not see.
pub(super) async fn owned(app: &App, cx: &Cx, id: MerchantId) -> Result<MerchantRow, Error> {
    let read = merchants::by_id(&app.deps.store, id).await?;
    read.filter(|row| is_owner(cx, row.owner)).ok_or_else(|| merchant_not_found(id))
}

pub(super) fn merchant_not_found(id: MerchantId) -> Error {
    errors::SHOP_MERCHANT_NOT_FOUND.error(format!("merchant {} does not exist", id.get())).with("merchant_id", id.get())
}

pub(super) fn is_owner(cx: &Cx, owner: AccountId) -> bool {
    cx.actor.account() == Some(owner) || cx.actor.has_role(Role::Operator)
}

fn caller(cx: &Cx) -> Result<AccountId, Error> {
    match &cx.actor {
        Actor::Principal(principal) => Ok(principal.account),
        Actor::System(_) => Ok(AccountId::new(0)),
        Actor::Anonymous => Err(common::UNAUTHENTICATED.error("the call needs a signed-in account")),
    }
}
