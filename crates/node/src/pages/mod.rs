//! The few pages of a node itself: where everything is, the developer's inbox, where the sandbox is paid, and where
//! providers of payments call.

mod home;
mod inbox;
mod pay;
mod webhooks;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Response};

pub use home::{Example, Examples, router};
pub use inbox::{DevInbox, NoChannel};
pub(crate) use pay::router as pay;
pub(crate) use webhooks::router as webhooks;

/// Own styles and nothing else: no script, no frame, nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn page(template: &str, values: minijinja::Value) -> Response {
    page_under(POLICY, template, values)
}

fn page_under(policy: &'static str, template: &str, values: minijinja::Value) -> Response {
    let environment = minijinja::Environment::new();
    let page = environment.render_named_str("page.html", template, values);
    let page = page.unwrap_or_else(|error| format!("the page cannot be shown: {error}"));
    ([(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store")], Html(page)).into_response()
}
