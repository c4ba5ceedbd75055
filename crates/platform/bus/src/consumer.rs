//! Consumers: a name, subscriptions, and handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use pulse_contract::Event;
use pulse_contract::errors::EVENT_UNREADABLE;
use pulse_kernel::{Cx, Error};
use pulse_store::{Commit, Store, StoreError, StoredEvent};

use crate::backoff::Backoff;
use crate::topic::context_of;

/// Maximum length of the name of a consumer, in bytes.
pub const CONSUMER_NAME_MAX: usize = 64;

/// Default of the maximum number of concurrent handlers of a consumer.
const CONCURRENCY: usize = 16;
/// Default of the maximum duration of a handler.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A delivery of one event to a handler.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Name of the consumer.
    pub consumer: &'static str,
    /// Context of the outbox that the event is from.
    pub context: &'static str,
    /// Event. Its ID is the same over all retries and replays (R15).
    pub event: Arc<StoredEvent>,
    /// Number of the attempt, from 1. A crash may count an attempt twice or not at all.
    pub attempt: u32,
    /// Whether an operator has degraded the consumer, so that it should skip optional work.
    pub is_degraded: bool,
    /// Whether the inbox of the handler contained the event.
    pub(crate) duplicate: Arc<AtomicBool>,
}

impl Delivery {
    /// Commits the result of the handler, once per event and consumer. When the inbox of `store` contains the event, nothing is
    /// written and the call succeeds (TR-63).
    ///
    /// A handler commits at most once, in the store of its own context.
    ///
    /// # Errors
    /// Errors of [`Store::commit`], except for `AlreadyDone`.
    pub async fn commit(&self, store: &Store, cx: &Cx, commit: Commit) -> Result<(), StoreError> {
        match store.commit(cx, commit.inbox(self.consumer, self.event.id)).await {
            Err(StoreError::AlreadyDone) => {
                self.duplicate.store(true, Ordering::Relaxed);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Whether the last commit wrote nothing because the inbox contained the event. Counters skip such a delivery.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.duplicate.load(Ordering::Relaxed)
    }

    /// Decodes the message of the event.
    ///
    /// # Errors
    /// `EVENT_UNREADABLE` when the payload cannot be decoded.
    pub fn decode<E: Event>(&self) -> Result<E, Error> {
        E::decode(self.event.payload.clone()).map_err(|cause| {
            EVENT_UNREADABLE
                .error(format!("event {} of {} cannot be decoded", self.event.id, self.event.topic))
                .caused_by(cause)
        })
    }
}

/// A handler of one kind of event: `async fn(&App, &Cx, &Delivery, Event) -> Result<(), Error>`.
///
/// Implemented for every such function.
pub trait Handles<'a, A: 'a, E>: Send + Sync {
    /// Future of the handler.
    type Outcome: Future<Output = Result<(), Error>> + Send + 'a;

    /// Handles one event.
    fn handle(&self, app: &'a A, cx: &'a Cx, delivery: &'a Delivery, event: E) -> Self::Outcome;
}

impl<'a, A, E, F, O> Handles<'a, A, E> for F
where
    A: 'a,
    F: Fn(&'a A, &'a Cx, &'a Delivery, E) -> O + Send + Sync,
    O: Future<Output = Result<(), Error>> + Send + 'a,
{
    type Outcome = O;

    fn handle(&self, app: &'a A, cx: &'a Cx, delivery: &'a Delivery, event: E) -> O {
        self(app, cx, delivery, event)
    }
}

type Handler = Arc<dyn Fn(Cx, Delivery) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// Starting position of a consumer in an outbox that it never read before (PL-17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The oldest event that was not pruned. The default.
    #[default]
    Beginning,
    /// The first event that is written after the bus has started.
    Now,
    /// The first event after this position of the outbox.
    After(i64),
}

/// A consumer of events.
///
/// A handler commits with [`Delivery::commit`], so that a second delivery of the same event has no effect. Events of one key
/// are delivered one after the other, in the order in which they were written; events of different keys run concurrently. A
/// handler that fails, or was interrupted by a crash, is called again, and its key waits. A dead letter unblocks its key.
#[derive(Clone)]
pub struct Consumer {
    pub(crate) name: &'static str,
    topics: BTreeMap<&'static str, Handler>,
    contexts: BTreeMap<&'static str, Handler>,
    starts: BTreeMap<&'static str, Start>,
    pub(crate) backoff: Backoff,
    pub(crate) concurrency: usize,
    pub(crate) timeout: Duration,
}

impl Consumer {
    /// A consumer without subscriptions. The name is stored with offsets and in inboxes: never reuse it for other handlers.
    ///
    /// # Panics
    /// If the name is empty or longer than [`CONSUMER_NAME_MAX`].
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        assert!(
            !name.is_empty() && name.len() <= CONSUMER_NAME_MAX,
            "the name of a consumer must have 1 to {CONSUMER_NAME_MAX} bytes: {name:?}"
        );
        Self {
            name,
            topics: BTreeMap::new(),
            contexts: BTreeMap::new(),
            starts: BTreeMap::new(),
            backoff: Backoff::default(),
            concurrency: CONCURRENCY,
            timeout: TIMEOUT,
        }
    }

    /// Subscribes to one topic with a handler of its message (PL-60, direct).
    #[must_use]
    pub fn on<E, H, F>(self, handler: H) -> Self
    where
        E: Event + 'static,
        H: Fn(Cx, Delivery, E) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |cx, delivery| match delivery.decode::<E>() {
            Ok(event) => handler(cx, delivery, event).boxed(),
            Err(error) => futures::future::ready(Err(error)).boxed(),
        });
        self.subscribe(E::TOPIC, handler)
    }

