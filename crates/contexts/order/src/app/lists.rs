//! Lists and counts, from the read model; of the caller's own orders also what the read model does not know yet.
//!
//! What it does not know yet is in the outbox behind it. So the truth needs no index by customer, and whoever places an
//! order pays nothing for lists.

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::errors as common;
use pulse_contract::order::v1::{
    CountMyOrdersRequest, CountShopOrdersRequest, ListMyOrdersRequest, ListOrdersRequest, ListOrdersResponse,
    ListShopOrdersRequest, OrderCount, OrderCounts, OrderFilter, OrderState, OrderSummary,
};
use pulse_contract::{Money, page};
use pulse_kernel::id::ShopId;
use pulse_kernel::{Cx, Error, Timestamp, Violation};
use pulse_store::Store;

use super::behind::{BEHIND_MAX, behind};
use super::{App, caller, view};
use crate::domain::search::{self, DIGITS_MIN, NUMBER_DIGITS_MIN};
use crate::store::list::{self, ListRow, Scope};
use crate::store::orders;

/// How many rows one page looks at when it searches; the next page goes on after the last of them.
const SCANNED_MAX: usize = 20_000;
/// How many rows are looked at in one query of a search.
const CHUNK: usize = 1_000;

pub(crate) async fn list_my_orders(
    app: &App,
    cx: &Cx,
    request: ListMyOrdersRequest,
) -> Result<ListOrdersResponse, Error> {
    let wanted = Wanted::new(Scope::Customer(caller(cx)?), request.filter, request.page_size, &request.page_token)?;
    let behind = behind(&app.deps.store, cx, BEHIND_MAX).await?;
    let own = own_rows(&app.deps.store, wanted.scope, &behind.order_ids).await?;
    Ok(wanted.page(&app.deps.store, own).await?.answer(behind.as_of))
}

pub(crate) async fn list_shop_orders(
    app: &App,
    cx: &Cx,
    request: ListShopOrdersRequest,
) -> Result<ListOrdersResponse, Error> {
    let scope = Scope::Shop(ShopId::new(request.shop_id));
    list(app, cx, Wanted::new(scope, request.filter, request.page_size, &request.page_token)?).await
}

pub(crate) async fn list_orders(app: &App, cx: &Cx, request: ListOrdersRequest) -> Result<ListOrdersResponse, Error> {
    list(app, cx, Wanted::new(Scope::All, request.filter, request.page_size, &request.page_token)?).await
}

async fn list(app: &App, cx: &Cx, wanted: Wanted) -> Result<ListOrdersResponse, Error> {
    let as_of = behind(&app.deps.store, cx, 1).await?.as_of;
    Ok(wanted.page(&app.deps.store, Vec::new()).await?.answer(as_of))
}

pub(crate) async fn count_my_orders(app: &App, cx: &Cx, _request: CountMyOrdersRequest) -> Result<OrderCounts, Error> {
    let (store, customer) = (&app.deps.store, caller(cx)?);
    let behind = behind(store, cx, BEHIND_MAX).await?;
    let own = own_rows(store, Scope::Customer(customer), &behind.order_ids).await?;
    let mut counts: BTreeMap<i32, i64> = BTreeMap::new();
    for (state, count) in list::counts_of_customer(store, customer).await? {
        counts.insert(state.into(), count);
    }
    let ids: Vec<i64> = own.iter().map(|row| row.order_id).collect();
    for known in list::by_ids(store, &ids).await? {
        *counts.entry(known.state.into()).or_default() -= 1;
    }
    for row in own {
        *counts.entry(row.state.into()).or_default() += 1;
    }
    Ok(answer_counts(counts, behind.as_of))
}

pub(crate) async fn count_shop_orders(
    app: &App,
    cx: &Cx,
    request: CountShopOrdersRequest,
) -> Result<OrderCounts, Error> {
    let store = &app.deps.store;
    let as_of = behind(store, cx, 1).await?.as_of;
    let counts = list::counts_of_shop(store, ShopId::new(request.shop_id)).await?;
    Ok(answer_counts(counts.into_iter().map(|(state, count)| (state.into(), count)).collect(), as_of))
}

fn answer_counts(counts: BTreeMap<i32, i64>, as_of: Timestamp) -> OrderCounts {
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(state, count)| OrderCount { state, count }).collect();
    OrderCounts { counts, as_of: Some(as_of.into()) }
}

/// The caller's among these orders, as they are.
async fn own_rows(store: &Store, scope: Scope, order_ids: &BTreeSet<i64>) -> Result<Vec<ListRow>, Error> {
    let mut own = Vec::new();
    let order_ids: Vec<i64> = order_ids.iter().copied().collect();
    for ids in order_ids.chunks(CHUNK) {
        let rows = orders::by_ids(store, ids).await?;
        own.extend(rows.iter().map(view::list_row).filter(|row| scope.holds(row)));
    }
    Ok(own)
}

