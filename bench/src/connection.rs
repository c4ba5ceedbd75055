//! One keep-alive connection: write a request, read its reply, nothing in between.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::reply::{Body, HEAD_BYTES_MAX, Malformed, read_head};

/// Why an exchange failed. The connection cannot be used any more after any of them.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The connection could not be opened.
    #[error("could not connect to {address}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("reading or writing failed")]
    Io(#[source] io::Error),
    /// The server closed the connection before the reply was complete.
    #[error("the server closed the connection before its reply was complete")]
    Closed,
    /// The reply is not what a correct server sends.
    #[error("the reply was refused: {0}")]
    Malformed(Malformed),
}

impl ExchangeError {
    /// A short name for counting.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Io(_) => "io",
            Self::Closed => "closed",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl From<Malformed> for ExchangeError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// What is kept of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code, 200 to 599.
    pub status: u16,
    /// Whether the connection may be used again.
    pub keep_alive: bool,
}

/// An open connection with its read buffer.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`ExchangeError::Connect`] when nobody listens there.
    pub async fn open(address: SocketAddr) -> Result<Self, ExchangeError> {
        let connected = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connected.await.map_err(|source| ExchangeError::Connect { address, source })?;
        Ok(Self { stream, buffer: vec![0; HEAD_BYTES_MAX].into_boxed_slice(), start: 0, end: 0 })
    }

    /// Sends one rendered request, reads its reply and forgets the body.
    ///
    /// # Errors
    /// [`ExchangeError`]; the connection is then of no use any more. Any status is a reply, not an error.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Reply, ExchangeError> {
        self.run(request, None).await
    }

    /// Like [`Connection::exchange`], and keeps the body: for what a benchmark prepares before it measures.
    ///
    /// # Errors
    /// As [`Connection::exchange`].
    pub async fn fetch(&mut self, request: &[u8]) -> Result<(Reply, Vec<u8>), ExchangeError> {
        let mut body = Vec::new();
        let reply = self.fetch_into(request, &mut body).await?;
        Ok((reply, body))
    }

    /// Like [`Connection::fetch`], into a body that is used again and again.
    ///
    /// # Errors
    /// As [`Connection::exchange`].
    pub async fn fetch_into(&mut self, request: &[u8], body: &mut Vec<u8>) -> Result<Reply, ExchangeError> {
        body.clear();
        self.run(request, Some(body)).await
    }

    async fn run(&mut self, request: &[u8], mut keep: Option<&mut Vec<u8>>) -> Result<Reply, ExchangeError> {
        self.stream.write_all(request).await.map_err(ExchangeError::Io)?;
        let mut head = loop {
            if let Some(head) = read_head(self.unread())? {
                break head;
            }
            self.fill().await?;
        };
        self.start += head.bytes;
        loop {
            self.start += head.body.advance(self.unread(), &mut keep)?;
            if head.body == Body::Done {
                break;
            }
            self.fill().await?;
        }
        if self.start < self.end {
            return Err(Malformed::Unasked.into());
        }
        Ok(Reply { status: head.status, keep_alive: head.keep_alive })
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    async fn fill(&mut self) -> Result<(), ExchangeError> {
        // What is left is the beginning of a line and short, except for a head, so moving it costs nothing.
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(free).await.map_err(ExchangeError::Io)? {
            0 => Err(ExchangeError::Closed),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }
}
