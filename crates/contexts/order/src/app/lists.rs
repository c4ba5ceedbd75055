//! Lists and counts of orders, from the read model. The lists of the caller's own orders also contain the changes that
//! are not projected yet.
//!
//! Those changes are read from the outbox. So the table of orders needs no index by customer, and placing an order costs
//! nothing for lists.

use std::collections::{BTreeMap, BTreeSet};

use pulse_contract::errors as common;
use pulse_contract::order::v1::{
    CountMyOrdersRequest, CountShopOrdersRequest, ListMyOrdersRequest, ListOrdersRequest, ListOrdersResponse,
    ListShopOrdersRequest, OrderCount, OrderCounts, OrderFilter, OrderState, OrderSummary,
};
use pulse_contract::{Money, page};
use pulse_kernel::id::{OrderId, ShopId};
use pulse_kernel::{Cx, Error, Timestamp, Violation};
use pulse_store::Store;

use super::unprojected_events::{EVENTS_MAX, unprojected_events};
use super::{App, caller, view};
use crate::domain::search::{self, DIGITS_MIN, NUMBER_DIGITS_MIN};
use crate::store::list::{self, ListRow, Scope};
use crate::store::orders;

/// Maximum number of rows that a search reads for one page; the next page continues after the last one.
const SCANNED_MAX: usize = 20_000;
/// Number of rows that a search reads at once.
const CHUNK: usize = 1_000;

pub(crate) async fn list_my_orders(
    app: &App,
    cx: &Cx,
    request: ListMyOrdersRequest,
) -> Result<ListOrdersResponse, Error> {
    let query = Query::new(Scope::Customer(caller(cx)?), request.filter, request.page_size, &request.page_token)?;
    let unprojected = unprojected_events(&app.deps.store, cx, EVENTS_MAX).await?;
    let own = own_rows(&app.deps.store, query.scope, &unprojected.order_ids).await?;
    Ok(query.page(&app.deps.store, own).await?.answer(unprojected.as_of))
}

pub(crate) async fn list_shop_orders(
    app: &App,
    cx: &Cx,
    request: ListShopOrdersRequest,
) -> Result<ListOrdersResponse, Error> {
    let scope = Scope::Shop(ShopId::new(request.shop_id));
    list(app, cx, Query::new(scope, request.filter, request.page_size, &request.page_token)?).await
}

pub(crate) async fn list_orders(app: &App, cx: &Cx, request: ListOrdersRequest) -> Result<ListOrdersResponse, Error> {
    list(app, cx, Query::new(Scope::All, request.filter, request.page_size, &request.page_token)?).await
}

async fn list(app: &App, cx: &Cx, query: Query) -> Result<ListOrdersResponse, Error> {
    let as_of = unprojected_events(&app.deps.store, cx, 1).await?.as_of;
    Ok(query.page(&app.deps.store, Vec::new()).await?.answer(as_of))
}

pub(crate) async fn count_my_orders(app: &App, cx: &Cx, _request: CountMyOrdersRequest) -> Result<OrderCounts, Error> {
    let (store, customer) = (&app.deps.store, caller(cx)?);
    let unprojected = unprojected_events(store, cx, EVENTS_MAX).await?;
    let own = own_rows(store, Scope::Customer(customer), &unprojected.order_ids).await?;
    let mut counts: BTreeMap<i32, i64> = BTreeMap::new();
    for (state, count) in list::counts_of_customer(store, customer).await? {
        counts.insert(state.into(), count);
    }
    let ids: Vec<OrderId> = own.iter().map(|row| row.order_id).collect();
    for known in list::by_ids(store, &ids).await? {
        *counts.entry(known.state.into()).or_default() -= 1;
    }
    for row in own {
        *counts.entry(row.state.into()).or_default() += 1;
    }
    Ok(answer_counts(counts, unprojected.as_of))
}

pub(crate) async fn count_shop_orders(
    app: &App,
    cx: &Cx,
    request: CountShopOrdersRequest,
) -> Result<OrderCounts, Error> {
    let store = &app.deps.store;
    let as_of = unprojected_events(store, cx, 1).await?.as_of;
    let counts = list::counts_of_shop(store, ShopId::new(request.shop_id)).await?;
    Ok(answer_counts(counts.into_iter().map(|(state, count)| (state.into(), count)).collect(), as_of))
}

fn answer_counts(counts: BTreeMap<i32, i64>, as_of: Timestamp) -> OrderCounts {
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(state, count)| OrderCount { state, count }).collect();
    OrderCounts { counts, as_of: Some(as_of.into()) }
}

