//! Finds accounts by four or more consecutive digits of the phone number (TR-73), by an index key.

use pulse_contract::account::v1::{Account, SearchAccountsRequest, SearchAccountsResponse};
use pulse_contract::page::{self, Page};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};

use super::{App, view};
use crate::domain::phone;
use crate::store::accounts;

/// Maximum number of candidates of one four-digit key per page; the next page starts after the last candidate.
const CANDIDATES_MAX: i64 = 2_000;

pub(crate) async fn search_accounts(
    app: &App,
    _cx: &Cx,
    request: SearchAccountsRequest,
) -> Result<SearchAccountsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(AccountId::new(0), |[id]| AccountId::new(id));
    let digits = phone::digits(&request.phone_digits);
    let gram: String = digits.chars().take(phone::GRAM_DIGITS).collect();
    let is_exact = digits.len() == gram.len();
    let limit = if is_exact { page.limit_plus_one() } else { CANDIDATES_MAX };
    let candidates = accounts::by_gram(&app.deps.store, &gram, after, limit).await?;
    let (seen, last) = (candidates.len(), candidates.last().map(|row| row.id));
    let hits: Vec<_> = candidates
        .into_iter()
        .filter(|row| row.phone.as_deref().is_some_and(|phone| phone::contains(phone, &digits)))
        .collect();
    let (hits, mut next_page_token) = page.cut(hits, |row| page::token(&[row.id.get()]));
    if let (true, false, Some(last)) = (next_page_token.is_empty(), is_exact, last)
        && i64::try_from(seen).unwrap_or(i64::MAX) == limit
    {
        next_page_token = page::token(&[last.get()]);
    }
    let mut found: Vec<Account> = Vec::with_capacity(hits.len());
    for row in hits {
        found.push(view::with_shops(app, row).await?);
    }
    Ok(SearchAccountsResponse { accounts: found, next_page_token })
}
