//! Admits a buyer to a sale: the hot path under peak load.
//!
//! Before the decision of the admission engine, the database is not read for an active sale. A dropped request leaves no
//! accepted admission unwritten: it is submitted to the admission writer without an await in between.

use std::time::{Duration, Instant};

use pulse_contract::Timestamp as WireTimestamp;
use pulse_contract::sale::v1::{Admission, AdmitRequest, errors};
use pulse_kernel::snowflake;
use pulse_kernel::{Cx, Error};
use pulse_limiter::admission::Verdict;
use pulse_limiter::{Key, Quota};
use tokio::time::sleep;

use super::{App, active_sale, caller, view};
use crate::active_sales::ActiveSale;
use crate::admission_writer::{self, WriteOutcome};
use crate::domain::entry::{Asked, Refusal};
use crate::domain::network::network_of;
use crate::domain::ticket::Ticket;
use crate::store::admissions::{self, AdmissionRow, AdmissionState};

/// Maximum time that a second request of a buyer waits until the first one is written.
const DUPLICATE_WAIT_MAX: Duration = Duration::from_secs(2);
/// Poll interval of the second request.
const DUPLICATE_POLL: Duration = Duration::from_millis(10);
/// Retry delay of the second request after that time.
const RETRY_IN: Duration = Duration::from_secs(1);

pub(crate) async fn admit(app: &App, cx: &Cx, request: AdmitRequest) -> Result<Admission, Error> {
    let running = active_sale(app, request.sale_id).await?;
    let account = caller(cx)?.get();
    let units = u32::try_from(request.quantity).unwrap_or(0).max(1);
    let asked = Asked { now: cx.now, account, ticket: &request.ticket, units };
    let ticket = running.terms.check(asked).map_err(|refusal| refused(refusal, &running, cx))?;
    let network = network_of(cx.client_ip);
    check_rate_limit(app, cx, &running, (account, ticket.device, network)).await?;
    let row = AdmissionRow {
        sale: running.id,
        account,
        order: app.deps.store.next_id(cx.now),
        units: units.into(),
        state: AdmissionState::Waiting,
        network,
        device: ticket.device,
    };
    match app.deps.sales.admit(admission_writer::request(&row)).await? {
        Verdict::Admitted => write(app, &running, row).await,
        // Boxed: this case is rare, and its future is larger than the rest.
        Verdict::Duplicate { admission } => Box::pin(repeat(app, &running, (account, ticket, admission))).await,
        Verdict::SoldOut => Err(sold_out()),
        Verdict::NoSale => Err(errors::SALE_PAUSED.error("the sale is being loaded; repeat the request in a moment")),
    }
}

/// Submits the admission to the writer and waits until it is on disk.
async fn write(app: &App, running: &ActiveSale, row: AdmissionRow) -> Result<Admission, Error> {
    let answer = match app.admission_writer.submit(row) {
        Ok(answer) => answer,
        Err(busy) => {
            app.deps.sales.cancel(admission_writer::request(&row)).await?;
            return Err(busy);
        }
    };
    match answer.await? {
        WriteOutcome::Committed => Ok(view::admission(running, row.order, row.units, false)),
        WriteOutcome::SoldOut => Err(sold_out()),
        WriteOutcome::Duplicate(first) => Ok(view::admission(running, first.order, first.units, true)),
    }
}

/// The response for a buyer with an admission: the first admission, or an error if this ticket was used for it.
async fn repeat(
    app: &App,
    running: &ActiveSale,
    (account, ticket, admission): (i64, Ticket, i64),
) -> Result<Admission, Error> {
    if ticket.issued_at <= snowflake::timestamp_of(admission) {
        let used = errors::SALE_TICKET_USED.error("the ticket was used; the account is already admitted");
        return Err(used.with("order_id", admission));
    }
    let began = Instant::now();
    loop {
        if let Some(first) = admissions::of(&app.deps.store, running.id, account).await? {
            return Ok(view::admission(running, first.order, first.units, true));
        }
        // The first request is in progress, perhaps on another node, and may still fail.
        if began.elapsed() > DUPLICATE_WAIT_MAX {
            return Err(errors::SALE_BUSY.error("an earlier request of the buyer is in progress").retry_in(RETRY_IN));
        }
        sleep(DUPLICATE_POLL).await;
    }
}

/// Counts one attempt against the limits of account, device and network.
async fn check_rate_limit(app: &App, cx: &Cx, running: &ActiveSale, who: (i64, i64, i64)) -> Result<(), Error> {
    let (account, device, network) = who;
    let rate_limit = &running.rate_limit;
    for (quota, domain, subject) in [
        (rate_limit.per_account, "sale.rate_limit.account", account),
        (rate_limit.per_device.filter(|_| device != 0), "sale.rate_limit.device", device),
        (rate_limit.per_network, "sale.rate_limit.network", network),
    ] {
        if let Some(quota) = quota {
            check_one(app, cx, (domain, running.id, subject), quota).await?;
        }
    }
    Ok(())
}

/// Counts one attempt against one limit.
pub(super) async fn check_one(
    app: &App,
    cx: &Cx,
    (domain, sale, subject): (&'static str, i64, i64),
    quota: Quota,
) -> Result<(), Error> {
    let [sale, subject] = [sale.to_be_bytes(), subject.to_be_bytes()];
    let mut name = [0; 16];
    name.iter_mut().zip(sale.into_iter().chain(subject)).for_each(|(to, byte)| *to = byte);
    let decision = app.deps.limiter.check(Key::of(domain, &name), quota, 1, cx.now).await?;
    if decision.is_allowed {
        return Ok(());
    }
    Err(errors::SALE_TOO_FAST.error("attempt rate limit of the sale exceeded").retry_in(decision.retry_after))
}

fn sold_out() -> Error {
    errors::SALE_SOLD_OUT.error("no units are left")
}

/// The API error of a refusal.
pub(super) fn refused(refusal: Refusal, running: &ActiveSale, cx: &Cx) -> Error {
    let window = running.terms.window;
    match refusal {
        Refusal::NotStarted => errors::SALE_NOT_STARTED
            .error("the sale has not started")
            .with("starts_at", WireTimestamp::from(window.starts_at))
            .with("now", WireTimestamp::from(cx.now))
            .retry_in(window.starts_at.since(cx.now)),
        Refusal::Ended => errors::SALE_ENDED.error("the sale has ended"),
        Refusal::Paused => errors::SALE_PAUSED.error("the sale is paused"),
        Refusal::NotEligible => {
            errors::SALE_NOT_ELIGIBLE.error("the account does not belong to the audience of the sale")
        }
        Refusal::TicketInvalid => {
            errors::SALE_TICKET_INVALID.error("the ticket must be issued to this account for this sale")
        }
        Refusal::TicketExpired => errors::SALE_TICKET_EXPIRED.error("the ticket has expired; take a new one"),
        Refusal::BuyerLimit => errors::SALE_BUYER_LIMIT
            .error("quantity exceeds per_buyer_limit of the sale")
            .with("per_buyer_limit", running.terms.per_buyer_limit),
    }
}
