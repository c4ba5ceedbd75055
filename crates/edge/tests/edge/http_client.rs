//! A minimal HTTP/1.1 client.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self))
    }

    /// The error code of the problem.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.json()["code"].as_str().expect("a code").to_owned()
    }
}

/// A request under construction.
pub(crate) struct TestRequest {
    line: String,
    headers: String,
    body: Vec<u8>,
}

pub(crate) fn get(path: &str) -> TestRequest {
    request("GET", path)
}

pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> TestRequest {
    request("POST", path).header("content-type", "application/json").body(body)
}

pub(crate) fn request(method: &str, path: &str) -> TestRequest {
    TestRequest {
        line: format!("{method} {path} HTTP/1.1\r\nhost: pulse\r\n"),
        headers: String::new(),
        body: Vec::new(),
    }
}

impl TestRequest {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-length", &length)
    }

    /// The bytes of the request; the connection is closed after the response.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = format!("{}{}connection: close\r\n\r\n", self.line, self.headers).into_bytes();
        bytes.extend(self.body);
        bytes
    }

    pub(crate) async fn send(self, address: SocketAddr) -> Reply {
        exchange(address, &self.bytes()).await.expect("a response")
    }
}

/// Sends bytes and reads one response; `None` if the connection ends without one.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.expect("the edge listens");
    // The edge may respond and close before it has read all bytes.
    stream.write_all(bytes).await.unwrap_or_default();
    read_reply(&mut stream).await
}

/// Reads until the connection ends.
pub(crate) async fn read_reply(stream: &mut TcpStream) -> Option<Reply> {
    let mut raw = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        raw.extend_from_slice(&chunk[..read]);
    }
    parse(&raw)
}

fn parse(raw: &[u8]) -> Option<Reply> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(raw[..end].to_vec()).expect("headers are text");
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut reply = Reply { status, head, body: raw[end + 4..].to_vec() };
    if reply.header("transfer-encoding") == Some("chunked") {
        reply.body = unchunk(&reply.body);
    }
    Some(reply)
}

fn unchunk(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).expect("a chunk size"), 16).expect("hex");
        let data = &raw[end + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        if size == 0 || data.len() < size + 2 {
            break;
        }
        raw = &data[size + 2..];
    }
    body
}
