//! Pages of the edge.

use std::io::Read;
use std::time::Duration;

use pulse_telemetry::profile::{CpuProfile, Profiler, Taking};

use crate::http_client::get;
use crate::test_edge::{configured, edge, edge_with};

/// PL-28: the OpenAPI document and the API reference, without resources of other hosts.
#[tokio::test]
async fn the_api_reference_is_served() {
    let edge = edge().await;
    let document = get("/openapi.json").send(edge.address).await;
    assert_eq!((document.status, document.json()["openapi"].as_str()), (200, Some("3.1.0")));
    let page = get("/docs").send(edge.address).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"));
    let links: Vec<&str> = page.text().split('"').filter(|text| text.starts_with('/')).collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        let reply = get(link).send(edge.address).await;
        assert_eq!(reply.status, 200, "{link}");
        let again = get(link).header("if-none-match", reply.header("etag").unwrap()).send(edge.address).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{link}");
        let packed = get(link).header("accept-encoding", "gzip").send(edge.address).await;
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, reply.body, "{link}");
    }
}

/// E12: metrics count the status of the response, also that of a redirect. E14: the link of an error leads to its page.
#[tokio::test]
async fn statuses_and_links_are_true() {
    let back = axum::routing::get(|| async { axum::response::Redirect::to("/") });
    let moved = axum::routing::get(|| async { http::StatusCode::GONE });
    let pages = axum::Router::new().route("/pay", back).route("/gone", moved);
    let edge = edge_with("", |edge| edge.pages(pages)).await;
    assert_eq!(get("/pay").send(edge.address).await.status, 303);
    assert_eq!(get("/gone").send(edge.address).await.status, 410);
    let metrics = get("/metrics").send(edge.address).await;
    for status in ["303", "410"] {
        let line = format!("pulse_edge_requests_total{{route=\"page\",status=\"{status}\"}} ");
        assert!(metrics.text().contains(&line), "{line}: {}", metrics.text());
    }
    let problem = get("/nothing").send(edge.address).await.json();
    let page = get(problem["type"].as_str().unwrap()).send(edge.address).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("UNKNOWN_ROUTE"));
}

/// PL-28: metrics are readable from the configured networks and by operators.
#[tokio::test]
async fn metrics_need_access() {
    let edge = edge().await;
    let reply = get("/metrics").send(edge.address).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert!(reply.text().contains("# TYPE "), "{}", reply.text());
    let strict = configured("access.metrics = []").await;
    assert_eq!(get("/metrics").send(strict.address).await.status, 401);
    assert_eq!(get("/metrics").bearer(&strict.consumer()).send(strict.address).await.status, 403);
    assert_eq!(get("/metrics").bearer(&strict.operator()).send(strict.address).await.status, 200);
}

/// Profiles without content; `pulse-profiler` tests the real ones.
struct NoSamples;

impl Profiler for NoSamples {
    fn cpu(&self, _: Duration) -> Taking<CpuProfile> {
        Box::pin(async { Ok(CpuProfile { flamegraph: Vec::new(), pprof: Vec::new() }) })
    }

    fn heap(&self) -> Taking<Vec<u8>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// PL-52: profiles are for operators.
#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_for_operators() {
    pulse_telemetry::profile::install(&NoSamples);
    let edge = edge().await;
    for path in ["/admin/profile/cpu", "/admin/profile/heap", "/admin/profile/tasks"] {
        assert_eq!(get(path).send(edge.address).await.status, 401, "{path}");
        assert_eq!(get(path).bearer(&edge.consumer()).send(edge.address).await.status, 403, "{path}");
    }
    let tasks = get("/admin/profile/tasks").bearer(&edge.operator()).send(edge.address).await;
    assert!(tasks.status == 200 && tasks.text().contains("workers"), "{tasks:?}");
    let pprof = get("/admin/profile/cpu?seconds=1&format=pprof").bearer(&edge.operator()).send(edge.address).await;
    assert_eq!((pprof.status, pprof.header("content-disposition")), (200, Some("attachment; filename=\"cpu.pb\"")));
    let wrong = get("/admin/profile/cpu?seconds=1000").bearer(&edge.operator()).send(edge.address).await;
    assert_eq!((wrong.status, wrong.json()["errors"][0]["field"].as_str()), (400, Some("seconds")));
}
