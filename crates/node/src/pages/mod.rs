//! Pages of the node: start page, developer inbox, payment page of the sandbox, webhooks of payment providers.

mod home;
mod inbox;
mod pay;
mod webhooks;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Response};

pub use home::{Example, Examples, router};
pub use inbox::DevInbox;
pub(crate) use pay::router as pay;
pub(crate) use webhooks::router as webhooks;

/// Content security policy: only own styles; no scripts, forms, frames or external content.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn page(template: &str, values: minijinja::Value) -> Response {
    page_under(POLICY, template, values)
}

fn page_under(policy: &'static str, template: &str, values: minijinja::Value) -> Response {
    let environment = minijinja::Environment::new();
    let page = environment.render_named_str("page.html", template, values);
    let page = page.unwrap_or_else(|error| format!("the page cannot be rendered: {error}"));
    ([(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store")], Html(page)).into_response()
}
