//! Follows and unfollows an account. One commit writes both sides, so they never differ (TR-47).

use pulse_contract::account::v1::{
    AccountFollowed, AccountUnfollowed, FollowRequest, FollowResponse, UnfollowRequest, UnfollowResponse, errors,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use super::profile::{caller, load};
use crate::store::follows;

pub(crate) async fn follow(app: &App, cx: &Cx, request: FollowRequest) -> Result<FollowResponse, Error> {
    let (follower, followee) = (caller(cx)?, AccountId::new(request.account_id));
    if follower == followee {
        return Err(errors::ACCOUNT_FOLLOW_SELF
            .error(format!("account_id must differ from the caller's own ID, got {}", follower.get())));
    }
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            if let Some(since) = follows::since(store, follower, followee).await? {
                return Ok(FollowResponse { followed_at: Some(since.into()) });
            }
            load(app, followee).await?;
            let (count, max) = (load(app, follower).await?.following_count, app.deps.config.following_max);
            if count >= max {
                return Err(errors::ACCOUNT_FOLLOW_LIMIT
                    .error(format!("an account can follow at most {max} accounts, and this one follows {count}"))
                    .with("following", count));
            }
            let event = AccountFollowed { follower_id: follower.get(), followee_id: followee.get() };
            let commit = follows::insert(Commit::new(), follower, followee, max, cx.now).event(follower.get(), &event);
            store.commit(cx, commit).await?;
            Ok(FollowResponse { followed_at: Some(cx.now.into()) })
        })
        .await
}

pub(crate) async fn unfollow(app: &App, cx: &Cx, request: UnfollowRequest) -> Result<UnfollowResponse, Error> {
    let (follower, followee) = (caller(cx)?, AccountId::new(request.account_id));
    let store = &app.deps.store;
    store
        .attempt(cx, || async {
            if follows::since(store, follower, followee).await?.is_none() {
                return Ok(UnfollowResponse {});
            }
            let event = AccountUnfollowed { follower_id: follower.get(), followee_id: followee.get() };
            let commit = follows::delete(Commit::new(), follower, followee).event(follower.get(), &event);
            store.commit(cx, commit).await?;
            Ok(UnfollowResponse {})
        })
        .await
}
