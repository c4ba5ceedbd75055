//! Webhooks of payment providers: `POST /webhooks/{provider}`, without sign-in. The payment context verifies the signature.
//!
//! A success is answered after the event and its effects are stored. After any other answer the provider repeats the
//! webhook (T5).

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use pulse_contract::errors;
use pulse_contract::payment::v1::{PaymentClient, ReceiveWebhookRequest, WebhookHeader};
use pulse_edge::failed_page;
use pulse_kernel::{Clock, Cx, Error};

/// Maximum size of a webhook body in bytes, as in the contract.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Maximum number of headers that are passed on, as in the contract.
const HEADERS_MAX: usize = 100;
/// Maximum length of the name of a header that is passed on, as in the contract.
const HEADER_NAME_MAX: usize = 100;
/// Maximum length of the value of a header that is passed on, as in the contract.
const HEADER_VALUE_MAX: usize = 4_000;

#[derive(Clone)]
struct Inlet {
    payments: PaymentClient,
    clock: Clock,
}

/// Returns the route that providers call.
pub(crate) fn router(payments: PaymentClient, clock: Clock) -> Router {
    Router::new().route("/webhooks/{provider}", post(receive)).with_state(Inlet { payments, clock })
}

async fn receive(State(inlet): State<Inlet>, Path(provider): Path<String>, headers: HeaderMap, body: Body) -> Response {
    match forward(inlet, provider, &headers, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed_page(error),
    }
}

async fn forward(inlet: Inlet, provider: String, headers: &HeaderMap, body: Body) -> Result<(), Error> {
    let payload = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
        let detail = format!("the body of a webhook must have at most {BODY_BYTES_MAX} bytes");
        errors::PAYLOAD_TOO_LARGE.error(detail).caused_by(error)
    })?;
    let request = ReceiveWebhookRequest { provider, payload, headers: text_headers(headers) };
    let cx = Cx::system("payment.webhook", inlet.clock.now()).in_trace(pulse_telemetry::current_trace());
    // The task runs to its end, also if the provider closes the connection.
    let work = async move { inlet.payments.receive_webhook(&cx, request).await };
    let work = tokio::spawn(pulse_telemetry::in_current_trace(work));
    work.await.map_err(|error| errors::INTERNAL.error("the task of the webhook panicked").caused_by(error))??;
    Ok(())
}

/// Headers with text values. Names are in lower case, as HTTP/2 requires.
fn text_headers(headers: &HeaderMap) -> Vec<WebhookHeader> {
    let text = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let short = text.filter(|(name, value)| name.len() <= HEADER_NAME_MAX && value.len() <= HEADER_VALUE_MAX);
    let header = |(name, value): (&str, &str)| WebhookHeader { name: name.to_owned(), value: value.to_owned() };
    short.take(HEADERS_MAX).map(header).collect()
}
