//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::errors as common;
use pulse_contract::marketing::v1::*;
use pulse_kernel::{Cx, Error};

use crate::CouponDeps;

/// Implements the contract.
pub(crate) struct Api(pub(crate) CouponDeps);

#[async_trait]
impl CouponApi for Api {
    async fn create_template(&self, _cx: &Cx, _request: CreateTemplateRequest) -> Result<CouponTemplate, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn create_platform_template(
        &self,
        _cx: &Cx,
        _request: CreatePlatformTemplateRequest,
    ) -> Result<CouponTemplate, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_template(&self, _cx: &Cx, _request: GetTemplateRequest) -> Result<CouponTemplate, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_templates(&self, _cx: &Cx, _request: ListTemplatesRequest) -> Result<ListTemplatesResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn close_template(&self, _cx: &Cx, _request: CloseTemplateRequest) -> Result<CouponTemplate, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn claim_coupon(&self, _cx: &Cx, _request: ClaimCouponRequest) -> Result<Coupon, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn grant_coupons(&self, _cx: &Cx, _request: GrantCouponsRequest) -> Result<GrantCouponsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_my_coupons(&self, _cx: &Cx, _request: ListMyCouponsRequest) -> Result<ListMyCouponsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn get_coupon(&self, _cx: &Cx, _request: GetCouponRequest) -> Result<Coupon, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn validate_coupons(&self, _cx: &Cx, _request: ValidateCouponsRequest) -> Result<CouponDiscounts, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn hold_coupons(&self, _cx: &Cx, _request: HoldCouponsRequest) -> Result<CouponDiscounts, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn redeem_coupons(&self, _cx: &Cx, _request: RedeemCouponsRequest) -> Result<RedeemCouponsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn return_coupons(&self, _cx: &Cx, _request: ReturnCouponsRequest) -> Result<ReturnCouponsResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn create_activity(&self, _cx: &Cx, _request: CreateActivityRequest) -> Result<Activity, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }

    async fn list_activities(
        &self,
        _cx: &Cx,
        _request: ListActivitiesRequest,
    ) -> Result<ListActivitiesResponse, Error> {
        Err(common::UNIMPLEMENTED.error("not built yet"))
    }
}
