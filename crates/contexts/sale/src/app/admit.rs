//! Admits somebody to a sale: the whole way of a buyer in the rush.
//!
//! Until the gate has decided nothing is read from the store and nothing waits. Dropping it half way leaves nothing half
//! done: an accepted admission is submitted to the admission writer in the same step.

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

/// How long the first request of a buyer may be under way while a second one waits for it, and how often that one looks.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// When the second one should come back.
const SOON: Duration = Duration::from_secs(1);

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
        // Rare, and larger than all the rest of this future.
        Verdict::Duplicate { admission } => Box::pin(repeat(app, &running, (account, ticket, admission))).await,
        Verdict::SoldOut => Err(sold_out()),
        Verdict::NoSale => Err(errors::SALE_PAUSED.error("the sale is being loaded; repeat the request in a moment")),
    }
}

/// Waits until the admission is on disk.
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

/// The buyer was admitted before: with this ticket, which is used up then, or with an earlier one.
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
        // It is being written at this very moment, perhaps by another node, and may yet come to nothing.
        if began.elapsed() > WRITTEN_WITHIN {
            return Err(errors::SALE_BUSY.error("an earlier request of the buyer is in progress").retry_in(SOON));
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Counts one attempt of an account, a device and a network.
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

/// Counts one of something that somebody may do so often.
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

/// A refusal as callers hear it.
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
