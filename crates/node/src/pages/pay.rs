//! Payment page of the sandbox at `/pay/{token}`. The token in the URL is the only authorization, as with other payment
//! providers.

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use pulse_contract::payment::v1::errors;
use pulse_edge::failed_page;
use pulse_kernel::{Error, Locale};
use pulse_payment::{Choice, PayPage, Sandbox};
use serde::Deserialize;

/// Content security policy: own styles, and forms to this node; no scripts, frames or external content.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(Deserialize)]
struct Chosen {
    choice: String,
}

/// Returns the routes of the page and of its form.
pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new().route("/pay/{token}", get(show).post(choose)).with_state(sandbox)
}

async fn show(State(sandbox): State<Sandbox>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    match sandbox.page(&token).await {
        Ok(Some(payment)) => page(&payment, locale(&headers)),
        Ok(None) => failed_page(errors::PAYMENT_NOT_FOUND.error("no payment page has this token")),
        Err(error) => failed_page(error),
    }
}

async fn choose(State(sandbox): State<Sandbox>, Path(token): Path<String>, Form(chosen): Form<Chosen>) -> Response {
    let made = match choice(&chosen.choice) {
        // The task runs to its end, also if the browser closes the connection.
        Some(choice) => {
            let token = token.clone();
            let work = tokio::spawn(async move { sandbox.choose(&token, choice).await });
            work.await.unwrap_or_else(|error| Err(defect(error)))
        }
        None => Err(pulse_contract::errors::VALIDATION_FAILED.error("choice must be pay, decline, delay or twice")),
    };
    match made {
        Ok(()) => Redirect::to(&format!("/pay/{token}")).into_response(),
        Err(error) => failed_page(error),
    }
}

fn defect(error: tokio::task::JoinError) -> Error {
    pulse_contract::errors::INTERNAL.error("the task of the payment panicked").caused_by(error)
}

fn choice(word: &str) -> Option<Choice> {
    match word {
        "pay" => Some(Choice::Pay),
        "decline" => Some(Choice::Decline),
        "delay" => Some(Choice::Delay),
        "twice" => Some(Choice::PayTwice),
        _ => None,
    }
}

fn locale(headers: &HeaderMap) -> Locale {
    let header = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map_or(Locale::En, Locale::from_accept_language)
}

fn page(payment: &PayPage, locale: Locale) -> Response {
    let values = minijinja::context! {
        lang => locale.tag(),
        is_zh => locale == Locale::Zh,
        order_id => payment.order_id,
        amount => &payment.amount,
        is_waiting => payment.is_waiting,
        is_processing => payment.is_processing,
        is_paid => payment.is_paid,
        failure => &payment.failure,
        return_url => &payment.return_url,
    };
    super::page_under(POLICY, PAGE, values)
}

const PAGE: &str = include_str!("pay.html");
