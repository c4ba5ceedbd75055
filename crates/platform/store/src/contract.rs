//! What the store takes from the contract.

use async_trait::async_trait;
use bytes::Bytes;
use pulse_kernel::{Cx, Error};

/// A message of an `events.proto`.
pub trait Event: prost::Message + Default {
    /// The topic.
    const TOPIC: &'static str;
}

/// Where the answers of earlier requests are.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Begins the request under the key of `cx`.
    async fn begin(&self, cx: &Cx) -> Result<Begun, Error>;
}

/// What became of a beginning.
#[derive(Debug)]
pub enum Begun {
    /// It was done before; this is the encoded answer.
    Replay(Bytes),
    /// It is to be done; the key is taken until the guard is dropped.
    Proceed(InFlightGuard),
}

/// Keeps an idempotency key taken; dropping it gives the key free.
pub struct InFlightGuard(Option<Box<dyn FnOnce() + Send>>);

impl InFlightGuard {
    /// A guard that runs `release` when it is dropped.
    pub fn new(release: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(release)))
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

impl std::fmt::Debug for InFlightGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InFlightGuard")
    }
}

pub mod errors {
    //! Codes.
    use pulse_kernel::{ErrorSpec, Kind, Retry};

    macro_rules! codes {
        ($($name:ident $kind:ident $retry:ident;)*) => {$(
            /// A code.
            pub static $name: ErrorSpec = ErrorSpec {
                code: stringify!($name), domain: "pulse", kind: Kind::$kind, retry: Retry::$retry,
                title: stringify!($name), title_zh: stringify!($name), http: 500,
            };
        )*};
    }
    codes! {
        INTERNAL Internal Never;
        STORE_CONTENDED Aborted SameKey;
        STORE_UNAVAILABLE Unavailable Backoff;
        STORE_FENCED Aborted SameKey;
        IDEMPOTENCY_IN_FLIGHT Aborted SameKey;
        IDEMPOTENCY_KEY_REUSED AlreadyExists Never;
    }
}
