//! Returns the discounts of coupons without reserving them.

use pulse_contract::marketing::v1::{CouponDiscounts, ValidateCouponsRequest};
use pulse_kernel::{Cx, Error};

use super::evaluate::{evaluate, purchase, requested};
use super::{App, caller};

pub(crate) async fn validate_coupons(
    app: &App,
    cx: &Cx,
    request: ValidateCouponsRequest,
) -> Result<CouponDiscounts, Error> {
    let account = caller(cx)?;
    let purchase = purchase(request.shop_id, &request.currency, &request.lines, cx.now)?;
    evaluate(app, account, &purchase, &requested(&request.coupon_ids)?).await?.discounts(cx.locale)
}
