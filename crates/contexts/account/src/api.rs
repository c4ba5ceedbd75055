//! The calls of the contract, each a use case.

use async_trait::async_trait;
use pulse_contract::account::v1::*;
use pulse_kernel::{Cx, Error};

use crate::app::{self, App};

/// Implements the contract.
pub(crate) struct Api(pub(crate) App);

#[async_trait]
impl AccountApi for Api {
    async fn request_code(&self, cx: &Cx, request: RequestCodeRequest) -> Result<RequestCodeResponse, Error> {
        app::request_code(&self.0, cx, request).await
    }

    async fn sign_in_with_code(&self, cx: &Cx, request: SignInWithCodeRequest) -> Result<Session, Error> {
        app::sign_in_with_code(&self.0, cx, request).await
    }

    async fn register_with_password(&self, cx: &Cx, request: RegisterWithPasswordRequest) -> Result<Session, Error> {
        app::register_with_password(&self.0, cx, request).await
    }

    async fn sign_in_with_password(&self, cx: &Cx, request: SignInWithPasswordRequest) -> Result<Session, Error> {
        app::sign_in_with_password(&self.0, cx, request).await
    }

    async fn refresh_session(&self, cx: &Cx, request: RefreshSessionRequest) -> Result<Session, Error> {
        app::refresh_session(&self.0, cx, request).await
    }

    async fn sign_out(&self, cx: &Cx, request: SignOutRequest) -> Result<SignOutResponse, Error> {
        app::sign_out(&self.0, cx, request).await
    }

    async fn get_me(&self, cx: &Cx, request: GetMeRequest) -> Result<Account, Error> {
        app::get_me(&self.0, cx, request).await
    }

    async fn update_me(&self, cx: &Cx, request: UpdateMeRequest) -> Result<Account, Error> {
        app::update_me(&self.0, cx, request).await
    }

    async fn get_profile(&self, cx: &Cx, request: GetProfileRequest) -> Result<Profile, Error> {
        app::get_profile(&self.0, cx, request).await
    }

    async fn follow(&self, cx: &Cx, request: FollowRequest) -> Result<FollowResponse, Error> {
        app::follow(&self.0, cx, request).await
    }

    async fn unfollow(&self, cx: &Cx, request: UnfollowRequest) -> Result<UnfollowResponse, Error> {
        app::unfollow(&self.0, cx, request).await
    }

    async fn list_followers(&self, cx: &Cx, request: ListFollowersRequest) -> Result<ListFollowersResponse, Error> {
        app::list_followers(&self.0, cx, request).await
    }

    async fn list_following(&self, cx: &Cx, request: ListFollowingRequest) -> Result<ListFollowingResponse, Error> {
        app::list_following(&self.0, cx, request).await
    }

    async fn check_in(&self, cx: &Cx, request: CheckInRequest) -> Result<CheckInMonth, Error> {
        app::check_in(&self.0, cx, request).await
    }

    async fn get_check_ins(&self, cx: &Cx, request: GetCheckInsRequest) -> Result<CheckInMonth, Error> {
        app::get_check_ins(&self.0, cx, request).await
    }

    async fn search_accounts(&self, cx: &Cx, request: SearchAccountsRequest) -> Result<SearchAccountsResponse, Error> {
        app::search_accounts(&self.0, cx, request).await
    }

    async fn grant_role(&self, cx: &Cx, request: GrantRoleRequest) -> Result<Account, Error> {
        app::grant_role(&self.0, cx, request).await
    }

    async fn revoke_role(&self, cx: &Cx, request: RevokeRoleRequest) -> Result<Account, Error> {
        app::revoke_role(&self.0, cx, request).await
    }
}
