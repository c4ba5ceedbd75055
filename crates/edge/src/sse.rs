//! Server streams as server-sent events (HTML standard, section 9.2).
//!
//! Each message is one `data:` line of JSON with an `id:` that depends on its content alone. The end of the stream ends the
//! response. A stream that fails, or that the node ends because it drains, sends a last event `error` whose data is the
//! problem.
//!
//! A client that reconnects sends the id of its last message as `Last-Event-ID`: that message is left out, and a stream
//! that ends without another one is answered with 204, upon which an `EventSource` stops. [`resume`] decides this.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pulse_kernel::Error;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::pipeline::capacity::Permit;

/// Maximum time until a stream that has nothing new is known to go on.
const END_WAIT: Duration = Duration::from_millis(500);

/// The id of a message.
pub(crate) fn id_of(json: &[u8]) -> String {
    hex::encode(pulse_limiter::Key::of("edge.event", json).to_bytes())
}

/// The stream without the messages that the client has, the last one of which has the id `seen`; `None` when the stream
/// ends without another message.
pub(crate) async fn resume(mut messages: Messages, seen: &[u8]) -> Option<Messages> {
    let next = async {
        loop {
            let message = messages.next().await?;
            if !message.as_ref().is_ok_and(|json| id_of(json).as_bytes() == seen) {
                return Some(message);
            }
        }
    };
    match timeout(END_WAIT, next).await {
        Ok(Some(message)) => Some(stream::iter([message]).chain(messages).boxed()),
        Ok(None) => None,
        // The stream is alive and has nothing new; its response starts meanwhile.
        Err(_elapsed) => Some(messages),
    }
}

/// The messages of a stream, as JSON.
pub(crate) type Messages = BoxStream<'static, Result<Bytes, Error>>;

/// A server stream as the body of a response.
pub(crate) struct EventStream {
    messages: Messages,
    /// Time after which a client reconnects; sent before the first message.
    retry: Option<Duration>,
    /// Converts the error that ends the stream into the JSON of a problem.
    problem: Box<dyn Fn(&Error) -> Bytes + Send + Sync>,
    heartbeat: Duration,
    pause: Pin<Box<Sleep>>,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    is_done: bool,
    /// Held until the stream ends or its caller disconnects.
    _permit: Permit,
}

impl EventStream {
    /// Sends `messages`, and a comment after each `heartbeat` without a message.
    pub(crate) fn new(
        messages: Messages,
        problem: impl Fn(&Error) -> Bytes + Send + Sync + 'static,
        heartbeat: Duration,
        draining: WaitForCancellationFutureOwned,
        permit: Permit,
    ) -> Self {
        Self {
            messages,
            retry: None,
            problem: Box::new(problem),
            heartbeat,
            pause: Box::pin(sleep(heartbeat)),
            draining: Box::pin(draining),
            is_done: false,
            _permit: permit,
        }
    }

    /// Asks the client to reconnect after `delay`.
    pub(crate) fn reconnect_after(mut self, delay: Duration) -> Self {
        self.retry = Some(delay);
        self
    }

    /// The next event; `None` after the last one.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        if let Some(retry) = self.retry.take() {
            return Poll::Ready(Some(format!("retry: {}\n\n", retry.as_millis()).into()));
        }
        if self.draining.as_mut().poll(cx).is_ready() {
            let error = pulse_contract::errors::DRAINING.error("the node is shutting down; connect again");
            return Poll::Ready(Some(self.last(&error)));
        }
        match self.messages.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => {
                self.reset_heartbeat();
                Poll::Ready(Some(event(&format!("id: {}\ndata: ", id_of(&message)), &message)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(self.last(&error))),
            Poll::Ready(None) => {
                self.is_done = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(self.pause.as_mut().poll(cx));
                self.reset_heartbeat();
                // A new timer wakes the task only after it was polled once.
                if self.pause.as_mut().poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Some(Bytes::from_static(b":\n\n")))
            }
        }
    }

    /// The last event, with the problem.
    fn last(&mut self, error: &Error) -> Bytes {
        self.is_done = true;
        event("event: error\ndata: ", &(self.problem)(error))
    }

    /// Schedules the next comment one heartbeat from now.
    fn reset_heartbeat(&mut self) {
        self.pause.as_mut().reset(Instant::now() + self.heartbeat);
    }
}

/// One event. The JSON of the contract has no line breaks, so it fits one `data:` line.
fn event(head: &str, json: &[u8]) -> Bytes {
    debug_assert!(!json.contains(&b'\n'), "the JSON of an event has no line breaks");
    let mut event = BytesMut::with_capacity(head.len() + json.len() + 2);
    event.put_slice(head.as_bytes());
    event.put_slice(json);
    event.put_slice(b"\n\n");
    event.freeze()
}
