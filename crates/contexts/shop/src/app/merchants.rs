//! Makes merchants and shows them to their owners.

use pulse_contract::errors as common;
use pulse_contract::shop::v1::{CreateMerchantRequest, GetMerchantRequest, Merchant, MerchantCreated, errors};
use pulse_kernel::id::{AccountId, MerchantId};
use pulse_kernel::{Actor, Cx, Error, Role};
use pulse_store::Commit;

use super::{App, view};
use crate::store::merchants::{self, MerchantRow};

pub(crate) async fn create_merchant(app: &App, cx: &Cx, request: CreateMerchantRequest) -> Result<Merchant, Error> {
    let store = &app.deps.store;
    let row = MerchantRow {
        id: MerchantId::new(store.next_id(cx.now)),
        owner: caller(cx)?,
        name: request.name,
        legal_name: request.legal_name,
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

/// The merchant, when the caller owns it or runs the platform; otherwise there is no such merchant.
pub(super) async fn owned(app: &App, cx: &Cx, id: MerchantId) -> Result<MerchantRow, Error> {
    merchants::by_id(&app.deps.store, id)
        .await?
        .filter(|row| is_owner(cx, row.owner))
        .ok_or_else(|| errors::SHOP_MERCHANT_NOT_FOUND.error("there is no such merchant").with("merchant_id", id.get()))
}

pub(super) fn is_owner(cx: &Cx, owner: AccountId) -> bool {
    cx.actor.account() == Some(owner) || cx.actor.has_role(Role::Operator)
}

fn caller(cx: &Cx) -> Result<AccountId, Error> {
    match &cx.actor {
        Actor::Principal(principal) => Ok(principal.account),
        Actor::System(_) => Ok(AccountId::new(0)),
        Actor::Anonymous => Err(common::UNAUTHENTICATED.error("sign in first")),
    }
}
