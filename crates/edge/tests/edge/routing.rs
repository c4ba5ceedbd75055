//! Routing of requests.

use crate::http_client::{exchange, get, post, request};
use crate::test_edge::{edge, edge_with};

/// PL-28, PL-29: routes of the contract, by verb and by variable.
#[tokio::test]
async fn routes_of_the_contract_are_found() {
    let edge = edge().await;
    let profile = get("/v1/accounts/42").send(edge.address).await;
    assert_eq!((profile.status, profile.json()["account_id"].as_str()), (200, Some("42")));
    let me = get("/v1/me").bearer(&edge.consumer()).send(edge.address).await;
    assert_eq!((me.status, me.json()["account_id"].as_str()), (200, Some("7")));
    let head = request("HEAD", "/v1/accounts/42").send(edge.address).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let constant = get("/bench/constant").send(edge.address).await;
    assert_eq!((constant.status, constant.text()), (200, "ok"));
}

/// PL-28: an unknown path is 404; an unsupported method is 405 with `Allow`.
#[tokio::test]
async fn unknown_paths_and_methods_are_distinguished() {
    let edge = edge().await;
    for path in ["/", "/v1", "/v1/nothing", "/v1/me/", "/V1/me", "//v1/me", "/v1/accounts/1/2/3"] {
        let reply = get(path).send(edge.address).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "UNKNOWN_ROUTE"), "{path}");
    }
    let reply = request("DELETE", "/v1/me").send(edge.address).await;
    assert_eq!((reply.status, reply.code().as_str()), (405, "METHOD_NOT_ALLOWED"));
    assert_eq!(reply.header("allow"), Some("GET, PATCH, HEAD, OPTIONS"));
    let reply = request("OPTIONS", "/v1/me").send(edge.address).await;
    assert_eq!((reply.status, reply.header("allow")), (204, Some("GET, PATCH, HEAD, OPTIONS")));
    assert_eq!(reply.header("accept-patch"), Some("application/json"));
    // E4: the path of a custom verb supports the method of the verb only.
    for method in ["GET", "PUT", "DELETE"] {
        let reply = request(method, "/v1/account/sessions:refresh").send(edge.address).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
    }
    let verb = post("/v1/account/sessions:nonsense", "{}").send(edge.address).await;
    assert_eq!(verb.status, 404);
}

/// E9: a request names its host once, and `OPTIONS *` is about the whole server.
#[tokio::test]
async fn the_rules_of_http_are_kept() {
    let edge = edge().await;
    for head in [
        "GET /test/echo HTTP/1.1\r\n",
        "GET /test/echo HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
        "GET /test/echo HTTP/1.1\r\nhost: a b\r\n",
        "GET /nothing HTTP/1.1\r\n",
        // E8: hyper refuses this one itself.
        "POST /test/echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n",
    ] {
        let bytes = format!("{head}connection: close\r\n\r\n");
        let reply = exchange(edge.address, bytes.as_bytes()).await.unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (400, "MALFORMED_REQUEST"), "{head}");
        assert!(reply.header("x-request-id").is_some(), "{reply:?}");
    }
    let old = exchange(edge.address, b"GET /test/echo HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!(old.status, 200);
    let server = request("OPTIONS", "*").send(edge.address).await;
    assert_eq!(server.status, 204);
    let allow = server.header("allow").unwrap();
    assert!(["GET", "HEAD", "POST", "PATCH", "OPTIONS"].iter().all(|method| allow.contains(method)), "{allow}");
}

/// PL-28: mounted pages cannot hide a route of the contract.
#[tokio::test]
async fn mounted_pages_come_after_the_contract() {
    use axum::Router;
    use axum::routing::get as page;
    let public =
        Router::new().route("/dev/inbox", page(|| async { "inbox" })).route("/v1/me", page(|| async { "mine" }));
    let operators = Router::new().route("/admin/jobs", page(|| async { "jobs" }));
    let edge = edge_with("", |edge| edge.pages(public).operator_pages(operators)).await;
    let inbox = get("/dev/inbox").send(edge.address).await;
    assert_eq!((inbox.status, inbox.text()), (200, "inbox"));
    assert_eq!(get("/v1/me").send(edge.address).await.status, 401);
    assert_eq!(get("/admin/jobs").send(edge.address).await.status, 401);
    assert_eq!(get("/admin/jobs").bearer(&edge.consumer()).send(edge.address).await.status, 403);
    let jobs = get("/admin/jobs").bearer(&edge.operator()).send(edge.address).await;
    assert_eq!((jobs.status, jobs.text()), (200, "jobs"));
    assert_eq!(get("/admin/nothing").bearer(&edge.operator()).send(edge.address).await.code(), "UNKNOWN_ROUTE");
}

/// T10: the routes of the contract do not conflict.
#[tokio::test]
async fn the_routes_of_the_contract_do_not_overlap() {
    use pulse_contract::shop::v1::{CatalogClient, ShopClient, catalog_routes, shop_routes};
    let nowhere = tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let routes = [shop_routes(&ShopClient::remote(nowhere.clone())), catalog_routes(&CatalogClient::remote(nowhere))];
    let edge = edge_with("", |edge| edge.routes(routes.into_iter().flatten())).await;
    let shop = get("/v1/shops/5").send(edge.address).await;
    assert_eq!((shop.status, shop.code().as_str()), (503, "REMOTE_UNAVAILABLE"));
}
