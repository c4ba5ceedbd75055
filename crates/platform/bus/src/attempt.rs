//! One attempt to deliver one event: the handler in its span, under its time limit, with its panics caught.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use pulse_contract::errors::{EVENT_UNREADABLE, INTERNAL};
use pulse_kernel::{Cx, Error, Timestamp, TraceContext};
use pulse_store::{Store, StoredEvent};
use pulse_telemetry::{SpanKind, TraceSpan};

use crate::consumer::{Consumer, Delivery};
use crate::faults::Fault;

/// An attempt to deliver an event.
pub(crate) struct Attempt {
    /// Index of the outbox that the event is from.
    pub(crate) outbox: usize,
    pub(crate) context: &'static str,
    pub(crate) event: Arc<StoredEvent>,
    /// Number of earlier attempts.
    pub(crate) attempts: u32,
    pub(crate) is_degraded: bool,
    /// Fault to inject.
    pub(crate) fault: Option<Fault>,
    /// Store of the bus, for the pause after a lost race.
    pub(crate) store: Store,
}

/// An event after an attempt.
pub(crate) struct Tried {
    pub(crate) outbox: usize,
    pub(crate) event: Arc<StoredEvent>,
    /// Number of attempts, this one included.
    pub(crate) attempts: u32,
}

/// Result of an attempt.
pub(crate) struct Finished {
    pub(crate) tried: Tried,
    pub(crate) took: Duration,
    pub(crate) verdict: Verdict,
}

/// Outcome of a handler.
pub(crate) enum Verdict {
    Handled,
    /// The inbox of the handler's context contained the event.
    Duplicate,
    /// A failed handler is never acknowledged (T17).
    Failed(Failure),
}

/// Failure of a handler.
pub(crate) struct Failure {
    /// Code of the error. `INTERNAL` for panics and timeouts.
    pub(crate) code: &'static str,
    /// Error with its causes, for the log and for operators.
    pub(crate) error: String,
    /// Minimum pause that the error demands. Zero for none.
    pub(crate) retry_after: Duration,
    /// Whether a retry cannot succeed.
    pub(crate) is_final: bool,
}

impl Failure {
    fn of_defect(error: String) -> Self {
        Self { code: INTERNAL.code, error, retry_after: Duration::ZERO, is_final: false }
    }

    fn on_purpose(retry_after: Duration) -> Verdict {
        Verdict::Failed(Self { retry_after, ..Self::of_defect("injected fault".to_owned()) })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            code: error.code(),
            error: error.report(),
            retry_after: error.retry_after().unwrap_or_default(),
            is_final: error.code() == EVENT_UNREADABLE.code,
        }
    }
}

impl Attempt {
    /// Runs the handler. Never panics, even if the handler does.
    pub(crate) async fn run(self, consumer: Arc<Consumer>, now: Timestamp) -> Finished {
        let started = Instant::now();
        let event = Arc::clone(&self.event);
        let (outbox, attempts) = (self.outbox, self.attempts.saturating_add(1));
        // PL-48: continues the trace of the request that wrote the event.
        let span = TraceSpan::open(&event.topic, SpanKind::Consumer, event.trace);
        span.set("messaging.consumer.group.name", consumer.name);
        span.set("messaging.message.id", event.id);
        span.set("messaging.delivery.attempt", attempts);
        let verdict = span.run(self.deliver(&consumer, now, span.trace())).await;
        if let Verdict::Failed(failure) = &verdict {
            span.fail(failure.code);
        }
        Finished { tried: Tried { outbox, event, attempts }, took: started.elapsed(), verdict }
    }

    /// Calls the handler once, or as the injected fault demands.
    async fn deliver(&self, consumer: &Consumer, now: Timestamp, trace: TraceContext) -> Verdict {
        let handle = || self.handle(consumer, now, trace);
        match self.fault {
            None => handle().await,
            Some(Fault::Twice) => match futures::join!(handle(), handle()) {
                (failed @ Verdict::Failed(_), _) | (_, failed) => failed,
            },
            Some(Fault::Unacknowledged) => match handle().await {
                failed @ Verdict::Failed(_) => failed,
                Verdict::Handled | Verdict::Duplicate => Failure::on_purpose(Duration::ZERO),
            },
            Some(Fault::Lost) => Failure::on_purpose(Duration::ZERO),
            Some(Fault::Late(pause)) => Failure::on_purpose(pause),
        }
    }

    async fn handle(&self, consumer: &Consumer, now: Timestamp, trace: TraceContext) -> Verdict {
        let Some(handler) = consumer.handler(self.context, &self.event.topic) else {
            let error = format!("{} has no handler for {}", consumer.name, self.event.topic);
            return Verdict::Failed(Failure { is_final: true, ..Failure::of_defect(error) });
        };
        let mut cx = Cx::system(consumer.name, now).in_trace(trace);
        cx.deadline = now.plus(consumer.timeout);
        let duplicate = Arc::new(AtomicBool::new(false));
        let delivery = Delivery {
            consumer: consumer.name,
            context: self.context,
            event: Arc::clone(&self.event),
            attempt: self.attempts.saturating_add(1),
            is_degraded: self.is_degraded,
            duplicate: Arc::clone(&duplicate),
        };
        // A lost race is not a failure: the handler is repeated immediately, like every use case.
        let handling = self.store.attempt(&cx, || handler(cx.clone(), delivery.clone()));
        let handled = AssertUnwindSafe(handling).catch_unwind();
        match tokio::time::timeout(consumer.timeout, handled).await {
            Ok(Ok(Ok(()))) if duplicate.load(Ordering::Relaxed) => Verdict::Duplicate,
            Ok(Ok(Ok(()))) => Verdict::Handled,
            Ok(Ok(Err(error))) => Verdict::Failed(error.into()),
            Ok(Err(panic)) => {
                Verdict::Failed(Failure::of_defect(format!("the handler panicked: {}", text_of(&*panic))))
            }
            Err(_) => {
                Verdict::Failed(Failure::of_defect(format!("the handler took longer than {:?}", consumer.timeout)))
            }
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
