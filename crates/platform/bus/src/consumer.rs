//! Consumers: a name, what it wants to hear, and what it does then.

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

/// Consumer names are at most this long, in bytes, as in inboxes.
pub const CONSUMER_NAME_MAX: usize = 64;

/// How many handlers of one consumer run at the same time, unless it says otherwise.
const CONCURRENCY: usize = 16;
/// How long one handler may take, unless its consumer says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a handler gets: one event, for the first time or again.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who it is delivered to.
    pub consumer: &'static str,
    /// The context whose outbox the event comes from.
    pub context: &'static str,
    /// The event. Its id is the same over all retries and replays (R15).
    pub event: Arc<StoredEvent>,
    /// Which attempt this is as far as the bus knows, from 1. After a crash an attempt may be counted twice or not at all.
    pub attempt: u32,
    /// Whether an operator asked the consumer to do only what it must.
    pub is_degraded: bool,
    /// Whether the handler's inbox knew the event.
    pub(crate) duplicate: Arc<AtomicBool>,
}

impl Delivery {
    /// Commits what the handler decided, once per event and consumer: when the inbox of `store` knows the event, nothing
    /// is written and all is well (TR-63).
    ///
    /// A handler commits at most once, in the store of its own context.
    ///
    /// # Errors
    /// Those of [`Store::commit`], without `AlreadyDone`.
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

    /// The event as its message.
    ///
    /// # Errors
    /// `EVENT_UNREADABLE` when the payload is not one.
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
/// Implemented by every such function.
pub trait Handles<'a, A: 'a, E>: Send + Sync {
    /// What it returns.
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

/// Where a consumer begins in an outbox that it never read before (PL-17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event that is still there. The default: nothing is missed.
    #[default]
    Beginning,
    /// With what is written after the bus has started.
    Now,
    /// With the first event after this position of the outbox.
    After(i64),
}

/// A consumer of events.
///
/// The handler commits with [`Delivery::commit`], so that a second delivery of the same event has no effect. Events of one key come one after the other, in the order in which they were written;
/// different keys run at the same time. A handler that fails is called again, and its key waits; one that was never
/// acknowledged (a crash) is called again, too. Only a dead letter lets the rest of its key pass.
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
    /// A consumer that hears nothing yet. The name is part of the data (offsets, inbox): never reuse it for something else.
    ///
    /// # Panics
    /// If the name is empty or longer than [`CONSUMER_NAME_MAX`].
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= CONSUMER_NAME_MAX, "{name:?} is no name for a consumer");
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

    /// Hears one topic, as its message (PL-60, direct).
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
        self.listen(E::TOPIC, handler)
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

    /// Hears one topic, undecoded (PL-60, direct).
    ///
    /// # Panics
    /// If it is heard already, or is not a topic.
    #[must_use]
    pub fn on_topic<H, F>(self, topic: &'static str, handler: H) -> Self
    where
        H: Fn(Cx, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.listen(topic, Arc::new(move |cx, delivery| handler(cx, delivery).boxed()))
    }

    /// Hears every topic of a context that no other handler of this consumer hears (PL-60, fan-out).
    ///
    /// # Panics
    /// If the context is heard already.
    #[must_use]
    pub fn on_context<H, F>(mut self, context: &'static str, handler: H) -> Self
    where
        H: Fn(Cx, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |cx, delivery| handler(cx, delivery).boxed());
        let before = self.contexts.insert(context, handler);
        assert!(before.is_none(), "{} hears {context} twice", self.name);
        self
    }

    fn listen(mut self, topic: &'static str, handler: Handler) -> Self {
        // Refuses what is not a topic here, where the mistake is made.
        context_of(topic);
        let before = self.topics.insert(topic, handler);
        assert!(before.is_none(), "{} hears {topic} twice", self.name);
        self
    }

    /// Where to begin in the outbox of `context`, when this consumer is new there.
    #[must_use]
    pub fn starting(mut self, context: &'static str, start: Start) -> Self {
        self.starts.insert(context, start);
        self
    }

    /// When failed deliveries are tried again.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How many handlers run at the same time; at least 1.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// How long one handler may take, on the clock of the machine: a hanging handler is not a matter of business time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The contexts whose outboxes are read.
    pub(crate) fn sources(&self) -> BTreeSet<&'static str> {
        self.topics.keys().map(|topic| context_of(topic)).chain(self.contexts.keys().copied()).collect()
    }

    pub(crate) fn start_in(&self, context: &str) -> Start {
        self.starts.get(context).copied().unwrap_or_default()
    }

    /// Who handles the topic, when anybody does.
    pub(crate) fn handler(&self, context: &str, topic: &str) -> Option<&Handler> {
        self.topics.get(topic).or_else(|| self.contexts.get(context))
    }
}
