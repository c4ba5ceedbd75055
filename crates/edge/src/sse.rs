//! Server streams as server-sent events (HTML standard, section 9.2).
//!
//! Each message is one `data:` line of JSON. The end of the stream ends the response. A stream that fails, or that the
//! node ends because it drains, sends a last event `error` whose data is the problem.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::BoxStream;
use pulse_kernel::Error;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::pipeline::capacity::Permit;

/// A server stream as the body of a response.
pub(crate) struct EventStream {
    messages: BoxStream<'static, Result<Bytes, Error>>,
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
        messages: BoxStream<'static, Result<Bytes, Error>>,
        problem: impl Fn(&Error) -> Bytes + Send + Sync + 'static,
        heartbeat: Duration,
        draining: WaitForCancellationFutureOwned,
        permit: Permit,
    ) -> Self {
        Self {
            messages,
            problem: Box::new(problem),
            heartbeat,
            pause: Box::pin(sleep(heartbeat)),
            draining: Box::pin(draining),
            is_done: false,
            _permit: permit,
        }
    }

    /// The next event; `None` after the last one.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        if self.draining.as_mut().poll(cx).is_ready() {
            let error = pulse_contract::errors::DRAINING.error("the node is shutting down; connect again");
            return Poll::Ready(Some(self.last(&error)));
        }
        match self.messages.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => {
                self.reset_heartbeat();
                Poll::Ready(Some(event("data: ", &message)))
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
