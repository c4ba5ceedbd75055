//! The socket: accepts connections up to a limit, serves HTTP/1.1 and HTTP/2 on one port, and leaves in order.

use std::io;
use std::net::SocketAddr;
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

use crate::core::Core;
use crate::serve::serve;

/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 1024;
/// When the process has no file handles left, accepting again at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An edge that has its address and does not yet serve.
pub struct Server {
    pub(crate) core: Arc<Core>,
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
    /// Where it listens; with the port that the system chose when it was asked to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `leave` is ready, then drains: readiness goes false, and after the notice no connection is
    /// accepted, idle ones are closed, and requests under way are finished up to the deadline.
    ///
    /// Returns whether everything under way was finished.
    pub async fn run(self, leave: impl Future<Output = ()>) -> bool {
        let Self { core, health, listener, .. } = self;
        set_health(&core, &health, ServingStatus::Serving).await;
        let connections = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(core.config.capacity.connections_max.get()));
        {
            let accepting = accept_all(&core, &listener, &connections, &room);
            tokio::pin!(accepting, leave);
            tokio::select! {
                () = &mut accepting => {}
                () = &mut leave => {}
            }
            tracing::info!("draining: readiness is false");
            // First, so that whoever watches hears it before the node ends the stream.
            set_health(&core, &health, ServingStatus::NotServing).await;
            core.draining.cancel();
            tokio::select! {
                () = &mut accepting => {}
                () = sleep(core.config.drain.notice) => {}
            }
        }
        drop(listener);
        let open = connections.count();
        let is_finished = timeout(core.config.drain.deadline, connections.shutdown()).await.is_ok();
        tracing::info!(connections = open, is_finished, "drained");
        is_finished
    }
}

/// Says to gRPC health how every service is, and with the empty name how the node is.
async fn set_health(core: &Core, health: &HealthReporter, status: ServingStatus) {
    for service in core.rpcs.services().into_iter().chain([""]) {
        health.set_service_status(service, status).await;
    }
}

/// Accepts connections for ever.
async fn accept_all(core: &Arc<Core>, listener: &TcpListener, connections: &GracefulShutdown, room: &Arc<Semaphore>) {
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(serve_connection(Arc::clone(core), (stream, peer), connections.watcher(), place));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether only the connection that came is broken.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection(
    core: Arc<Core>,
    (stream, peer): (TcpStream, SocketAddr),
    watcher: Watcher,
    place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection broke before its first request");
        return;
    }
    let limits = &core.config.limits;
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
    let io = TokioIo::new(FirstBytes::new(stream, limits.header_timeout));
    let service = service_fn(|request| serve(Arc::clone(&core), peer.ip(), request));
    let connection = builder.serve_connection(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = %error, "a connection ended early");
    }
    drop(place);
}

/// What HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes must come in time.
///
/// Until they tell HTTP/1.1 from HTTP/2, no other timeout is running.
struct FirstBytes {
    stream: TcpStream,
    /// How much of [`PREFACE`] has come, while it may still be one.
    seen: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl FirstBytes {
    fn new(stream: TcpStream, within: Duration) -> Self {
        Self { stream, seen: 0, deadline: Some(Box::pin(sleep(within))) }
    }

    /// Looks at what came: another byte than that of the preface, or its last one, ends the wait.
    fn look(&mut self, came: &[u8]) {
        let expected = PREFACE.get(self.seen..).unwrap_or_default();
        self.seen += came.len();
        if !expected.starts_with(came) || self.seen >= PREFACE.len() {
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
                let came = buffer.filled().get(before..).unwrap_or_default();
                self.look(came);
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
