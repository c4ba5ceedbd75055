//! A provider that speaks Stripe's wire format and says what the test wants it to say. It keeps every request.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The method and the path.
    pub(crate) line: String,
    /// The headers, in lower case, one per line.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Asked {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
    }
}

/// What it says next.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// A status and a body.
    Reply(u16, String),
    /// Nothing: the connection breaks after the request was read.
    Nothing,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct FakeStripe {
    pub(crate) url: String,
    says: Arc<Mutex<VecDeque<Says>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeStripe {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { url, says: Arc::default(), asked: Arc::default() };
        let served = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(stream));
            }
        });
        fake
    }

    /// Says these, one after the other.
    pub(crate) fn will_say(&self, says: impl IntoIterator<Item = Says>) {
        self.says.lock().extend(says);
    }

    /// What it was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        assert!(self.says.lock().is_empty(), "it was not asked for everything");
        std::mem::take(&mut self.asked.lock())
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(asked) = read(&mut stream).await else { return };
        self.asked.lock().push(asked);
        let says = self.says.lock().pop_front().unwrap_or_else(|| Says::Reply(500, "{}".to_owned()));
        if let Says::Reply(status, body) = says {
            let head =
                format!("HTTP/1.1 {status} As asked\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
            let headers = headers.replace("\r\n", "\n");
            let asked = Asked { line: line.to_owned(), headers, body: body.to_owned() };
            let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(asked);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
