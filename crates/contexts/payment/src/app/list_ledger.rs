//! The ledger for operators: balances, and entries with their lines.

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
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};

use super::App;
use crate::domain::ledger::EntryId;
use crate::store::ledger::{self, AccountKey, AccountRow};

pub(crate) async fn list_ledger_accounts(
    app: &App,
    _cx: &Cx,
    request: ListLedgerAccountsRequest,
) -> Result<ListLedgerAccountsResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = key(&request.page_token)?;
    let rows = ledger::accounts(app.store(), &request.currency, &after, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, token);
    let accounts = rows.into_iter().map(|row| LedgerAccount {
        name: row.account,
        balance: Some(Money { minor: row.balance_minor, currency: row.currency }),
    });
    Ok(ListLedgerAccountsResponse { accounts: accounts.collect(), next_page_token })
}

/// Separator of account and currency in a page token; neither contains it.
const SEPARATOR: char = ' ';

fn token(row: &AccountRow) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{SEPARATOR}{}", row.account, row.currency))
}

/// Account after which a page begins. Without a token it is before all accounts.
fn key(token: &str) -> Result<AccountKey, Error> {
    if token.is_empty() {
        return Ok(AccountKey::default());
    }
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.as_deref().and_then(|text| text.split_once(SEPARATOR));
    key.map(|(account, currency)| AccountKey { account: account.to_owned(), currency: currency.to_owned() })
        .ok_or_else(|| common::PAGE_TOKEN_INVALID.error("page_token must be the next_page_token of the previous page"))
}

pub(crate) async fn list_ledger_entries(
    app: &App,
    _cx: &Cx,
    request: ListLedgerEntriesRequest,
) -> Result<ListLedgerEntriesResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let before = EntryId::new(page.after::<1>()?.map_or(i64::MAX, |[id]| id));
    let order = (request.order_id != 0).then(|| OrderId::new(request.order_id));
    let rows = ledger::entries(app.store(), order, before, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.id.get()]));
    let mut lines: BTreeMap<EntryId, Vec<LedgerLine>> = BTreeMap::new();
    for line in ledger::lines_of(app.store(), &rows).await? {
        let amount = Some(Money { minor: line.amount_minor, currency: line.currency });
        lines.entry(line.entry).or_default().push(LedgerLine { account: line.account, amount });
    }
    let entries = rows.into_iter().map(|row| LedgerEntry {
        entry_id: row.id.get(),
        kind: row.kind,
        order_id: row.order.get(),
        lines: lines.remove(&row.id).unwrap_or_default(),
        booked_at: Some(row.booked_at.into()),
    });
    Ok(ListLedgerEntriesResponse { entries: entries.collect(), next_page_token })
}
