//! Pages of the edge itself.

use std::io::Read;

use crate::caller::get;
use crate::town::{configured, town};

/// PL-28: the description of the API and the page that shows it, without anything from elsewhere.
#[tokio::test]
async fn the_api_describes_itself() {
    let town = town().await;
    let document = get("/openapi.json").send(town.address).await;
    assert_eq!((document.status, document.json()["openapi"].as_str()), (200, Some("3.1.0")));
    let page = get("/docs").send(town.address).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"));
    let links: Vec<&str> = page.text().split('"').filter(|text| text.starts_with('/')).collect();
    assert!(links.len() >= 4, "{links:?}");
    for link in links {
        let reply = get(link).send(town.address).await;
        assert_eq!(reply.status, 200, "{link}");
        let again = get(link).header("if-none-match", reply.header("etag").unwrap()).send(town.address).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{link}");
        let packed = get(link).header("accept-encoding", "gzip").send(town.address).await;
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, reply.body, "{link}");
    }
}

/// PL-28: the numbers are for the neighbourhood and for operators.
#[tokio::test]
async fn the_numbers_are_not_for_everybody() {
    let town = town().await;
    let reply = get("/metrics").send(town.address).await;
    assert_eq!((reply.status, reply.text()), (200, "pulse_up 1\n"));
    let strict = configured("access.metrics = []").await;
    assert_eq!(get("/metrics").send(strict.address).await.status, 401);
    assert_eq!(get("/metrics").bearer(&strict.consumer()).send(strict.address).await.status, 403);
    assert_eq!(get("/metrics").bearer(&strict.operator()).send(strict.address).await.status, 200);
}
