//! Compares the lists with the orders, and builds them anew.

use std::collections::BTreeMap;

use pulse_contract::order::v1::{RebuildOrderListsRequest, RebuildOrderListsResponse};
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store};

use super::behind::{BEHIND_MAX, Behind, behind};
use super::{App, view};
use crate::store::list::{self, ListRow};
use crate::store::orders::{self, OrderRow};

/// How many orders are compared at once.
const PAGE: i64 = 500;

/// What a comparison has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// How many orders were looked at.
    pub(crate) order_count: u64,
    /// What is different, and how, in words; one entry per order or count, at most [`pulse_kernel::finding::FINDINGS_MAX`].
    pub(crate) differences: Vec<(String, String)>,
    /// How many are different.
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

/// Compares page by page, and with `repair` writes what is missing or different. Orders that change meanwhile may count
/// as different; events bring them up to date.
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
    count_again(store, cx, repair, &mut compared).await?;
    Ok(compared)
}

async fn compare(
    store: &Store,
    cx: &Cx,
    rows: &[OrderRow],
    repair: bool,
    compared: &mut Compared,
) -> Result<(), Error> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id.get()).collect();
    let found = differing(&list::by_ids(store, &ids).await?, rows);
    compared.order_count += u64::try_from(rows.len()).unwrap_or(0);
    if found.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = found.iter().map(|row| row.order_id).collect();
    for id in not_waiting(store, cx, &ids).await? {
        compared.add(format!("order {id}"), "it is missing in the list, or shown otherwise".to_owned());
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

/// Those of the orders that the list shows otherwise although no event waits that would bring them up to date.
async fn not_waiting(store: &Store, cx: &Cx, ids: &[i64]) -> Result<Vec<i64>, Error> {
    let before = behind(store, cx, BEHIND_MAX).await?;
    let known = list::by_ids(store, ids).await?;
    let truth = orders::by_ids(store, ids).await?;
    let after = behind(store, cx, BEHIND_MAX).await?;
    let is_waiting = |id: i64, behind: &Behind| {
        let is_late = || truth.iter().any(|row| row.id.get() == id && row.updated_at >= behind.as_of);
        behind.order_ids.contains(&id) || (behind.is_cut && is_late())
    };
    let differing = differing(&known, &truth).into_iter().map(|row| row.order_id);
    Ok(differing.filter(|id| !is_waiting(*id, &before) && !is_waiting(*id, &after)).collect())
}

/// What the list should say and does not. A version alone is no difference: the list need not know of every refund.
fn differing(known: &[ListRow], truth: &[OrderRow]) -> Vec<ListRow> {
    let is_known = |row: &ListRow| {
        let known = known.iter().find(|known| known.order_id == row.order_id);
        known.is_some_and(|known| *known == ListRow { version: known.version, ..row.clone() })
    };
    truth.iter().map(view::list_row).filter(|row| !is_known(row)).collect()
}

/// Takes away what is in the list and nowhere else.
async fn remove_orphans(store: &Store, cx: &Cx, repair: bool, compared: &mut Compared) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let ids = list::ids_after(store, after, PAGE).await?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = *last;
        let truth = orders::by_ids(store, &ids).await?;
        let is_orphan = |id: &i64| truth.iter().all(|row| row.id.get() != *id);
        let orphans: Vec<i64> = ids.iter().copied().filter(is_orphan).collect();
        for id in &orphans {
            compared.add(format!("order {id}"), "it is in the list and nowhere else".to_owned());
        }
        if repair && !orphans.is_empty() {
            let rows = list::by_ids(store, &orphans).await?;
            store.commit(cx, list::remove(Commit::new(), &rows)).await?;
        }
    }
}

/// Compares the counts with the rows, in one look each, so that what changes meanwhile changes both.
async fn count_again(store: &Store, cx: &Cx, repair: bool, compared: &mut Compared) -> Result<(), Error> {
    let mut after = -1;
    loop {
        let wrong = list::count_differences(store, after, PAGE).await?;
        let Some((last, ..)) = wrong.last() else { return Ok(()) };
        let is_whole = wrong.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut deltas = BTreeMap::new();
        for (shop, state, rows, count) in &wrong {
            compared
                .add(format!("state {state} of shop {shop}"), format!("it has {rows} orders, and {count} are counted"));
            deltas.insert((*shop, *state), rows - count);
        }
        if repair {
            store.commit(cx, list::add_counts(Commit::new(), deltas)).await?;
        }
        if is_whole {
            return Ok(());
        }
        // The last shop may go on; what is repaired is not found again.
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
