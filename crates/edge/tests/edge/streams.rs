//! Server streams as server-sent events.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_client::get;
use crate::test_edge::{TestEdge, configured, edge};

/// An open stream, and what it has sent so far.
struct Events {
    stream: TcpStream,
    seen: String,
}

impl Events {
    async fn open(edge: &TestEdge, path: &str) -> Self {
        let mut stream = TcpStream::connect(edge.address).await.expect("the edge listens");
        stream.write_all(&get(path).bytes()).await.expect("the request is sent");
        Self { stream, seen: String::new() }
    }

    /// Reads until `text` was seen.
    async fn until(&mut self, text: &str) {
        let mut chunk = [0; 1024];
        while !self.seen.contains(text) {
            let read = self.stream.read(&mut chunk).await.expect("the stream goes on");
            assert!(read > 0, "the stream ended without {text:?}: {}", self.seen);
            self.seen.push_str(std::str::from_utf8(&chunk[..read]).expect("text"));
        }
    }

    /// Reads until the end.
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.expect("the stream ends");
        self.seen + std::str::from_utf8(&rest).expect("text")
    }
}

/// PL-28: messages come one by one as they are made, and a stream may end well or badly.
#[tokio::test]
async fn messages_come_as_they_are_made() {
    let edge = edge().await;
    for (path, last) in [("/test/stream", "data: {\"n\":2}"), ("/test/stream?bad", "event: error\ndata: {\"type\":")] {
        let mut events = Events::open(&edge, path).await;
        events.until("data: {\"n\":1}\n\n").await;
        assert!(events.seen.contains("content-type: text/event-stream"), "{}", events.seen);
        assert!(!events.seen.contains(last), "{}", events.seen);
        edge.go_on.notify_one();
        let all = events.rest().await;
        assert!(all.contains(last), "{all}");
        assert_eq!(all.contains("\"code\":\"STORE_UNAVAILABLE\""), path.ends_with("bad"), "{all}");
    }
}

/// PL-28: an idle stream shows that it lives.
#[tokio::test]
async fn an_idle_stream_sends_comments() {
    let edge = configured("replies.heartbeat = \"1ms\"").await;
    let mut events = Events::open(&edge, "/test/stream").await;
    events.until("\n:\n\n").await;
    edge.go_on.notify_one();
    assert!(events.rest().await.contains("data: {\"n\":2}"));
}

/// PL-28: streams are counted apart from calls, and give their place back.
#[tokio::test]
async fn streams_have_a_limit_of_their_own() {
    let edge = configured("capacity = { streams_max = 1, calls_max = 1, calls_per_rpc_max = 1 }").await;
    let mut events = Events::open(&edge, "/test/stream").await;
    events.until("data: {\"n\":1}").await;
    assert_eq!(get("/test/stream").send(edge.address).await.code(), "OVERLOADED");
    assert_eq!(get("/test/echo").send(edge.address).await.status, 200, "a stream does not hold the place of a call");
    drop(events);
    // Whoever comes now waits for the last message, which nobody makes; the first ones show that there was room.
    loop {
        let mut events = Events::open(&edge, "/test/stream").await;
        events.until("\r\n\r\n").await;
        if events.seen.starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

/// PL-46: a node that leaves ends its streams with a reason.
#[tokio::test]
async fn a_leaving_node_ends_its_streams() {
    let mut edge = edge().await;
    let mut events = Events::open(&edge, "/test/stream").await;
    events.until("data: {\"n\":1}").await;
    edge.shut_down();
    assert!(events.rest().await.contains("\"code\":\"DRAINING\""));
    assert!(edge.running.await.unwrap());
}
