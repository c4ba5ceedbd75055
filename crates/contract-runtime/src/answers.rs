//! Idempotency: a repeated request gets the answer of the first one.
//!
//! The edge puts the caller's key into the [`Cx`]. The generated handler seals it with what it was used for and with
//! a fingerprint of the request. The generated service asks the [`Answers`] before it calls the use case, and the use
//! case puts its answer into its commit.

use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pulse_kernel::{Actor, Cx, Error, Idempotency};
use sha2::{Digest, Sha256};

use crate::errors;
use crate::method::MethodSpec;

/// Where the answers of earlier requests are.
#[async_trait]
pub trait Answers: Send + Sync {
    /// Begins the request under the key of `cx`, which is present and sealed.
    ///
    /// # Errors
    /// `IDEMPOTENCY_IN_FLIGHT` while another request runs under the key, `IDEMPOTENCY_KEY_REUSED` when the key was
    /// used for a request with another fingerprint, `STORE_UNAVAILABLE`.
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

/// A call of one rpc, for the parts of the contract that do the same for every rpc.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The rpc.
    pub spec: &'static MethodSpec,
}

impl Call {
    /// Says in `cx` what its idempotency key is used for; drops the key when the rpc does not take one.
    ///
    /// This happens where a request enters Pulse, and nowhere below.
    #[must_use]
    pub fn seal<T: prost::Message>(self, mut cx: Cx, request: &T) -> Cx {
        cx.idempotency = match cx.idempotency.take() {
            Some(idempotency) if self.spec.policy.idempotent => Some(Arc::new(Idempotency {
                scope: scope(&cx, self.spec),
                key: idempotency.key.clone(),
                fingerprint: fingerprint(&idempotency.key, request),
            })),
            _ => None,
        };
        cx
    }

    /// The context of a request that Pulse itself makes once, however often it is repeated: `key` tells it from every
    /// other request of the same actor and rpc.
    #[must_use]
    pub fn keyed<T: prost::Message>(self, cx: &Cx, key: String, request: &T) -> Cx {
        let unsealed = Arc::new(Idempotency { scope: String::new(), key, fingerprint: [0; 32] });
        self.seal(Cx { idempotency: Some(unsealed), ..cx.clone() }, request)
    }

    /// Runs `work` once per idempotency key; a repetition gets the saved answer.
    ///
    /// A key that was sealed for another rpc is not for this one: it belongs to the caller's own caller, and is
    /// taken out of the context, so that two calls below one request never share it.
    ///
    /// # Errors
    /// Those of [`Answers::begin`] and those of `work`; `INTERNAL` when the saved answer cannot be read.
    pub async fn once<T, Work>(
        self,
        answers: &dyn Answers,
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
        match answers.begin(&cx).await? {
            Begun::Replay(answer) => replay(answer),
            Begun::Proceed(guard) => {
                let answer = match work(cx.clone()).await {
                    // The same request may have been answered by another node, and refused here for what it did there.
                    Err(error) => match answers.begin(&cx).await {
                        Ok(Begun::Replay(answer)) => replay(answer),
                        Ok(Begun::Proceed(_)) | Err(_) => Err(error),
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
    T::decode(answer).map_err(|error| errors::INTERNAL.error("the saved answer cannot be read").caused_by(error))
}

/// Tells requests with the same key apart. The key is in it, which is kept as a digest only: whoever reads the saved
/// fingerprints cannot try passwords on them.
fn fingerprint(key: &str, request: &impl prost::Message) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(key.len().to_le_bytes());
    hash.update(key);
    hash.update(request.encode_to_vec());
    hash.finalize().into()
}

/// Who uses a key for what: `<who> <rpc>`.
///
/// What anybody may call is `anyone`'s: a phone that repeats its sign-in from another network, or after its token has
/// expired, is still the same caller, and its credentials are in the request.
fn scope(cx: &Cx, spec: &MethodSpec) -> String {
    let mut scope = String::with_capacity(64);
    let written = match &cx.actor {
        Actor::System(name) => write!(scope, "system:{name} {}", spec.path),
        Actor::Principal(principal) if !spec.policy.is_public() => {
            write!(scope, "{} {}", principal.account, spec.path)
        }
        Actor::Principal(_) | Actor::Anonymous => write!(scope, "anyone {}", spec.path),
    };
    debug_assert!(written.is_ok(), "a String takes everything");
    scope
}

fn is_for(idempotency: &Idempotency, spec: &MethodSpec) -> bool {
    idempotency.scope.split_once(' ').is_some_and(|(_, path)| path == spec.path)
}
