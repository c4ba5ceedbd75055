//! Takes a coupon for oneself.

use pulse_contract::marketing::v1::{ClaimCouponRequest, Coupon};
use pulse_kernel::{Cx, Error};

use super::issue_coupon::{Issuance, Recipient, give};
use super::{App, caller, templates, view};
use crate::domain::coupon::Origin;
use crate::domain::template::{TemplateId, Way};
use crate::store::coupons::CouponRow;

pub(crate) async fn claim_coupon(app: &App, cx: &Cx, request: ClaimCouponRequest) -> Result<Coupon, Error> {
    let to = Recipient { account: caller(cx)?, origin: Origin::Claim, batch: None };
    let row = templates::load(app, TemplateId::new(request.template_id)).await?;
    let giving = Issuance::of(row, Way::Claim, cx.now)?;
    let show = |row: &CouponRow| view::coupon(row, &giving.row, cx.now);
    let given = give(app, cx, &giving, to, |commit, row| commit.answer(cx, &show(row))).await?;
    Ok(show(&given))
}
