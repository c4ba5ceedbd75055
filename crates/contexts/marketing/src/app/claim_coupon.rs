//! Claims a coupon for the caller.

use pulse_contract::marketing::v1::{ClaimCouponRequest, Coupon};
use pulse_kernel::{Cx, Error};

use super::issue_coupon::{Issuance, Recipient, issue};
use super::{App, caller, templates, view};
use crate::domain::coupon::Origin;
use crate::domain::template::{IssueChannel, TemplateId};
use crate::store::coupons::CouponRow;

pub(crate) async fn claim_coupon(app: &App, cx: &Cx, request: ClaimCouponRequest) -> Result<Coupon, Error> {
    let to = Recipient { account: caller(cx)?, origin: Origin::Claim, batch: None };
    let row = templates::load(app, TemplateId::new(request.template_id)).await?;
    let issuance = Issuance::of(row, IssueChannel::Claim, cx.now)?;
    let show = |row: &CouponRow| view::coupon(row, &issuance.row, cx.now);
    let issued = issue(app, cx, &issuance, to, |commit, row| commit.answer(cx, &show(row))).await?;
    Ok(show(&issued))
}
