//! The use cases, one file each.

mod add_favourite;
mod count_favourites;
mod list_favourites;
mod list_nearby_favourites;
mod remove_favourite;

use std::sync::Arc;

use pulse_contract::errors as common;
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};

use crate::deps::FavouriteDeps;

pub(crate) use add_favourite::add_favourite;
pub(crate) use count_favourites::count_favourites;
pub(crate) use list_favourites::list_favourites;
pub(crate) use list_nearby_favourites::list_nearby_favourites;
pub(crate) use remove_favourite::remove_favourite;

/// Maximum number of favourites of an account. One search by distance takes that many shops.
pub const MARKS_MAX: i64 = 500;

/// The context of every use case.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) deps: Arc<FavouriteDeps>,
}

/// The account of the caller. The policy admits no other callers; this is for calls that do not come through the edge.
fn caller(cx: &Cx) -> Result<AccountId, Error> {
    cx.actor.account().ok_or_else(|| common::UNAUTHENTICATED.error("sign in first"))
}
