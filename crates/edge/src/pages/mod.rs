//! What is not an rpc: the description of the API, health, numbers and profiles, and pages that the node hands in.

mod assets;
mod document;
mod profile;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;
use tower::ServiceExt;

use crate::body::Body;
use crate::config::any_contains;
use crate::core::Core;
use crate::pipeline::origin::Origin;
pub(crate) use assets::Asset;
pub(crate) use document::Document;
pub(crate) use profile::Profile;

/// Paths below this are for operators.
const OPERATORS: &str = "/admin/";

/// A page of the edge itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    /// Whether the process lives.
    Live,
    /// Whether the node takes requests.
    Ready,
    /// The numbers, for Prometheus.
    Metrics,
    /// The description of the API.
    OpenApi,
    /// The interactive page and its parts.
    Asset(&'static Asset),
    /// What the process is doing, for operators.
    Profile(Profile),
}

/// The pages and where they are.
pub(crate) const PAGES: [(&str, Page); 13] = [
    ("/health", Page::Ready),
    ("/health/live", Page::Live),
    ("/health/ready", Page::Ready),
    ("/metrics", Page::Metrics),
    ("/openapi.json", Page::OpenApi),
    ("/docs", Page::Asset(&assets::INDEX)),
    ("/docs/init.js", Page::Asset(&assets::INIT)),
    ("/docs/swagger-ui.css", Page::Asset(&assets::STYLE)),
    ("/docs/swagger-ui-bundle.js", Page::Asset(&assets::BUNDLE)),
    ("/docs/favicon-32x32.png", Page::Asset(&assets::ICON)),
    ("/admin/profile/cpu", Page::Profile(Profile::Cpu)),
    ("/admin/profile/heap", Page::Profile(Profile::Heap)),
    ("/admin/profile/tasks", Page::Profile(Profile::Tasks)),
];

/// Says whether the node is ready for requests.
pub(crate) type IsReady = Box<dyn Fn() -> bool + Send + Sync>;

/// What the pages need.
pub(crate) struct Pages {
    pub(crate) is_ready: IsReady,
    pub(crate) openapi: Bytes,
    /// The same, as it is sent; made when it is first asked for.
    pub(crate) openapi_document: OnceLock<Document>,
    /// Pages that the node handed in.
    pub(crate) public: Router,
    /// The same, for operators alone; their paths begin with `/admin/`.
    pub(crate) operators: Router,
}

/// Marks the answer of a router that has no such page.
#[derive(Clone)]
struct NoPage;

/// Marks the answer of a page that failed.
#[derive(Clone)]
struct FailedPage(Arc<Error>);

/// What a page that was handed in answers when it fails: the edge makes a problem of it, as of every error.
#[must_use]
pub fn failed_page(error: Error) -> axum::response::Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(FailedPage(Arc::new(error)));
    response
}

/// A router whose misses are recognized.
pub(crate) fn with_misses(router: Router) -> Router {
    router.fallback(|| async {
        let mut response = StatusCode::NOT_FOUND.into_response();
        response.extensions_mut().insert(NoPage);
        response
    })
}

impl Pages {
    /// Answers a page of the edge itself.
    pub(crate) async fn own(
        &self,
        core: &Core,
        page: Page,
        parts: &Parts,
        origin: &Origin,
    ) -> Result<Response<Body>, Error> {
        match page {
            Page::Live => Ok(health(StatusCode::OK, "live")),
            Page::Ready if core.draining.is_cancelled() => Ok(health(StatusCode::SERVICE_UNAVAILABLE, "draining")),
            Page::Ready if (self.is_ready)() => Ok(health(StatusCode::OK, "ready")),
            Page::Ready => Ok(health(StatusCode::SERVICE_UNAVAILABLE, "starting")),
            Page::Metrics => {
                if !any_contains(&core.door.access.metrics, origin.ip) {
                    core.door.check_operator(&parts.headers, origin.now)?;
                }
                core.door.measure();
                let text = tokio::task::spawn_blocking(pulse_telemetry::metrics::render).await.map_err(defect)?;
                Ok(page_of(pulse_telemetry::metrics::CONTENT_TYPE, text))
            }
            Page::OpenApi => {
                let document = self
                    .openapi_document
                    .get_or_init(|| Document::new("application/json", Cow::Owned(self.openapi.to_vec())));
                Ok(document.answer(parts))
            }
            Page::Profile(profile) => {
                core.door.check_operator(&parts.headers, origin.now)?;
                profile.answer(parts.uri.query().unwrap_or_default()).await
            }
            Page::Asset(asset) => {
                let document = asset.document().ok_or_else(|| errors::INTERNAL.error("an asset is missing"))?;
                let mut response = document.answer(parts);
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(assets::POLICY));
                Ok(response)
            }
        }
    }

    /// Answers a page that was handed in.
    pub(crate) async fn handed_in(
        &self,
        core: &Core,
        (parts, incoming): (Parts, Incoming),
        origin: &Origin,
    ) -> Result<Response<Body>, Error> {
        let router = if parts.uri.path().starts_with(OPERATORS) {
            core.door.check_operator(&parts.headers, origin.now)?;
            &self.operators
        } else {
            &self.public
        };
        let body = Limited::new(incoming, core.config.limits.body_bytes_max.as_usize());
        let request = Request::from_parts(parts, axum::body::Body::new(body));
        let mut response = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        if let Some(error) = response.extensions_mut().remove().and_then(|FailedPage(error)| Arc::into_inner(error)) {
            return Err(error);
        }
        if response.extensions().get::<NoPage>().is_some() {
            return Err(errors::UNKNOWN_ROUTE.error("there is nothing at this address"));
        }
        Ok(response.map(Body::Page))
    }
}

/// A thread of ours ended without an answer.
fn defect(error: tokio::task::JoinError) -> Error {
    errors::INTERNAL.error("a defect").caused_by(error)
}

fn health(status: StatusCode, word: &str) -> Response<Body> {
    let mut response = page_of("application/json", format!("{{\"status\":\"{word}\"}}"));
    *response.status_mut() = status;
    response
}

/// An answer that nobody keeps.
fn page_of(kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
