//! Server streams as server-sent events (HTML standard, section 9.2).
//!
//! Each message is one `data:` line of JSON. A stream that ends by itself ends the answer; one that fails, or that
//! the node ends because it is leaving, sends a last event `error` whose data is the problem.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::BoxStream;
use pulse_kernel::Error;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::pipeline::capacity::Slot;

/// A server stream on its way out.
pub(crate) struct EventStream {
    messages: BoxStream<'static, Result<Bytes, Error>>,
    /// Turns the error that ends the stream into the JSON of a problem.
    problem: Box<dyn Fn(&Error) -> Bytes + Send + Sync>,
    heartbeat: Duration,
    pause: Pin<Box<Sleep>>,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    is_done: bool,
    /// The place that the stream takes, given back when the caller goes away.
    _slot: Slot,
}

impl EventStream {
    /// Sends `messages`, and a comment whenever nothing was sent for `heartbeat`.
    pub(crate) fn new(
        messages: BoxStream<'static, Result<Bytes, Error>>,
        problem: impl Fn(&Error) -> Bytes + Send + Sync + 'static,
        heartbeat: Duration,
        draining: WaitForCancellationFutureOwned,
        slot: Slot,
    ) -> Self {
        Self {
            messages,
            problem: Box::new(problem),
            heartbeat,
            pause: Box::pin(sleep(heartbeat)),
            draining: Box::pin(draining),
            is_done: false,
            _slot: slot,
        }
    }

    /// The next piece of the answer; `None` when it is over.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        if self.draining.as_mut().poll(cx).is_ready() {
            let error = pulse_contract::errors::DRAINING.error("the node is leaving; connect again");
            return Poll::Ready(Some(self.last(&error)));
        }
        match self.messages.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => {
                self.rest();
                Poll::Ready(Some(event("data: ", &message)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(self.last(&error))),
            Poll::Ready(None) => {
                self.is_done = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(self.pause.as_mut().poll(cx));
                self.rest();
                // The new pause must be polled once, or nobody wakes us when it is over.
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

    /// Something was sent: the next comment is due a heartbeat from now.
    fn rest(&mut self) {
        self.pause.as_mut().reset(Instant::now() + self.heartbeat);
    }
}

/// One event. JSON as the contract writes it has no line break, so one line carries it.
fn event(head: &str, json: &[u8]) -> Bytes {
    debug_assert!(!json.contains(&b'\n'), "the contract writes JSON in one line");
    let mut event = BytesMut::with_capacity(head.len() + json.len() + 2);
    event.put_slice(head.as_bytes());
    event.put_slice(json);
    event.put_slice(b"\n\n");
    event.freeze()
}
