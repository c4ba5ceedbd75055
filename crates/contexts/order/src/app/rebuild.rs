//! Compares the order lists and counters with the orders, and corrects them.

use std::collections::BTreeMap;

use pulse_contract::order::v1::{RebuildOrderListsRequest, RebuildOrderListsResponse};
use pulse_kernel::id::OrderId;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store};

use super::unprojected_events::{EVENTS_MAX, UnprojectedEvents, unprojected_events};
use super::{App, view};
use crate::store::list::{self, ListRow};
use crate::store::orders::{self, OrderRow};

/// Maximum number of orders that are compared at once.
const PAGE: i64 = 500;

/// Result of a comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// Number of compared orders.
    pub(crate) order_count: u64,
    /// Subject and description of each difference, at most [`pulse_kernel::finding::FINDINGS_MAX`].
    pub(crate) differences: Vec<(String, String)>,
    /// Number of all differences.
    pub(crate) difference_count: u64,
}

pub(crate) async fn rebuild_order_lists(
    app: &App,
    cx: &Cx,
    request: RebuildOrderListsRequest,
) -> Result<RebuildOrderListsResponse, Error> {
    let compared = rebuild(&app.deps.store, cx, request.is_repair).await?;
    let answer = RebuildOrderListsResponse {
        order_count: i64::try_from(compared.order_count).unwrap_or(i64::MAX),
        difference_count: i64::try_from(compared.difference_count).unwrap_or(i64::MAX),
    };
    app.deps.store.commit(cx, Commit::new().answer(cx, &answer)).await?;
    Ok(answer)
}

/// Compares page by page, and with `repair` corrects the lists. An order that changes meanwhile may count as different;
/// its event updates the lists.
pub(crate) async fn rebuild(store: &Store, cx: &Cx, repair: bool) -> Result<Compared, Error> {
    let mut compared = Compared::default();
    let mut after = 0;
    loop {
        let rows = orders::page(store, after, i64::MAX, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.get();
        compare(store, cx, &rows, repair, &mut compared).await?;
    }
    after = 0;
    loop {
        let rows = orders::archived_page(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.get();
        compare(store, cx, &rows, repair, &mut compared).await?;
    }
    remove_orphans(store, cx, repair, &mut compared).await?;
    compare_counts(store, cx, repair, &mut compared).await?;
    Ok(compared)
}

async fn compare(
    store: &Store,
    cx: &Cx,
    rows: &[OrderRow],
    repair: bool,
    compared: &mut Compared,
) -> Result<(), Error> {
    let ids: Vec<OrderId> = rows.iter().map(|row| row.id).collect();
    let found = differing(&list::by_ids(store, &ids).await?, rows);
    compared.order_count += u64::try_from(rows.len()).unwrap_or(0);
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<OrderId> = found.iter().map(|row| row.order_id).collect();
    for id in without_event(store, cx, &ids).await? {
        compared.add(format!("order {}", id.get()), "its list entry is missing or differs".to_owned());
    }
    if !repair {
        return Ok(());
    }
    store
        .attempt(cx, || async {
            let (old, truth) = (list::by_ids(store, &ids).await?, orders::by_ids(store, &ids).await?);
            let commit = list::replace(Commit::new(), &old, &differing(&old, &truth));
            Ok(store.commit(cx, commit).await?)
        })
        .await
}

/// Orders whose list entry differs although no unprojected event will update it.
async fn without_event(store: &Store, cx: &Cx, ids: &[OrderId]) -> Result<Vec<OrderId>, Error> {
    let before = unprojected_events(store, cx, EVENTS_MAX).await?;
    let known = list::by_ids(store, ids).await?;
    let truth = orders::by_ids(store, ids).await?;
    let after = unprojected_events(store, cx, EVENTS_MAX).await?;
    let has_event = |id: OrderId, events: &UnprojectedEvents| {
        let is_recent = || truth.iter().any(|row| row.id == id && row.updated_at >= events.as_of);
        events.order_ids.contains(&id) || (events.is_truncated && is_recent())
    };
    let differing = differing(&known, &truth).into_iter().map(|row| row.order_id);
    Ok(differing.filter(|id| !has_event(*id, &before) && !has_event(*id, &after)).collect())
}

/// Correct entries of the orders whose list entry differs. A version alone is no difference: refunds do not change lists.
fn differing(known: &[ListRow], truth: &[OrderRow]) -> Vec<ListRow> {
    let is_known = |row: &ListRow| {
        let known = known.iter().find(|known| known.order_id == row.order_id);
        known.is_some_and(|known| *known == ListRow { version: known.version, ..row.clone() })
    };
    truth.iter().map(view::list_row).filter(|row| !is_known(row)).collect()
}

/// Removes list entries without an order.
async fn remove_orphans(store: &Store, cx: &Cx, repair: bool, compared: &mut Compared) -> Result<(), Error> {
    let mut after = OrderId::new(0);
    loop {
        let ids = list::ids_after(store, after, PAGE).await?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = *last;
        let truth = orders::by_ids(store, &ids).await?;
        let is_orphan = |id: &OrderId| truth.iter().all(|row| row.id != *id);
        let orphans: Vec<OrderId> = ids.iter().copied().filter(is_orphan).collect();
        for id in &orphans {
            compared.add(format!("order {}", id.get()), "the list has an entry, but there is no such order".to_owned());
        }
        if repair && !orphans.is_empty() {
            let rows = list::by_ids(store, &orphans).await?;
            store.commit(cx, list::remove(Commit::new(), &rows)).await?;
        }
    }
}

/// Compares the counters with the list entries. One query reads both, so concurrent changes are in both or in none.
async fn compare_counts(store: &Store, cx: &Cx, repair: bool, compared: &mut Compared) -> Result<(), Error> {
    let mut after = -1;
    loop {
        let wrong = list::count_differences(store, after, PAGE).await?;
        let Some((last, ..)) = wrong.last() else { return Ok(()) };
        let is_whole = wrong.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut deltas = BTreeMap::new();
        for (shop, state, rows, count) in &wrong {
            let difference = format!("the counter is {count}, the list has {rows} orders");
            compared.add(format!("state {state} of shop {shop}"), difference);
            deltas.insert((*shop, *state), rows - count);
        }
        if repair {
            store.commit(cx, list::add_counts(Commit::new(), deltas)).await?;
        }
        if is_whole {
            return Ok(());
        }
        // The last shop may continue on the next page; repaired counters are not found again.
        after = if repair { last - 1 } else { *last };
    }
}

impl Compared {
    fn add(&mut self, subject: String, difference: String) {
        self.difference_count += 1;
        if self.differences.len() < pulse_kernel::finding::FINDINGS_MAX {
            self.differences.push((subject, difference));
        }
    }
}
