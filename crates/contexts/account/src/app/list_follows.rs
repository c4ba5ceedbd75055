//! Lists followers and followed accounts, newest first, by a cursor that new entries do not move.

use pulse_contract::account::v1::{
    ListFollowersRequest, ListFollowersResponse, ListFollowingRequest, ListFollowingResponse, Profile,
};
use pulse_contract::page::{self, Page};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error, Timestamp};

use super::{App, view};
use crate::store::{accounts, follows};

pub(crate) async fn list_followers(
    app: &App,
    _cx: &Cx,
    request: ListFollowersRequest,
) -> Result<ListFollowersResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let position = position(&page)?;
    let entries =
        follows::followers(&app.deps.store, AccountId::new(request.account_id), position, page.limit_plus_one())
            .await?;
    let (followers, next_page_token) = profiles(app, entries, &page).await?;
    Ok(ListFollowersResponse { followers, next_page_token })
}

pub(crate) async fn list_following(
    app: &App,
    _cx: &Cx,
    request: ListFollowingRequest,
) -> Result<ListFollowingResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let position = position(&page)?;
    let entries =
        follows::following(&app.deps.store, AccountId::new(request.account_id), position, page.limit_plus_one())
            .await?;
    let (following, next_page_token) = profiles(app, entries, &page).await?;
    Ok(ListFollowingResponse { following, next_page_token })
}

fn position(page: &Page<'_>) -> Result<follows::Position, Error> {
    Ok(match page.after::<2>()? {
        Some([at, account]) => (Timestamp::from_millis(at), AccountId::new(account)),
        None => follows::FIRST,
    })
}

async fn profiles(
    app: &App,
    entries: Vec<follows::Position>,
    page: &Page<'_>,
) -> Result<(Vec<Profile>, String), Error> {
    let (entries, next) = page.cut(entries, |(at, account)| page::token(&[at.as_millis(), account.get()]));
    let ids: Vec<AccountId> = entries.iter().map(|(_, account)| *account).collect();
    let rows = accounts::by_ids(&app.deps.store, &ids).await?;
    Ok((ids.iter().filter_map(|id| rows.get(id)).map(view::profile).collect(), next))
}
