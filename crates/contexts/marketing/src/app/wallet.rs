//! Returns the coupons of the caller.

use pulse_contract::marketing::v1::{
    Coupon, CouponState, GetCouponRequest, ListMyCouponsRequest, ListMyCouponsResponse, errors,
};
use pulse_contract::page::{self, Page};
use pulse_kernel::id::CouponId;
use pulse_kernel::{Cx, Error};

use super::{App, caller, templates, view};
use crate::domain::coupon::State;
use crate::store::coupons::{self, Shown};
use crate::store::templates as rows;

pub(crate) async fn list_my_coupons(
    app: &App,
    cx: &Cx,
    request: ListMyCouponsRequest,
) -> Result<ListMyCouponsResponse, Error> {
    let (store, account) = (&app.deps.store, caller(cx)?);
    let page = Page::new(request.page_size, &request.page_token)?;
    let before = page.after::<1>()?.map_or(CouponId::new(i64::MAX), |[id]| CouponId::new(id));
    let shown = match request.state() {
        CouponState::Unspecified => Shown::All,
        CouponState::Active => Shown::In(State::Active),
        CouponState::Reserved => Shown::In(State::Reserved),
        CouponState::Used => Shown::In(State::Used),
        CouponState::Revoked => Shown::In(State::Revoked),
        CouponState::Expired => Shown::Expired,
    };
    let found = coupons::of_account(store, account, shown, cx.now, (before, page.limit_plus_one())).await?;
    let (found, next_page_token) = page.cut(found, |row| page::token(&[row.id.get()]));
    let templates = rows::by_ids(store, found.iter().map(|row| row.template).collect()).await?;
    let coupons: Result<Vec<Coupon>, Error> =
        found.iter().map(|row| Ok(view::coupon(row, view::template_of(&templates, row.template)?, cx.now))).collect();
    Ok(ListMyCouponsResponse { coupons: coupons?, next_page_token })
}

pub(crate) async fn get_coupon(app: &App, cx: &Cx, request: GetCouponRequest) -> Result<Coupon, Error> {
    let account = caller(cx)?;
    let id = CouponId::new(request.coupon_id);
    let row = coupons::by_id(&app.deps.store, id).await?.filter(|row| row.account == account);
    let row = row.ok_or_else(|| not_found(id))?;
    let template = templates::load(app, row.template).await?;
    Ok(view::coupon(&row, &template, cx.now))
}

pub(super) fn not_found(id: CouponId) -> Error {
    errors::MARKETING_COUPON_NOT_FOUND.error(format!("coupon {} does not exist", id.get())).with("coupon_id", id.get())
}
