//! A fake of Stripe that returns the replies of the test and records all requests.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// Method and path.
    pub(crate) line: String,
    /// Headers in lower case, one per line.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Recorded {
    /// Value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
    }
}

/// The next reply.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status and body.
    Reply(u16, String),
    /// No reply: the connection is closed after the request.
    Nothing,
}

/// The fake provider.
#[derive(Clone)]
pub(crate) struct FakeStripe {
    pub(crate) url: String,
    replies: Arc<Mutex<VecDeque<Answer>>>,
    recorded: Arc<Mutex<Vec<Recorded>>>,
}

impl FakeStripe {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { url, replies: Arc::default(), recorded: Arc::default() };
        let served = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().serve(stream));
            }
        });
        fake
    }

    /// Sets the next replies.
    pub(crate) fn will_reply(&self, replies: impl IntoIterator<Item = Answer>) {
        self.replies.lock().extend(replies);
    }

    /// Requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        assert!(self.replies.lock().is_empty(), "all replies were used");
        std::mem::take(&mut self.recorded.lock())
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else { return };
        self.recorded.lock().push(request);
        let replies = self.replies.lock().pop_front().unwrap_or_else(|| Answer::Reply(500, "{}".to_owned()));
        if let Answer::Reply(status, body) = replies {
            let head = format!(
                "HTTP/1.1 {status} As configured\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Recorded> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
            let headers = headers.replace("\r\n", "\n");
            let request = Recorded { line: line.to_owned(), headers, body: body.to_owned() };
            let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(request);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
