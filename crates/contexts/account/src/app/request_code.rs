//! Sends a one-time code. The use case does not read accounts, so it cannot reveal whether one exists.

use std::time::Duration;

use pulse_contract::account::v1::request_code_request::Destination as Wire;
use pulse_contract::account::v1::{RequestCodeRequest, RequestCodeResponse, errors};
use pulse_contract::errors as common;
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::App;
use crate::codes::{Destination, code_text};
use crate::domain::one_time_code::{self, PAUSE, SENT_MAX};
use crate::store::codes;

pub(crate) async fn request_code(
    app: &App,
    cx: &Cx,
    request: RequestCodeRequest,
) -> Result<RequestCodeResponse, Error> {
    let destination = match request.destination {
        Some(Wire::Phone(phone)) => Destination::Phone(phone),
        Some(Wire::Email(email)) => Destination::Email(email.to_lowercase()),
        None => return Err(common::VALIDATION_FAILED.error("destination must be a phone number or an e-mail address")),
    };
    app.deps.codes.check(&destination)?;
    let code = format!("{:06}", rand::random_range(0..1_000_000_u32));
    let response = app.deps.store.attempt(cx, || issue(app, cx, &destination, &code)).await?;
    app.deps.codes.send(&destination, &code_text(&code, cx.locale)).await?;
    Ok(response)
}

async fn issue(app: &App, cx: &Cx, to: &Destination, code: &str) -> Result<RequestCodeResponse, Error> {
    let store = &app.deps.store;
    let read = codes::of(store, to.as_str()).await?;
    let mac = app.deps.secret.code_mac(to.as_str(), code);
    let state = one_time_code::issue(read.as_ref().map(|read| &read.state), mac, cx.now).map_err(limited)?;
    let response =
        RequestCodeResponse { expires_at: Some(state.expires_at.into()), next_at: Some(state.next_at.into()) };
    let commit = codes::put(Commit::new(), to.as_str(), read.as_ref(), &state).answer(cx, &response);
    store.commit(cx, commit).await?;
    Ok(response)
}

fn limited(wait: Duration) -> Error {
    let seconds = wait.as_secs();
    let detail = format!(
        "at most {SENT_MAX} codes per hour, {} seconds apart; the next code is allowed in {seconds} seconds",
        PAUSE.as_secs()
    );
    errors::ACCOUNT_CODE_LIMITED.error(detail).retry_in(wait)
}
