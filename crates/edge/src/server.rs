//! The socket: accepts connections up to a limit, serves HTTP/1.1 and HTTP/2 on one port, and drains on shutdown.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::serve::{self, serve};
use crate::shared::Shared;
use crate::table::Table;
use crate::unreadable::Unreadable;

/// Length of the accept queue; the kernel may allow less.
const BACKLOG: u32 = 1024;
/// Pause after a failed accept, for example without free file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An edge that is bound to its address and does not serve yet.
pub struct Server {
    pub(crate) table: Arc<Table>,
    pub(crate) health: HealthReporter,
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
}

/// A listener on `address`.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Server {
    /// The bound address, with the port that the system assigned for port 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then drains: readiness becomes false; after the drain delay the node stops
    /// accepting connections, closes idle ones, and finishes the requests in progress until the drain deadline.
    ///
    /// Returns whether all requests in progress were finished.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> bool {
        let Self { table, health, listener, .. } = self;
        let shared = &table.shared;
        set_health(shared, &health, ServingStatus::Serving).await;
        let connections = GracefulShutdown::new();
        let limit = Arc::new(Semaphore::new(shared.config.capacity.connections_max.get()));
        {
            let accepting = accept_all(&table, &listener, &connections, &limit);
            tokio::pin!(accepting, shutdown);
            tokio::select! {
                () = &mut accepting => {}
                () = &mut shutdown => {}
            }
            tracing::info!(delay_ms = shared.config.drain.delay.as_millis(), "draining started; readiness is false");
            // Before the cancellation, so that a health watch receives the status before its stream ends.
            set_health(shared, &health, ServingStatus::NotServing).await;
            shared.draining.cancel();
            tokio::select! {
                () = &mut accepting => {}
                () = sleep(shared.config.drain.delay) => {}
            }
        }
        drop(listener);
        let open = connections.count();
        let is_finished = timeout(shared.config.drain.deadline, connections.shutdown()).await.is_ok();
        if is_finished {
            tracing::info!(connections = open, "draining finished");
        } else {
            tracing::warn!(connections = open, "draining deadline passed; open requests were aborted");
        }
        is_finished
    }
}

/// Sets the gRPC health of every service, and of the node under the empty name.
async fn set_health(shared: &Shared, health: &HealthReporter, status: ServingStatus) {
    for service in shared.rpcs.services().into_iter().chain([""]) {
        health.set_service_status(service, status).await;
    }
}

/// Accepts connections until it is dropped.
async fn accept_all(
    table: &Arc<Table>,
    listener: &TcpListener,
    connections: &GracefulShutdown,
    limit: &Arc<Semaphore>,
) {
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(limit).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(serve_connection(Arc::clone(table), stream, peer.ip(), connections.watcher(), permit));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed; retrying");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error concerns only the incoming connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection(
    table: Arc<Table>,
    stream: TcpStream,
    peer: IpAddr,
    watcher: Watcher,
    permit: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection failed before its first request");
        return;
    }
    let limits = &table.shared.config.limits;
    let header_bytes_max = limits.header_bytes_max.as_usize();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(header_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection_max.get())
        .max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.header_timeout)
        .adaptive_window(true);
    let stream = FirstBytes::new(stream, limits.header_timeout);
    let refusing = Arc::clone(&table);
    let stream = Unreadable::new(stream, Box::new(move |status| serve::unreadable(&refusing, peer, status)));
    let io = TokioIo::new(stream);
    let service = service_fn(|request| serve(Arc::clone(&table), peer, request));
    let connection = builder.serve_connection(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = %error, "connection ended early");
    }
    drop(permit);
}

/// Connection preface of HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream with a timeout for its first bytes.
///
/// No other timeout runs until these bytes distinguish HTTP/1.1 from HTTP/2.
struct FirstBytes {
    stream: TcpStream,
    /// Number of received bytes that match [`PREFACE`].
    seen: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl FirstBytes {
    fn new(stream: TcpStream, within: Duration) -> Self {
        Self { stream, seen: 0, deadline: Some(Box::pin(sleep(within))) }
    }

    /// Ends the timeout at the first byte outside of the preface, and at the end of the preface.
    fn observe(&mut self, received: &[u8]) {
        let expected = PREFACE.get(self.seen..).unwrap_or_default();
        self.seen += received.len();
        if !expected.starts_with(received) || self.seen >= PREFACE.len() {
            self.deadline = None;
        }
    }
}

impl AsyncRead for FirstBytes {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.deadline.is_none() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let received = buffer.filled().get(before..).unwrap_or_default();
                self.observe(received);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => match self.deadline.as_mut().map(|deadline| deadline.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Some(Poll::Pending) | None => Poll::Pending,
            },
        }
    }
}

impl AsyncWrite for FirstBytes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
