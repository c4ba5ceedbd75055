//! Metrics of the marketing context.

use metrics::{counter, describe_counter};

use crate::domain::coupon::Origin;

const COUPONS_ISSUED: &str = "pulse_marketing_coupons_issued_total";
const COUPONS_REDEEMED: &str = "pulse_marketing_coupons_redeemed_total";

/// Registers the HELP texts.
pub(crate) fn describe() {
    describe_counter!(
        "pulse_marketing_coupons_issued_total",
        "Issued coupons, by origin: claim, grant, purchase or post_order_reward."
    );
    describe_counter!("pulse_marketing_coupons_redeemed_total", "Coupons that paid orders used.");
}

/// Counts issued coupons. Called after their commit.
pub(crate) fn issued(origin: Origin, coupons: usize) {
    let origin = match origin {
        Origin::Claim => "claim",
        Origin::Grant => "grant",
        Origin::Purchase => "purchase",
        Origin::PostOrderReward => "post_order_reward",
    };
    counter!(COUPONS_ISSUED, "origin" => origin).increment(u64::try_from(coupons).unwrap_or(u64::MAX));
}

/// Counts redeemed coupons. Called after their commit.
pub(crate) fn redeemed(coupons: usize) {
    counter!(COUPONS_REDEEMED).increment(u64::try_from(coupons).unwrap_or(u64::MAX));
}
