//! Audit of the invariants of sales.

use futures::stream::{self, StreamExt};
use pulse_contract::order::v1::{GetOrderRequest, Order, OrderClient};
use pulse_kernel::{Cx, Error, Kind, Verified};
use pulse_store::Store;
use pulse_work::{Audit, Pages};

use crate::store::admissions::{self, AdmissionRow, AdmissionState};
use crate::store::counts::{self, Sum};

/// The count of a sale equals the sum of its admissions and does not exceed its units.
const COUNTED: &str = "sale.count_is_sum_of_admissions";
/// A placed or returned admission has one order of its buyer with its units; a failed admission has no order.
const ORDERED: &str = "sale.admissions_have_their_orders";

/// Maximum number of rows that are read at once.
const PAGE: i64 = 500;
/// Maximum number of concurrent requests for orders.
const REQUESTS_MAX: usize = 32;

/// Checks the invariants of the context. It repairs nothing.
///
/// # Errors
/// `STORE_UNAVAILABLE`; errors of the order context.
pub async fn verify(store: &Store, orders: &OrderClient) -> Result<Verified, Error> {
    let mut audit = Audit::new(&[COUNTED, ORDERED], false);
    check_counts(store, &mut audit).await?;
    check_orders(store, orders, &mut audit).await?;
    Ok(audit.finish())
}

async fn check_counts(store: &Store, audit: &mut Audit) -> Result<(), Error> {
    let mut after = 0;
    // One statement per sale, so that rows and count are of the same instant.
    while let Some(sum) = counts::sum_after(store, after).await? {
        after = sum.count.sale;
        audit.checked(COUNTED, 1_u64);
        let Sum { count: counted, taken, admissions } = sum;
        if counted.taken != taken || counted.admissions != admissions || counted.taken > counted.units {
            let detail = format!(
                "the count has {} of {} units taken by {} admissions, the rows have {taken} taken by {admissions}",
                counted.taken, counted.units, counted.admissions
            );
            audit.found(COUNTED, format!("sale {}", counted.sale), detail, false);
        }
    }
    Ok(())
}

async fn check_orders(store: &Store, orders: &OrderClient, audit: &mut Audit) -> Result<(), Error> {
    let cx = Cx::system("sale.verify", store.clock().now());
    let mut pages = Pages::after((0, 0));
    let read = |after| admissions::all_after(store, after, PAGE);
    while let Some(rows) = pages.next(read, |row| (row.sale, row.account)).await? {
        let mut requests = stream::iter(rows)
            .map(|row| {
                let cx = &cx;
                async move { (row, find(orders, cx, row.order).await) }
            })
            .buffered(REQUESTS_MAX);
        while let Some((row, order)) = requests.next().await {
            if let Some(detail) = disagreement(&row, order?.as_ref()) {
                audit.found(ORDERED, format!("admission {} to sale {}", row.order, row.sale), detail, false);
            }
        }
    }
    audit.checked(ORDERED, pages.row_count());
    Ok(())
}

async fn find(orders: &OrderClient, cx: &Cx, order_id: i64) -> Result<Option<Order>, Error> {
    match orders.get_order(cx, GetOrderRequest { order_id }).await {
        Ok(order) => Ok(Some(order)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Describes the contradiction between an admission and its order; `None` when there is none.
fn disagreement(row: &AdmissionRow, order: Option<&Order>) -> Option<String> {
    let is_its_own = |order: &Order| {
        let units: i64 = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
        order.sale_id == row.sale && order.customer_account_id == row.account && units == row.units
    };
    match (row.state, order) {
        // Its order may have been created after the admission was read.
        (AdmissionState::Waiting, order) if order.is_none_or(is_its_own) => None,
        (AdmissionState::Placed | AdmissionState::Returned, Some(order)) if is_its_own(order) => None,
        (AdmissionState::Late | AdmissionState::Short | AdmissionState::Dead, None) => None,
        (state, Some(order)) => {
            Some(format!("the state is {state:?}, but account {} has its order", order.customer_account_id))
        }
        (state, None) => Some(format!("the state is {state:?}, but it has no order")),
    }
}
