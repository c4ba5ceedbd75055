//! The use cases, one file each.

mod claim_coupon;
mod earn_coupons;
mod evaluate;
mod grant_coupons;
mod issue_coupon;
mod mint_coupons;
mod purge_reservations;
mod quota;
mod reasons;
mod redeem_coupons;
mod reserve_coupons;
mod reserve_voucher_slots;
mod return_coupons;
mod revoke_bought_coupons;
mod rewards;
mod settle_refund;
mod templates;
mod validate_coupons;
mod view;
mod wallet;

use std::sync::Arc;

use pulse_contract::errors as common;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};

use crate::deps::CouponDeps;

pub(crate) use claim_coupon::claim_coupon;
pub(crate) use earn_coupons::earn_coupons;
pub(crate) use grant_coupons::grant_coupons;
pub(crate) use mint_coupons::mint_coupons;
pub(crate) use purge_reservations::{PURGE, purge_reservations};
pub(crate) use quota::confirm_quota;
pub(crate) use redeem_coupons::{PaidOrder, RedemptionPlan, plan_redemption, redeem_coupons};
pub(crate) use reserve_coupons::{RESERVATION_EXPIRED, reserve_coupons};
pub(crate) use reserve_voucher_slots::reserve_voucher_slots;
pub(crate) use return_coupons::{expire_bought, plan_return, return_coupons};
pub(crate) use revoke_bought_coupons::{
    REVOCATION_EXPIRED, count_bought_coupons, expire_revocation, revoke_bought_coupons,
};
pub(crate) use rewards::{create_post_order_reward, list_post_order_rewards};
pub(crate) use settle_refund::settle_refund;
pub(crate) use templates::{close_template, create_platform_template, create_template, get_template, list_templates};
pub(crate) use validate_coupons::validate_coupons;
pub(crate) use wallet::{get_coupon, list_my_coupons};

/// State that all use cases share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<CouponDeps>,
}

/// The account of the caller.
fn caller(cx: &Cx) -> Result<AccountId, Error> {
    cx.actor.account().ok_or_else(|| common::UNAUTHENTICATED.error("the call needs a signed-in account"))
}
