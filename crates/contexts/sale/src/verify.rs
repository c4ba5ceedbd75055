//! Checks what the context promises by reading its tables.

use futures::stream::{self, StreamExt};
use pulse_contract::order::v1::{GetOrderRequest, Order, OrderClient};
use pulse_kernel::finding::FINDINGS_MAX;
use pulse_kernel::{Cx, Error, Finding, Kind, Verified};
use pulse_store::Store;

use crate::store::admissions::{self, AdmissionRow, AdmissionState};
use crate::store::counts::{self, Sum};

/// The count of a sale is the sum of its admissions, and never more than its units.
const COUNTED: &str = "sale.count_is_sum_of_admissions";
/// An admission that has an order has exactly one, of its buyer, for its units; one that has none has none.
const ORDERED: &str = "sale.admissions_have_their_orders";

/// How many rows are read at once.
const PAGE: i64 = 500;
/// How many orders are asked for at the same time.
const ASKED_MAX: usize = 32;

/// Checks the invariants of the context's own tables.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub(crate) async fn verify(store: &Store, orders: &OrderClient) -> Result<Verified, Error> {
    let (mut verified, mut after, mut count) = (Verified::default(), 0, 0);
    // One statement per sale, so that rows and count are of the same instant.
    while let Some(sum) = counts::sum_after(store, after).await? {
        after = sum.count.sale;
        count += 1;
        let Sum { count: counted, taken, admissions } = sum;
        if counted.taken != taken || counted.admissions != admissions || counted.taken > counted.units {
            let detail = format!(
                "{} of {} units are counted as taken by {} admissions; its rows say {taken} by {admissions}",
                counted.taken, counted.units, counted.admissions
            );
            tell(&mut verified, COUNTED, format!("sale {}", counted.sale), detail);
        }
    }
    verified.checked.push((COUNTED, count));
    verify_orders(store, orders, &mut verified).await?;
    Ok(verified)
}

/// Checks every admission against the orders.
///
/// # Errors
/// `STORE_UNAVAILABLE`; those of the order context when it does not answer.
async fn verify_orders(store: &Store, orders: &OrderClient, verified: &mut Verified) -> Result<(), Error> {
    let cx = Cx::system("sale.verify", store.clock().now());
    let (mut after, mut count) = ((0, 0), 0);
    loop {
        let rows = admissions::all_after(store, after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = (last.sale, last.account);
        count += u64::try_from(rows.len()).unwrap_or(0);
        let mut asked = stream::iter(rows)
            .map(|row| {
                let cx = &cx;
                async move { (row, find(orders, cx, row.order).await) }
            })
            .buffered(ASKED_MAX);
        while let Some((row, order)) = asked.next().await {
            if let Some(detail) = disagreement(&row, order?.as_ref()) {
                tell(verified, ORDERED, format!("admission {} to sale {}", row.order, row.sale), detail);
            }
        }
    }
    verified.checked.push((ORDERED, count));
    Ok(())
}

fn tell(verified: &mut Verified, invariant: &'static str, subject: String, detail: String) {
    if verified.findings.len() < FINDINGS_MAX {
        verified.findings.push(Finding { invariant, subject, detail, is_repaired: false });
    }
}

async fn find(orders: &OrderClient, cx: &Cx, order_id: i64) -> Result<Option<Order>, Error> {
    match orders.get_order(cx, GetOrderRequest { order_id }).await {
        Ok(order) => Ok(Some(order)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an admission and its order do not agree on.
fn disagreement(row: &AdmissionRow, order: Option<&Order>) -> Option<String> {
    let is_theirs = |order: &Order| {
        let units: i64 = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
        order.sale_id == row.sale && order.customer_account_id == row.account && units == row.units
    };
    match (row.state, order) {
        // Its order may have been made a moment ago.
        (AdmissionState::Waiting, order) if order.is_none_or(is_theirs) => None,
        (AdmissionState::Placed | AdmissionState::Returned, Some(order)) if is_theirs(order) => None,
        (AdmissionState::Late | AdmissionState::Short | AdmissionState::Dead, None) => None,
        (state, Some(order)) => {
            Some(format!("it is {state:?}, and there is an order of {}", order.customer_account_id))
        }
        (state, None) => Some(format!("it is {state:?}, and there is no order")),
    }
}
