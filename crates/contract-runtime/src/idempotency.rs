//! Idempotency: a repeated request gets the answer of the first one.
//!
//! The edge puts the caller's key into the [`Cx`]. The generated handler binds it to the caller, the rpc and a fingerprint
//! of the request. The generated service asks the [`IdempotencyStore`] before it calls the use case. The use case puts its
//! answer into its commit.

use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pulse_kernel::{Actor, Cx, Error, Idempotency};
use sha2::{Digest, Sha256};

use crate::errors;
use crate::method::MethodSpec;

/// The store of the answers of earlier requests.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Begins the request under the key of `cx`, which is present and bound.
    ///
    /// # Errors
    /// `IDEMPOTENCY_IN_FLIGHT` while another request runs under the key, `IDEMPOTENCY_KEY_REUSED` when the key was
    /// used for a request with another fingerprint, `STORE_UNAVAILABLE`.
    async fn begin(&self, cx: &Cx) -> Result<Begin, Error>;
}

/// Outcome of [`IdempotencyStore::begin`].
#[derive(Debug)]
pub enum Begin {
    /// The request was done before. The bytes are its encoded answer.
    Replay(Bytes),
    /// The request is new. Its key is taken until the guard is dropped.
    Proceed(InFlightGuard),
}

/// Keeps an idempotency key taken. Dropping it releases the key.
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

/// A call of one rpc, with the idempotency that is the same for every rpc.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Specification of the rpc.
    pub spec: &'static MethodSpec,
}

impl Call {
    /// Binds the idempotency key of `cx` to the caller, the rpc and the request. Drops the key when the rpc is not
    /// idempotent.
    ///
    /// Called where a request enters Pulse, and nowhere else.
    #[must_use]
    pub fn bind<T: prost::Message>(self, cx: Cx, request: &T) -> Cx {
        self.bind_encoded(cx, &|| request.encode_to_vec())
    }

    fn bind_encoded(self, mut cx: Cx, request: &dyn Fn() -> Vec<u8>) -> Cx {
        cx.idempotency = match cx.idempotency.take() {
            Some(idempotency) if self.spec.policy.idempotent => Some(Arc::new(Idempotency {
                scope: scope(&cx, self.spec),
                key: idempotency.key.clone(),
                fingerprint: fingerprint(&idempotency.key, &request()),
            })),
            _ => None,
        };
        cx
    }

    /// The context of a request that Pulse itself makes exactly once. `key` is unique among the requests of the same actor
    /// to the same rpc.
    #[must_use]
    pub fn keyed<T: prost::Message>(self, cx: &Cx, key: String, request: &T) -> Cx {
        let unbound = Arc::new(Idempotency { scope: String::new(), key, fingerprint: [0; 32] });
        self.bind(Cx { idempotency: Some(unbound), ..cx.clone() }, request)
    }

    /// Runs `work` once per idempotency key. A repetition gets the saved answer.
    ///
    /// A key that is bound to another rpc belongs to an outer request. It is removed from the context, so that two inner
    /// calls of one request never share it.
    ///
    /// # Errors
    /// Those of [`IdempotencyStore::begin`] and those of `work`; `INTERNAL` when the saved answer cannot be decoded.
    pub async fn execute_once<T, Work>(
        self,
        store: &dyn IdempotencyStore,
        cx: &Cx,
        work: impl FnOnce(Cx) -> Work + Send,
    ) -> Result<T, Error>
    where
        T: prost::Message + Default,
        Work: Future<Output = Result<T, Error>> + Send,
    {
        let mut cx = cx.clone();
        if !cx.idempotency.as_ref().is_some_and(|idempotency| is_for(idempotency, self.spec)) {
            cx.idempotency = None;
            return work(cx).await;
        }
        match store.begin(&cx).await? {
            Begin::Replay(answer) => replay(answer),
            Begin::Proceed(guard) => {
                let answer = match work(cx.clone()).await {
                    // Another node may have answered the same request, whose writes made it fail here.
                    Err(error) => match store.begin(&cx).await {
                        Ok(Begin::Replay(answer)) => replay(answer),
                        Ok(Begin::Proceed(_)) | Err(_) => Err(error),
                    },
                    answer => answer,
                };
                drop(guard);
                answer
            }
        }
    }
}

fn replay<T: prost::Message + Default>(answer: Bytes) -> Result<T, Error> {
    T::decode(answer).map_err(|error| errors::INTERNAL.error("the saved answer cannot be decoded").caused_by(error))
}

/// Fingerprint of a request. It includes the key, which is stored as a digest only, so that a reader of the saved
/// fingerprints cannot guess passwords with them.
fn fingerprint(key: &str, request: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(key.len().to_le_bytes());
    hash.update(key);
    hash.update(request);
    hash.finalize().into()
}

/// Scope of a key: `<caller> <rpc>`.
///
/// Public rpcs have the caller `anyone`: a client that repeats its sign-in from another network, or after its token has
/// expired, is the same caller, and its credentials are in the request.
fn scope(cx: &Cx, spec: &MethodSpec) -> String {
    let mut scope = String::with_capacity(64);
    let written = match &cx.actor {
        Actor::System(name) => write!(scope, "system:{name} {}", spec.path),
        Actor::Principal(principal) if !spec.policy.is_public() => {
            write!(scope, "{} {}", principal.account, spec.path)
        }
        Actor::Principal(_) | Actor::Anonymous => write!(scope, "anyone {}", spec.path),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
    scope
}

fn is_for(idempotency: &Idempotency, spec: &MethodSpec) -> bool {
    idempotency.scope.split_once(' ').is_some_and(|(_, path)| path == spec.path)
}
