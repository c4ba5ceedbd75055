//! Pages beside the rpcs: API reference, error codes, health, metrics and profiles, and the pages that the node mounts.

mod assets;
mod document;
mod error_pages;
mod profile;
mod reply;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::body::Incoming;
use pulse_contract::errors;
use pulse_kernel::Error;
use tower::ServiceExt;

use crate::body::Body;
use crate::config::any_contains;
use crate::pipeline::client::ClientInfo;
use crate::problem::ERROR_PAGES;
use crate::shared::Shared;
pub(crate) use assets::Asset;
pub(crate) use document::Document;
pub(crate) use profile::Profile;
use reply::{health, page_of, task_failed};

/// Prefix of the paths that only operators may read.
const OPERATORS: &str = "/admin/";

/// A page of the edge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    /// Liveness.
    Live,
    /// Readiness.
    Ready,
    /// Metrics, for Prometheus.
    Metrics,
    /// The OpenAPI document.
    OpenApi,
    /// A file of the API reference.
    Asset(&'static Asset),
    /// The list of error codes.
    Errors,
    /// The page of one error code.
    Error,
    /// A profile of the process, for operators.
    Profile(Profile),
}

/// The pages by path.
pub(crate) const PAGES: [(&str, Page); 15] = [
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
    ("/errors", Page::Errors),
    ("/errors/{code}", Page::Error),
    ("/admin/profile/cpu", Page::Profile(Profile::Cpu)),
    ("/admin/profile/heap", Page::Profile(Profile::Heap)),
    ("/admin/profile/tasks", Page::Profile(Profile::Tasks)),
];

/// Whether the node is ready for requests.
pub(crate) type IsReady = Box<dyn Fn() -> bool + Send + Sync>;

/// State of the pages.
pub(crate) struct Pages {
    pub(crate) is_ready: IsReady,
    pub(crate) openapi: Bytes,
    /// The OpenAPI document as it is sent; created by the first request.
    pub(crate) openapi_document: OnceLock<Document>,
    /// Mounted pages for everybody.
    pub(crate) public: Router,
    /// Mounted pages for operators; their paths begin with `/admin/`.
    pub(crate) operators: Router,
}

/// Extension of a response: the router has no such page.
#[derive(Clone)]
struct NoPage;

/// Extension of a response: the page failed.
#[derive(Clone)]
struct FailedPage(Arc<Error>);

/// The response of a mounted page that failed. The edge replaces it by the problem of the error.
#[must_use]
pub fn failed_page(error: Error) -> axum::response::Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(FailedPage(Arc::new(error)));
    response
}

/// A router that marks the responses for unknown paths.
pub(crate) fn with_misses(router: Router) -> Router {
    router.fallback(|| async {
        let mut response = StatusCode::NOT_FOUND.into_response();
        response.extensions_mut().insert(NoPage);
        response
    })
}

impl Pages {
    /// Serves a page of the edge.
    pub(crate) async fn own(
        &self,
        shared: &Shared,
        page: Page,
        parts: &Parts,
        client: &ClientInfo,
    ) -> Result<Response<Body>, Error> {
        match page {
            Page::Live => Ok(health(StatusCode::OK, "live")),
            Page::Ready if shared.draining.is_cancelled() => Ok(health(StatusCode::SERVICE_UNAVAILABLE, "draining")),
            Page::Ready if (self.is_ready)() => Ok(health(StatusCode::OK, "ready")),
            Page::Ready => Ok(health(StatusCode::SERVICE_UNAVAILABLE, "starting")),
            Page::Metrics => {
                if !any_contains(&shared.guard.access.metrics, client.ip) {
                    shared.guard.check_operator(&parts.headers, client.now)?;
                }
                shared.guard.measure();
                let text = tokio::task::spawn_blocking(pulse_telemetry::metrics::render).await.map_err(task_failed)?;
                Ok(page_of(pulse_telemetry::metrics::CONTENT_TYPE, text))
            }
            Page::OpenApi => {
                let document = self
                    .openapi_document
                    .get_or_init(|| Document::new("application/json", Cow::Owned(self.openapi.to_vec())));
                Ok(document.answer(parts))
            }
            Page::Profile(profile) => {
                shared.guard.check_operator(&parts.headers, client.now)?;
                profile.answer(parts.uri.query().unwrap_or_default()).await
            }
            Page::Asset(asset) => {
                let document = asset.document().ok_or_else(|| errors::INTERNAL.error("an asset is missing"))?;
                Ok(with_policy(document.answer(parts), assets::POLICY))
            }
            Page::Errors => {
                let document = error_pages::index().ok_or_else(|| errors::INTERNAL.error("an asset is missing"))?;
                Ok(with_policy(document.answer(parts), error_pages::POLICY))
            }
            Page::Error => {
                let code = parts.uri.path().strip_prefix(ERROR_PAGES).unwrap_or_default();
                let document = error_pages::of_code(code).ok_or_else(unknown_path)?;
                Ok(with_policy(document.answer(parts), error_pages::POLICY))
            }
        }
    }

    /// Serves a mounted page.
    pub(crate) async fn mounted(
        &self,
        shared: &Shared,
        request: Request<Incoming>,
        client: &ClientInfo,
    ) -> Result<Response<Body>, Error> {
        let router = if request.uri().path().starts_with(OPERATORS) {
            shared.guard.check_operator(request.headers(), client.now)?;
            &self.operators
        } else {
            &self.public
        };
        let bytes_max = shared.config.limits.body_bytes_max.as_usize();
        let request = request.map(|body| axum::body::Body::new(Limited::new(body, bytes_max)));
        let mut response = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        if let Some(error) = response.extensions_mut().remove().and_then(|FailedPage(error)| Arc::into_inner(error)) {
            return Err(error);
        }
        if response.extensions().get::<NoPage>().is_some() {
            return Err(unknown_path());
        }
        Ok(response.map(Body::Page))
    }
}

fn with_policy(mut response: Response<Body>, policy: &'static str) -> Response<Body> {
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn unknown_path() -> Error {
    errors::UNKNOWN_ROUTE.error("no page or operation has this path")
}
