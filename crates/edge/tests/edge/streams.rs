//! Server streams as server-sent events.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http_client::get;
use crate::test_edge::{TestEdge, configured, edge};

/// An open stream and the received text.
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

    /// Reads until `text` was received.
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

/// PL-28: messages are sent as they are produced; a stream ends normally or with an error.
#[tokio::test]
async fn messages_are_sent_as_they_are_produced() {
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

/// E10: a client that reconnects gets what is new, and 204 when the stream has ended without anything new.
#[tokio::test]
async fn a_reconnecting_client_gets_what_is_new() {
    let edge = edge().await;
    let first = get("/test/ended").send(edge.address).await;
    assert_eq!(first.status, 200);
    let text = first.text().to_owned();
    assert!(text.starts_with("retry: "), "{text}");
    let id = text.lines().find_map(|line| line.strip_prefix("id: ")).expect("the event has an id");
    assert!(text.ends_with(&format!("\n\nid: {id}\ndata: {{\"state\":\"ended\"}}\n\n")), "{text}");
    let again = get("/test/ended").header("last-event-id", id).send(edge.address).await;
    assert_eq!((again.status, again.body.len()), (204, 0));
    let other = get("/test/ended").header("last-event-id", "0123").send(edge.address).await;
    assert_eq!((other.status, other.text().contains("\"ended\"")), (200, true));

    // A live stream goes on, without the message that the client has.
    let mut live = Events::open(&edge, "/test/stream").await;
    live.until("data: {\"n\":0}\n\n").await;
    let id = live.seen.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id").to_owned();
    drop(live);
    let mut stream = TcpStream::connect(edge.address).await.expect("the edge listens");
    let request = get("/test/stream").header("last-event-id", &id).bytes();
    stream.write_all(&request).await.expect("the request is sent");
    let mut events = Events { stream, seen: String::new() };
    events.until("data: {\"n\":1}\n\n").await;
    assert!(!events.seen.contains("data: {\"n\":0}"), "{}", events.seen);
}

/// PL-28: an idle stream sends heartbeats.
#[tokio::test]
async fn an_idle_stream_sends_heartbeats() {
    let edge = configured("replies.heartbeat = \"1ms\"").await;
    let mut events = Events::open(&edge, "/test/stream").await;
    events.until("\n:\n\n").await;
    edge.go_on.notify_one();
    assert!(events.rest().await.contains("data: {\"n\":2}"));
}

/// PL-28: streams have a limit apart from calls, and release their permit.
#[tokio::test]
async fn streams_have_a_limit_of_their_own() {
    let edge = configured("capacity = { streams_max = 1, calls_max = 1, calls_per_rpc_max = 1 }").await;
    let mut events = Events::open(&edge, "/test/stream").await;
    events.until("data: {\"n\":1}").await;
    assert_eq!(get("/test/stream").send(edge.address).await.code(), "OVERLOADED");
    assert_eq!(get("/test/echo").send(edge.address).await.status, 200, "a stream holds no permit of a call");
    drop(events);
    // A new stream waits for its last message, which is never produced; the first ones show that it was accepted.
    loop {
        let mut events = Events::open(&edge, "/test/stream").await;
        events.until("\r\n\r\n").await;
        if events.seen.starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

/// PL-46: a draining node ends its streams with an error.
#[tokio::test]
async fn a_draining_node_ends_its_streams() {
    let mut edge = edge().await;
    let mut events = Events::open(&edge, "/test/stream").await;
    events.until("data: {\"n\":1}").await;
    edge.shut_down();
    assert!(events.rest().await.contains("\"code\":\"DRAINING\""));
    assert!(edge.running.await.unwrap());
}
