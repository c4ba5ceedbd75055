//! Issues a ticket, or a position in the waiting room.

use std::time::Duration;

use pulse_contract::sale::v1::{QueuePosition as WireQueuePosition, TakeTicketRequest, TakeTicketResponse, errors};
use pulse_kernel::{Cx, Error};
use pulse_limiter::{Key, Quota};
use sha2::{Digest, Sha256};

use super::{App, active_sale, admit, caller};
use crate::active_sales::ActiveSale;
use crate::domain::challenge::{ANSWER_WITHIN, Asked};
use crate::domain::entry::Refusal;
use crate::domain::queue::wait_for;
use crate::domain::queue_position::QueuePosition;
use crate::domain::ticket::Ticket;

pub(crate) async fn take_ticket(app: &App, cx: &Cx, request: TakeTicketRequest) -> Result<TakeTicketResponse, Error> {
    let account = caller(cx)?.get();
    let running = active_sale(app, request.sale_id).await?;
    check_entry(&running, cx, account)?;
    if !running.quiz.is_empty() {
        check_answer(app, cx, &running, (account, &request)).await?;
    }
    let device = device_of(running.id, &request.device);
    match running.tickets_per_second {
        0 => Ok(ticket(&running, cx, (account, device))),
        rate => {
            let position = app.rooms.join(running.id, device, cx.now, rate);
            Ok(match app.rooms.ahead_of(running.id, position, cx.now, rate) {
                Some(0) | None => ticket(&running, cx, (account, device)),
                Some(ahead) => TakeTicketResponse {
                    position: Some(waiting(&running, account, position, ahead)),
                    ..TakeTicketResponse::default()
                },
            })
        }
    }
}

/// Checks that the account may take a ticket. Tickets are also issued before the start and during a pause.
pub(super) fn check_entry(running: &ActiveSale, cx: &Cx, account: i64) -> Result<(), Error> {
    match running.terms.check_window(cx.now) {
        Ok(()) | Err(Refusal::NotStarted | Refusal::Paused) => {}
        Err(refusal) => return Err(admit::refused(refusal, running, cx)),
    }
    match running.terms.audience.has(account, cx.now) {
        true => Ok(()),
        false => Err(admit::refused(Refusal::NotEligible, running, cx)),
    }
}

/// Issues a ticket.
pub(super) fn ticket(running: &ActiveSale, cx: &Cx, (account, device): (i64, i64)) -> TakeTicketResponse {
    let ticket = Ticket { issued_at: cx.now, device };
    TakeTicketResponse {
        ticket: ticket.sign(&running.terms.key, account),
        expires_at: Some(cx.now.plus(running.terms.ticket_ttl).into()),
        position: None,
    }
}

/// The response for a queue position with `ahead` calls before it.
pub(super) fn waiting(running: &ActiveSale, account: i64, position: QueuePosition, ahead: u64) -> WireQueuePosition {
    let wait = wait_for(ahead, running.tickets_per_second);
    WireQueuePosition {
        queue_token: position.sign(&running.terms.key, account),
        position: i64::try_from(ahead).unwrap_or(i64::MAX),
        wait_ms: i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
        ..WireQueuePosition::default()
    }
}

/// Checks the answer to a challenge. The delay between answers makes guessing slow, and a challenge is answered once.
async fn check_answer(
    app: &App,
    cx: &Cx,
    running: &ActiveSale,
    (account, request): (i64, &TakeTicketRequest),
) -> Result<(), Error> {
    let asked = Asked::read(&running.terms.key, account, &request.challenge_token, cx.now);
    let asked = asked.ok_or_else(|| {
        errors::SALE_QUESTION_INVALID
            .error("challenge_token must come from GetChallenge and be less than 2 minutes old")
    })?;
    if let Some(quota) = once_in(running.wrong_answer_delay) {
        admit::check_one(app, cx, ("sale.answer", running.id, account), quota).await?;
    }
    let answered = Key::of("sale.question", &asked.nonce.to_be_bytes());
    if let Some(quota) = once_in(ANSWER_WITHIN)
        && !app.deps.limiter.count_window(answered, quota, cx.now).await?.is_allowed
    {
        return Err(errors::SALE_QUESTION_INVALID.error("the challenge was answered before; get a new one"));
    }
    match app.deps.challenge.is_right(&running.quiz, asked.number, request.choice) {
        true => Ok(()),
        false => Err(errors::SALE_ANSWER_WRONG
            .error("the answer is wrong; get a new challenge")
            .retry_in(running.wrong_answer_delay)),
    }
}

fn once_in(window: Duration) -> Option<Quota> {
    let millis = u32::try_from(window.as_millis()).ok()?;
    (millis > 0).then(|| Quota::new(1, millis))
}

/// Hashes a device ID together with the sale, so that devices cannot be linked between sales. 0 if the ID is empty.
fn device_of(sale: i64, device: &str) -> i64 {
    if device.is_empty() {
        return 0;
    }
    let digest = Sha256::new_with_prefix(sale.to_be_bytes()).chain_update(device).finalize();
    digest.iter().take(8).fold(0_i64, |number, byte| number << 8 | i64::from(*byte))
}