    /// Declares the handler of one topic: a function of the context's `App`, which is cloned for each delivery.
    ///
    /// # Panics
    /// If the topic has a handler already.
    #[must_use]
    pub fn handles<A, E, H>(self, app: &A, handler: H) -> Self
    where
        A: Clone + Send + Sync + 'static,
        E: Event + 'static,
        H: for<'a> Handles<'a, A, E> + Copy + 'static,
    {
        let app = app.clone();
        self.on(move |cx: Cx, delivery: Delivery, event: E| {
            let app = app.clone();
            async move { handler.handle(&app, &cx, &delivery, event).await }
        })
    }

    /// Subscribes to one topic with a handler of the undecoded event (PL-60, direct).
    ///
    /// # Panics
    /// If the topic has a handler already, or is malformed.
    #[must_use]
    pub fn on_topic<H, F>(self, topic: &'static str, handler: H) -> Self
    where
        H: Fn(Cx, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.subscribe(topic, Arc::new(move |cx, delivery| handler(cx, delivery).boxed()))
    }

    /// Subscribes to every topic of a context that has no handler of its own (PL-60, fan-out).
    ///
    /// # Panics
    /// If the context has a handler already.
    #[must_use]
    pub fn on_context<H, F>(mut self, context: &'static str, handler: H) -> Self
    where
        H: Fn(Cx, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |cx, delivery| handler(cx, delivery).boxed());
        let before = self.contexts.insert(context, handler);
        assert!(before.is_none(), "{} has two handlers of {context}", self.name);
        self
    }

    fn subscribe(mut self, topic: &'static str, handler: Handler) -> Self {
        // Panics on a malformed topic here, where it is declared.
        context_of(topic);
        let before = self.topics.insert(topic, handler);
        assert!(before.is_none(), "{} has two handlers of {topic}", self.name);
        self
    }

    /// Sets the starting position in the outbox of `context`, for a consumer that never read it. Default: the beginning.
    #[must_use]
    pub fn starting(mut self, context: &'static str, start: Start) -> Self {
        self.starts.insert(context, start);
        self
    }

    /// Sets the back-off of failed deliveries.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the maximum number of concurrent handlers, at least 1. Default: 16.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Sets the maximum duration of a handler, on the clock of the machine. Default: 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Contexts whose outboxes the consumer reads.
    pub(crate) fn sources(&self) -> BTreeSet<&'static str> {
        self.topics.keys().map(|topic| context_of(topic)).chain(self.contexts.keys().copied()).collect()
    }

    pub(crate) fn start_in(&self, context: &str) -> Start {
        self.starts.get(context).copied().unwrap_or_default()
    }

    /// Handler of a topic, if any.
    pub(crate) fn handler(&self, context: &str, topic: &str) -> Option<&Handler> {
        self.topics.get(topic).or_else(|| self.contexts.get(context))
    }
}
