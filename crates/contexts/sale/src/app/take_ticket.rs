//! Gives the caller a ticket.

use pulse_contract::sale::v1::{TakeTicketRequest, TakeTicketResponse, errors};
use pulse_kernel::{Cx, Error};
use sha2::{Digest, Sha256};

use super::{App, admit, caller, on_floor};
use crate::domain::entry::Refusal;
use crate::domain::ticket::Ticket;

pub(crate) async fn take_ticket(app: &App, cx: &Cx, request: TakeTicketRequest) -> Result<TakeTicketResponse, Error> {
    let account = caller(cx)?;
    let running = on_floor(app, request.sale_id).await?;
    let terms = &running.terms;
    // Before the start one may have a ticket already: it is good for nothing until then.
    match terms.check_window(cx.now) {
        Ok(()) | Err(Refusal::NotStarted | Refusal::Paused) => {}
        Err(refusal) => return Err(admit::refused(refusal, &running, cx)),
    }
    if !terms.audience.has(account.get(), cx.now) {
        return Err(errors::SALE_NOT_ELIGIBLE.error("the sale is not for this account"));
    }
    let ticket = Ticket { issued_at: cx.now, device: device_of(running.id, &request.device) };
    Ok(TakeTicketResponse {
        ticket: terms.key.sign(account.get(), ticket),
        expires_at: Some(cx.now.plus(terms.ticket_ttl).into()),
    })
}

/// A device as a number that says nothing outside of its sale; 0 when the app does not say which device it is.
fn device_of(sale: i64, device: &str) -> i64 {
    if device.is_empty() {
        return 0;
    }
    let digest = Sha256::new_with_prefix(sale.to_be_bytes()).chain_update(device).finalize();
    digest.iter().take(8).fold(0_i64, |number, byte| number << 8 | i64::from(*byte))
}
