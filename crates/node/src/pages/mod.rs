//! The few pages of a node itself: where everything is, the developer's inbox, where the sandbox is paid, and where
//! providers of payments call.

mod inbox;
mod pay;
mod webhooks;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

pub use inbox::{DevInbox, NoChannel};
pub(crate) use pay::router as pay;
pub(crate) use webhooks::router as webhooks;

/// Own styles and nothing else: no script, no frame, nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where a node listens that was told nothing else; HTTP/2 has no `Host`.
const HOST_DEFAULT: &str = "127.0.0.1:8080";

/// The page at `/`, and the styles of all pages.
pub fn router(has_inbox: bool) -> Router {
    let home = move |headers: HeaderMap| async move {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or(HOST_DEFAULT);
        page(HOME, minijinja::context! { has_inbox, host, version => env!("CARGO_PKG_VERSION") })
    };
    let styles = || async { ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLES) };
    Router::new().route("/", get(home)).route("/pages/pulse.css", get(styles))
}

fn page(template: &str, values: minijinja::Value) -> Response {
    page_under(POLICY, template, values)
}

fn page_under(policy: &'static str, template: &str, values: minijinja::Value) -> Response {
    let environment = minijinja::Environment::new();
    let page = environment.render_named_str("page.html", template, values);
    let page = page.unwrap_or_else(|error| format!("the page cannot be shown: {error}"));
    ([(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store")], Html(page)).into_response()
}

const HOME: &str = include_str!("home.html");
const STYLES: &str = include_str!("pulse.css");
