//! Where providers of payments tell what happened: `POST /webhooks/{provider}`, for anybody who can sign.
//!
//! The answer says that everything is written down. Every other answer makes the provider tell it again (T5).

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use pulse_contract::errors;
use pulse_contract::payment::v1::{PaymentClient, ReceiveWebhookRequest};
use pulse_edge::failed_page;
use pulse_kernel::{Clock, Cx, Error};

/// How large the body of a webhook may be.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Where Stripe puts its signature; the sandbox does, too.
const SIGNATURE: &str = "stripe-signature";

#[derive(Clone)]
struct Inlet {
    payments: PaymentClient,
    clock: Clock,
}

/// The page that providers call.
pub(crate) fn router(payments: PaymentClient, clock: Clock) -> Router {
    Router::new().route("/webhooks/{provider}", post(receive)).with_state(Inlet { payments, clock })
}

async fn receive(State(inlet): State<Inlet>, Path(provider): Path<String>, headers: HeaderMap, body: Body) -> Response {
    match take_in(inlet, provider, &headers, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed_page(error),
    }
}

async fn take_in(inlet: Inlet, provider: String, headers: &HeaderMap, body: Body) -> Result<(), Error> {
    let payload = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
        errors::PAYLOAD_TOO_LARGE.error(format!("a webhook has at most {BODY_BYTES_MAX} bytes")).caused_by(error)
    })?;
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let request = ReceiveWebhookRequest { provider, payload, signature };
    let cx = Cx::system("payment.webhook", inlet.clock.now()).in_trace(pulse_telemetry::current_trace());
    // To its end, whether or not the provider still waits.
    let work = async move { inlet.payments.receive_webhook(&cx, request).await };
    let work = tokio::spawn(pulse_telemetry::in_current_trace(work));
    work.await.map_err(|error| errors::INTERNAL.error("a defect").caused_by(error))??;
    Ok(())
}
