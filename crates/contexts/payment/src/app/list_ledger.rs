//! The books, for operators: balances, and entries with their lines.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pulse_contract::Money;
use pulse_contract::errors as common;
use pulse_contract::page::{self, Page};
use pulse_contract::payment::v1::{
    LedgerAccount, LedgerEntry, LedgerLine, ListLedgerAccountsRequest, ListLedgerAccountsResponse,
    ListLedgerEntriesRequest, ListLedgerEntriesResponse,
};
use pulse_kernel::{Cx, Error};

use super::App;
use crate::store::books::{self, AccountRow};

pub(crate) async fn list_ledger_accounts(
    app: &App,
    _cx: &Cx,
    request: ListLedgerAccountsRequest,
) -> Result<ListLedgerAccountsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let (account, currency) = place(&request.page_token)?;
    let after = (account.as_str(), currency.as_str());
    let rows = books::accounts(app.store(), &request.currency, after, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, token);
    let accounts = rows.into_iter().map(|row| LedgerAccount {
        name: row.account,
        balance: Some(Money { minor: row.balance_minor, currency: row.currency }),
    });
    Ok(ListLedgerAccountsResponse { accounts: accounts.collect(), next_page_token })
}

/// What separates the account from the currency in a token; it is in neither.
const SEPARATOR: char = ' ';

fn token(row: &AccountRow) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{SEPARATOR}{}", row.account, row.currency))
}

/// After which account a page begins; before all of them without a token.
fn place(token: &str) -> Result<(String, String), Error> {
    if token.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| text.split_once(SEPARATOR));
    place
        .map(|(account, currency)| (account.to_owned(), currency.to_owned()))
        .ok_or_else(|| common::PAGE_TOKEN_INVALID.error("use next_page_token as it came"))
}

pub(crate) async fn list_ledger_entries(
    app: &App,
    _cx: &Cx,
    request: ListLedgerEntriesRequest,
) -> Result<ListLedgerEntriesResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let before = page.after::<1>()?.map_or(i64::MAX, |[id]| id);
    let rows = books::entries(app.store(), request.order_id, before, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.id]));
    let mut lines: BTreeMap<i64, Vec<LedgerLine>> = BTreeMap::new();
    for line in books::lines_of(app.store(), &rows).await? {
        let amount = Some(Money { minor: line.amount_minor, currency: line.currency });
        lines.entry(line.entry).or_default().push(LedgerLine { account: line.account, amount });
    }
    let entries = rows.into_iter().map(|row| LedgerEntry {
        entry_id: row.id,
        kind: row.kind,
        order_id: row.order,
        lines: lines.remove(&row.id).unwrap_or_default(),
        booked_at: Some(row.booked_at.into()),
    });
    Ok(ListLedgerEntriesResponse { entries: entries.collect(), next_page_token })
}
