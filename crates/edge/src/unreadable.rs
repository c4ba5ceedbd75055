//! Responses to requests that the HTTP library refuses before the edge sees them: headers that are too large, two lengths.
//!
//! hyper answers these with a status and no body, and has no hook for it. [`Unreadable`] watches what a connection
//! writes, and replaces such a response by the problem that is documented for it. Over HTTP/2 the answer is a frame of
//! the protocol, which stays as it is.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Makes the response, head and body, in place of a bare one with this status; `None` keeps the bare one.
pub(crate) type MakeResponse = Box<dyn Fn(StatusCode) -> Option<Bytes> + Send>;

/// A stream whose bare error responses are replaced.
pub(crate) struct Unreadable<S> {
    stream: S,
    make_response: MakeResponse,
    replacing: Option<Replacing>,
}

/// A response that is written in place of another one.
struct Replacing {
    rest: Bytes,
    /// Length of the response that it replaces.
    claimed: usize,
}

impl<S> Unreadable<S> {
    pub(crate) fn new(stream: S, make_response: MakeResponse) -> Self {
        Self { stream, make_response, replacing: None }
    }
}

/// The status of a response that hyper wrote without the edge: an error, complete, and without a body.
fn status_of_bare(written: &[u8]) -> Option<StatusCode> {
    const REQUEST_ID: &str = "x-request-id:";
    let status = written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    if status.first() != Some(&b'4') || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(written).ok()?.to_ascii_lowercase();
    let has = |name: &str| head.lines().any(|line| line.starts_with(name));
    // Every response of the edge has an id, and one head is one response.
    let is_bare = has("content-length: 0") && has("connection: close") && !has(REQUEST_ID);
    let is_one = head.matches("\r\n\r\n").count() == 1;
    StatusCode::from_bytes(status).ok().filter(|_| is_bare && is_one)
}

impl<S: AsyncRead + Unpin> AsyncRead for Unreadable<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> Unreadable<S> {
    /// Writes the rest of the replacing response; then the replaced one counts as written.
    fn poll_replacing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let Some(replacing) = &mut self.replacing else { return Poll::Ready(Ok(None)) };
        while replacing.rest.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &replacing.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            replacing.rest.advance(written);
        }
        let claimed = replacing.claimed;
        self.replacing = None;
        Poll::Ready(Ok(Some(claimed)))
    }

    fn replace(&mut self, bytes: &[u8]) {
        if self.replacing.is_none()
            && let Some(rest) = status_of_bare(bytes).and_then(|status| (self.make_response)(status))
        {
            self.replacing = Some(Replacing { rest, claimed: bytes.len() });
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unreadable<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.replace(bytes);
        match ready!(self.poll_replacing(cx))? {
            Some(written) => Poll::Ready(Ok(written)),
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut full = pieces.iter().filter(|piece| !piece.is_empty());
        if let (Some(only), None) = (full.next(), full.next()) {
            self.replace(only);
        }
        match ready!(self.poll_replacing(cx))? {
            Some(written) => Poll::Ready(Ok(written)),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, pieces),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    const BARE: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    /// E8: a bare error is replaced, and everything else is written as it is.
    #[tokio::test]
    async fn bare_errors_are_replaced() {
        let ours = BARE.replace("\r\n\r\n", "\r\nx-request-id: a\r\n\r\n");
        let success = BARE.replace("431", "204");
        for (written, expected) in
            [(BARE, "problem 431"), (&ours, &ours), (&success, &success), ("HTTP/1.1 4", "HTTP/1.1 4")]
        {
            for length in [1, 4096] {
                let (stream, mut other) = tokio::io::duplex(length);
                let make: MakeResponse = Box::new(|status| Some(format!("problem {}", status.as_u16()).into()));
                let mut stream = Unreadable::new(stream, make);
                let written = written.to_owned();
                let writing = tokio::spawn(async move { stream.write_all(written.as_bytes()).await });
                let mut seen = String::new();
                tokio::io::AsyncReadExt::read_to_string(&mut other, &mut seen).await.unwrap();
                writing.await.unwrap().unwrap();
                assert_eq!(seen, expected);
            }
        }
    }
}
