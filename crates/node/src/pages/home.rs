//! Start page at `/`: links to the parts of the node, and example calls.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::routing::get;
use futures::future::BoxFuture;

/// Address of a node in the examples when the request has no `Host` header, as in HTTP/2.
const HOST_DEFAULT: &str = "127.0.0.1:8080";

/// Example call for a shell.
#[derive(Clone, Debug)]
pub struct Example {
    /// Effect of the call, as a sentence.
    pub title: String,
    /// Shell command.
    pub command: String,
}

/// Creates the examples of a page view, for the `Host` of the request.
pub type Examples = Arc<dyn Fn(String) -> BoxFuture<'static, Vec<Example>> + Send + Sync>;

/// Returns the routes of the start page and of the styles of all pages.
pub fn router(has_inbox: bool, examples: Option<Examples>) -> Router {
    let home = move |headers: HeaderMap| async move {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or(HOST_DEFAULT).to_owned();
        let examples = match &examples {
            Some(examples) => examples(host.clone()).await,
            None => Vec::new(),
        };
        let examples: Vec<(String, String)> =
            examples.into_iter().map(|example| (example.title, example.command)).collect();
        super::page(PAGE, minijinja::context! { has_inbox, host, examples, version => env!("CARGO_PKG_VERSION") })
    };
    let styles = || async { ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLES) };
    Router::new().route("/", get(home)).route("/pages/pulse.css", get(styles))
}

const PAGE: &str = include_str!("home.html");
const STYLES: &str = include_str!("pulse.css");
