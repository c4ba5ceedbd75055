//! What a context hands to the node: one value that names it and lists everything that the node runs for it.
//!
//! A context is started by one function, `pulse_<name>::start(deps)`, which returns its typed clients beside a
//! [`Context`]. The node keeps a list of contexts and loops over it; it knows none of them by name.

mod pump;
mod retention;
mod secret;
mod section;

use std::sync::Arc;

use futures::future::BoxFuture;
use pulse_bus::Consumer;
use pulse_contract::Served;
use pulse_kernel::{Error, Verified};
use pulse_store::{Migration, Store};

pub use pump::Pump;
pub use retention::Retention;
pub use secret::{SecretText, SecretUrl};
pub use section::{Faults, Section};

/// The tables of a context.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// The name of the context; its tables begin with it.
    pub context: &'static str,
    /// Its migrations, oldest first.
    pub migrations: &'static [Migration],
}

/// Proves the invariants of one context from its tables.
///
/// It gets the store to read from, which the caller may have throttled, and whether it may repair.
pub type Verify = Arc<dyn Fn(Store, bool) -> BoxFuture<'static, Result<Verified, Error>> + Send + Sync>;

/// One running context, as the node sees it.
pub struct Context {
    /// Its tables; the name of the context is that of the store.
    pub store: Store,
    /// The services that it offers over REST and gRPC.
    pub services: Vec<Served>,
    /// Its handlers of events of other contexts and of its own.
    pub consumers: Vec<Consumer>,
    /// Work that becomes due: timers, workers, reconcilers.
    pub pumps: Vec<Box<dyn Pump>>,
    /// Work that runs as long as the process.
    pub tasks: Vec<BoxFuture<'static, ()>>,
    /// The proof of its invariants; a context without a journal has none.
    pub verify: Option<Verify>,
}

impl Context {
    /// A context with these tables that offers nothing yet.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            services: Vec::new(),
            consumers: Vec::new(),
            pumps: Vec::new(),
            tasks: Vec::new(),
            verify: None,
        }
    }

    /// The name of the context.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.store.context()
    }

    /// Adds a service.
    #[must_use]
    pub fn service(mut self, service: Served) -> Self {
        self.services.push(service);
        self
    }

    /// Adds handlers of events.
    #[must_use]
    pub fn consumers(mut self, consumers: impl IntoIterator<Item = Consumer>) -> Self {
        self.consumers.extend(consumers);
        self
    }

    /// Adds work that becomes due.
    #[must_use]
    pub fn pump(mut self, pump: impl Pump) -> Self {
        self.pumps.push(Box::new(pump));
        self
    }

    /// Adds work that runs as long as the process.
    #[must_use]
    pub fn task(mut self, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(Box::pin(task));
        self
    }

    /// Sets the proof of the invariants.
    #[must_use]
    pub fn verify<F>(mut self, verify: impl Fn(Store, bool) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Verified, Error>> + Send + 'static,
    {
        self.verify = Some(Arc::new(move |store, is_repair| Box::pin(verify(store, is_repair))));
        self
    }

    /// The tables and the proof of this context, if it has one.
    #[must_use]
    pub fn verify_target(&self) -> Option<(Store, Verify)> {
        self.verify.as_ref().map(|verify| (self.store.clone(), Arc::clone(verify)))
    }
}
