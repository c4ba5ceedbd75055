//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::marketing::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl CouponApi for Api {
    async fn create_template(&self, cx: &Cx, request: CreateTemplateRequest) -> Result<CouponTemplate, Error> {
        app::create_template(&self.0, cx, request).await
    }

    async fn create_platform_template(
        &self,
        cx: &Cx,
        request: CreatePlatformTemplateRequest,
    ) -> Result<CouponTemplate, Error> {
        app::create_platform_template(&self.0, cx, request).await
    }

    async fn get_template(&self, cx: &Cx, request: GetTemplateRequest) -> Result<CouponTemplate, Error> {
        app::get_template(&self.0, cx, request).await
    }

    async fn list_templates(&self, cx: &Cx, request: ListTemplatesRequest) -> Result<ListTemplatesResponse, Error> {
        app::list_templates(&self.0, cx, request).await
    }

    async fn close_template(&self, cx: &Cx, request: CloseTemplateRequest) -> Result<CouponTemplate, Error> {
        app::close_template(&self.0, cx, request).await
    }

    async fn claim_coupon(&self, cx: &Cx, request: ClaimCouponRequest) -> Result<Coupon, Error> {
        app::claim_coupon(&self.0, cx, request).await
    }

    async fn grant_coupons(&self, cx: &Cx, request: GrantCouponsRequest) -> Result<GrantCouponsResponse, Error> {
        app::grant_coupons(&self.0, cx, request).await
    }

    async fn list_my_coupons(&self, cx: &Cx, request: ListMyCouponsRequest) -> Result<ListMyCouponsResponse, Error> {
        app::list_my_coupons(&self.0, cx, request).await
    }

    async fn get_coupon(&self, cx: &Cx, request: GetCouponRequest) -> Result<Coupon, Error> {
        app::get_coupon(&self.0, cx, request).await
    }

    async fn validate_coupons(&self, cx: &Cx, request: ValidateCouponsRequest) -> Result<CouponDiscounts, Error> {
        app::validate_coupons(&self.0, cx, request).await
    }

    async fn reserve_coupons(&self, cx: &Cx, request: ReserveCouponsRequest) -> Result<CouponDiscounts, Error> {
        app::reserve_coupons(&self.0, cx, request).await
    }

    async fn reserve_voucher_slots(
        &self,
        cx: &Cx,
        request: ReserveVoucherSlotsRequest,
    ) -> Result<ReserveVoucherSlotsResponse, Error> {
        app::reserve_voucher_slots(&self.0, cx, request).await
    }

    async fn redeem_coupons(&self, cx: &Cx, request: RedeemCouponsRequest) -> Result<RedeemCouponsResponse, Error> {
        app::redeem_coupons(&self.0, cx, request).await
    }

    async fn return_coupons(&self, cx: &Cx, request: ReturnCouponsRequest) -> Result<ReturnCouponsResponse, Error> {
        app::return_coupons(&self.0, cx, request).await
    }

    async fn create_post_order_reward(
        &self,
        cx: &Cx,
        request: CreatePostOrderRewardRequest,
    ) -> Result<PostOrderReward, Error> {
        app::create_post_order_reward(&self.0, cx, request).await
    }

    async fn list_post_order_rewards(
        &self,
        cx: &Cx,
        request: ListPostOrderRewardsRequest,
    ) -> Result<ListPostOrderRewardsResponse, Error> {
        app::list_post_order_rewards(&self.0, cx, request).await
    }
}