/// Which page of which list.
struct Wanted {
    scope: Scope,
    states: Vec<OrderState>,
    /// The digits to find; empty for all.
    digits: String,
    size: usize,
    before: i64,
}

/// A page, and where the next one begins.
struct Found {
    rows: Vec<ListRow>,
    next: Option<i64>,
}

impl Wanted {
    fn new(scope: Scope, filter: Option<OrderFilter>, page_size: i32, page_token: &str) -> Result<Self, Error> {
        let page = page::Page::new(page_size, page_token)?;
        let filter = filter.unwrap_or_default();
        let digits = search::digits(&filter.search);
        if !filter.search.is_empty() && digits.len() < DIGITS_MIN {
            let message = "at least two digits of the number or the phone";
            let field = "filter.search";
            let violation = Violation { field: field.into(), code: "search.too_short".into(), message: message.into() };
            return Err(common::VALIDATION_FAILED.error(message).with_violations([violation]));
        }
        let mut states: Vec<OrderState> = filter.states().filter(|state| *state != OrderState::Unspecified).collect();
        states.sort_unstable_by_key(|state| i32::from(*state));
        states.dedup();
        let before = page.after::<1>()?.map_or(i64::MAX, |[before]| before);
        Ok(Self { scope, states, digits, size: page.size(), before })
    }

    fn matches(&self, row: &ListRow) -> bool {
        (self.states.is_empty() || self.states.contains(&row.state))
            && (self.digits.is_empty() || search::is_hit(&self.digits, row.order_id, &row.phone_digits))
    }

    /// The page, with `own` rows in place of what the read model says of them.
    async fn page(&self, store: &Store, own: Vec<ListRow>) -> Result<Found, Error> {
        if let Some(row) = self.by_number(store, &own).await? {
            return Ok(Found { rows: vec![row], next: None });
        }
        let (mut rows, floor) = self.scan(store).await?;
        let own_ids: BTreeSet<i64> = own.iter().map(|row| row.order_id).collect();
        rows.retain(|row| !own_ids.contains(&row.order_id));
        // Below the floor nothing is known yet: the next page says what is there.
        let is_here = |row: &ListRow| row.order_id < self.before && row.order_id >= floor && self.matches(row);
        rows.extend(own.into_iter().filter(is_here));
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.order_id));
        if rows.len() > self.size {
            rows.truncate(self.size);
            let next = rows.last().map(|row| row.order_id);
            return Ok(Found { rows, next });
        }
        Ok(Found { rows, next: (floor > 0).then_some(floor) })
    }

    /// The order whose whole number is searched for.
    async fn by_number(&self, store: &Store, own: &[ListRow]) -> Result<Option<ListRow>, Error> {
        let number = self.digits.parse::<i64>().ok().filter(|_| self.digits.len() >= NUMBER_DIGITS_MIN);
        let Some(number) = number.filter(|number| *number < self.before) else { return Ok(None) };
        let row = match own.iter().find(|row| row.order_id == number) {
            Some(row) => Some(row.clone()),
            None => list::by_ids(store, &[number]).await?.pop(),
        };
        Ok(row.filter(|row| self.scope.holds(row) && self.matches(row)))
    }

    /// The newest rows that match, one more than a page if there are, and the id down to which everything was looked at.
    async fn scan(&self, store: &Store) -> Result<(Vec<ListRow>, i64), Error> {
        let is_filtered = !self.digits.is_empty() || (self.scope == Scope::All && !self.states.is_empty());
        let chunk = if is_filtered { CHUNK } else { self.size + 1 };
        let limit = i64::try_from(chunk).unwrap_or(i64::MAX);
        let (mut found, mut before, mut scanned) = (Vec::new(), self.before, 0);
        loop {
            let rows = list::before(store, self.scope, &self.states, before, limit).await?;
            let is_last = rows.len() < chunk;
            scanned += rows.len();
            for row in rows {
                before = row.order_id;
                if self.matches(&row) {
                    found.push(row);
                }
                if found.len() > self.size {
                    return Ok((found, before));
                }
            }
            if is_last {
                return Ok((found, 0));
            }
            if scanned >= SCANNED_MAX {
                return Ok((found, before));
            }
        }
    }
}

impl Found {
    fn answer(self, as_of: Timestamp) -> ListOrdersResponse {
        ListOrdersResponse {
            orders: self.rows.into_iter().map(summary).collect(),
            next_page_token: self.next.map(|before| page::token(&[before])).unwrap_or_default(),
            as_of: Some(as_of.into()),
        }
    }
}

fn summary(row: ListRow) -> OrderSummary {
    OrderSummary {
        order_id: row.order_id,
        shop_id: row.shop.get(),
        shop_name: row.shop_name,
        customer_account_id: row.customer.get(),
        state: row.state.into(),
        total: Some(Money { minor: row.total_minor, currency: row.currency }),
        headline: row.headline,
        unit_count: row.unit_count,
        placed_at: Some(row.placed_at.into()),
        version: row.version,
    }
}