/// Current rows of those orders that belong to the scope.
async fn own_rows(store: &Store, scope: Scope, order_ids: &BTreeSet<OrderId>) -> Result<Vec<ListRow>, Error> {
    let mut own = Vec::new();
    let order_ids: Vec<OrderId> = order_ids.iter().copied().collect();
    for ids in order_ids.chunks(CHUNK) {
        let rows = orders::by_ids(store, ids).await?;
        own.extend(rows.iter().map(view::list_row).filter(|row| scope.contains(row)));
    }
    Ok(own)
}

/// One page of a list.
struct Query {
    scope: Scope,
    states: Vec<OrderState>,
    /// Digits to search for; empty for no search.
    digits: String,
    size: usize,
    /// Orders with a smaller ID are listed.
    before: OrderId,
}

/// Rows of a page, and the position of the next one.
struct Found {
    rows: Vec<ListRow>,
    next: Option<OrderId>,
}

impl Query {
    fn new(scope: Scope, filter: Option<OrderFilter>, page_size: i32, page_token: &str) -> Result<Self, Error> {
        let page = page::Page::new(page_size, page_token)?;
        let filter = filter.unwrap_or_default();
        let digits = search::digits(&filter.search);
        if !filter.search.is_empty() && digits.len() < DIGITS_MIN {
            return Err(too_short(digits.len()));
        }
        let mut states: Vec<OrderState> = filter.states().filter(|state| *state != OrderState::Unspecified).collect();
        states.sort_unstable_by_key(|state| i32::from(*state));
        states.dedup();
        let before = OrderId::new(page.after::<1>()?.map_or(i64::MAX, |[before]| before));
        Ok(Self { scope, states, digits, size: page.size(), before })
    }

    fn matches(&self, row: &ListRow) -> bool {
        (self.states.is_empty() || self.states.contains(&row.state))
            && (self.digits.is_empty() || search::is_hit(&self.digits, row.order_id.get(), &row.phone_digits))
    }

    /// Reads the page; `own` rows replace those of the read model.
    async fn page(&self, store: &Store, own: Vec<ListRow>) -> Result<Found, Error> {
        if let Some(row) = self.by_number(store, &own).await? {
            return Ok(Found { rows: vec![row], next: None });
        }
        let (mut rows, floor) = self.scan(store).await?;
        let own_ids: BTreeSet<OrderId> = own.iter().map(|row| row.order_id).collect();
        rows.retain(|row| !own_ids.contains(&row.order_id));
        // Rows below the floor belong to the next page.
        let is_here = |row: &ListRow| row.order_id < self.before && row.order_id >= floor && self.matches(row);
        rows.extend(own.into_iter().filter(is_here));
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.order_id));
        if rows.len() > self.size {
            rows.truncate(self.size);
            let next = rows.last().map(|row| row.order_id);
            return Ok(Found { rows, next });
        }
        Ok(Found { rows, next: (floor > FIRST).then_some(floor) })
    }

    /// The order whose whole ID is the search.
    async fn by_number(&self, store: &Store, own: &[ListRow]) -> Result<Option<ListRow>, Error> {
        let number = self.digits.parse::<i64>().ok().filter(|_| self.digits.len() >= NUMBER_DIGITS_MIN);
        let Some(id) = number.map(OrderId::new).filter(|id| *id < self.before) else { return Ok(None) };
        let row = match own.iter().find(|row| row.order_id == id) {
            Some(row) => Some(row.clone()),
            None => list::by_ids(store, &[id]).await?.pop(),
        };
        Ok(row.filter(|row| self.scope.contains(row) && self.matches(row)))
    }

    /// The newest matching rows, at most one more than a page, and the ID down to which all rows were read.
    async fn scan(&self, store: &Store) -> Result<(Vec<ListRow>, OrderId), Error> {
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
                return Ok((found, FIRST));
            }
            if scanned >= SCANNED_MAX {
                return Ok((found, before));
            }
        }
    }
}

/// The order ID before all others.
const FIRST: OrderId = OrderId::new(0);

fn too_short(digit_count: usize) -> Error {
    let message = format!("filter.search must contain at least {DIGITS_MIN} digits, got {digit_count}");
    let violation =
        Violation { field: "filter.search".into(), code: "search.too_short".into(), message: message.clone().into() };
    common::VALIDATION_FAILED.error(message).with_violations([violation])
}

impl Found {
    fn answer(self, as_of: Timestamp) -> ListOrdersResponse {
        ListOrdersResponse {
            orders: self.rows.into_iter().map(summary).collect(),
            next_page_token: self.next.map(|before| page::token(&[before.get()])).unwrap_or_default(),
            as_of: Some(as_of.into()),
        }
    }
}

fn summary(row: ListRow) -> OrderSummary {
    OrderSummary {
        order_id: row.order_id.get(),
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
