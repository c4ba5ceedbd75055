//! Operator calls for order creation: status, pause, dead letters (TR-38).

use pulse_contract::errors;
use pulse_contract::page::{self, Page};
use pulse_contract::sale::v1::{
    DeadLetter, DismissDeadLetterRequest, DismissDeadLetterResponse, GetOrderCreationStatusRequest,
    ListDeadLettersRequest, ListDeadLettersResponse, OrderCreationStatus, SetOrderCreationPausedRequest,
};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::store::dead_letters::{self, DeadLetterRow};
use crate::store::{admissions, switches};

/// Upper limit of counts in the status and the metrics.
pub(crate) const COUNTED_MAX: i64 = 100_000;

pub(crate) async fn get_order_creation_status(
    app: &App,
    _cx: &Cx,
    _request: GetOrderCreationStatusRequest,
) -> Result<OrderCreationStatus, Error> {
    let store = &app.deps.store;
    Ok(OrderCreationStatus {
        is_paused: switches::is_order_creation_paused(store).await?,
        waiting_count: admissions::waiting_count(store, COUNTED_MAX).await?,
        dead_letter_count: dead_letters::count(store, COUNTED_MAX).await?,
    })
}

pub(crate) async fn set_order_creation_paused(
    app: &App,
    cx: &Cx,
    request: SetOrderCreationPausedRequest,
) -> Result<OrderCreationStatus, Error> {
    let is_paused = request.is_paused.ok_or_else(|| errors::VALIDATION_FAILED.error("is_paused is required"))?;
    app.deps.store.commit(cx, switches::set_order_creation_paused(Commit::new(), is_paused)).await?;
    tracing::warn!(is_paused, "order creation of flash sales was paused or resumed by an operator");
    // Wakes the worker of this node.
    app.admitted.notify_one();
    get_order_creation_status(app, cx, GetOrderCreationStatusRequest {}).await
}

pub(crate) async fn list_dead_letters(
    app: &App,
    _cx: &Cx,
    request: ListDeadLettersRequest,
) -> Result<ListDeadLettersResponse, Error> {
    let page = Page::new(request.page_size, &request.page_token)?;
    let after = page.after::<1>()?.map_or(0, |[order]| order);
    let rows = dead_letters::page(&app.deps.store, after, page.limit_plus_one()).await?;
    let (rows, next_page_token) = page.cut(rows, |row| page::token(&[row.order]));
    Ok(ListDeadLettersResponse { dead_letters: rows.into_iter().map(shown).collect(), next_page_token })
}

pub(crate) async fn dismiss_dead_letter(
    app: &App,
    cx: &Cx,
    request: DismissDeadLetterRequest,
) -> Result<DismissDeadLetterResponse, Error> {
    app.deps.store.commit(cx, dead_letters::delete(Commit::new(), request.order_id)).await?;
    Ok(DismissDeadLetterResponse {})
}

fn shown(row: DeadLetterRow) -> DeadLetter {
    DeadLetter {
        order_id: row.order,
        sale_id: row.sale,
        account_id: row.account,
        consumer: row.consumer,
        error: row.error,
        attempts: i32::try_from(row.attempts).unwrap_or(i32::MAX),
        failed_at: Some(row.failed_at.into()),
    }
}
