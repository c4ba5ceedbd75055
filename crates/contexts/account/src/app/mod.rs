//! The use cases, one file each.

mod check_in;
mod end_sessions;
mod follow;
mod grant_role;
mod list_follows;
mod passwords;
mod profile;
mod purge_expired;
mod refresh_session;
mod register_with_password;
mod request_code;
mod search_accounts;
mod session;
mod sign_in_with_code;
mod sign_in_with_password;
mod sign_out;
mod verify_code;
mod view;

use std::sync::Arc;

use crate::access::AccessChanges;
use crate::deps::AccountDeps;
use passwords::Passwords;

pub(crate) use check_in::{check_in, get_check_ins};
pub(crate) use follow::{follow, unfollow};
pub(crate) use grant_role::{grant_role, plan_grant, revoke_role};
pub(crate) use list_follows::{list_followers, list_following};
pub(crate) use profile::{get_me, get_profile, update_me};
pub use purge_expired::purge_expired;
pub(crate) use purge_expired::purge_hourly;
pub(crate) use refresh_session::refresh_session;
pub(crate) use register_with_password::register_with_password;
pub(crate) use request_code::request_code;
pub(crate) use search_accounts::search_accounts;
pub(crate) use sign_in_with_code::sign_in_with_code;
pub(crate) use sign_in_with_password::sign_in_with_password;
pub(crate) use sign_out::sign_out;

/// State that all use cases share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<AccountDeps>,
    pub(crate) passwords: Passwords,
    pub(crate) access: AccessChanges,
}

impl App {
    pub(crate) fn new(deps: AccountDeps) -> Self {
        let passwords = Passwords::new(deps.config.hashers);
        let access = AccessChanges::new(deps.config.access_ttl);
        Self { deps: Arc::new(deps), passwords, access }
    }
}
