//! The answer of a limiter: a future that a limiter in memory fills without an allocation.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use pulse_kernel::Error;

/// What a [`crate::Limiter`] says: there at once, or after a round trip. Await it in both cases.
#[must_use = "the limiter decides when the answer is awaited"]
pub struct Answer<'a, T>(State<'a, T>);

enum State<'a, T> {
    Now(Ready<Result<T, Error>>),
    Later(Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>),
}

impl<'a, T> Answer<'a, T> {
    /// An answer that is known already.
    pub fn ready(value: T) -> Self {
        Self(State::Now(ready(Ok(value))))
    }

    /// An answer that takes a round trip.
    pub fn later(future: impl Future<Output = Result<T, Error>> + Send + 'a) -> Self {
        Self(State::Later(Box::pin(future)))
    }

    /// The answer if it is known already, for callers that cannot wait.
    ///
    /// # Errors
    /// Gives the answer itself back when it takes a round trip.
    pub fn now(self) -> Result<Result<T, Error>, Self> {
        match self.0 {
            State::Now(known) => Ok(known.into_inner()),
            State::Later(future) => Err(Self(State::Later(future))),
        }
    }
}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Both states are `Unpin`: `Ready` always is, and the box pins what it holds.
        match &mut self.get_mut().0 {
            State::Now(known) => Pin::new(known).poll(cx),
            State::Later(future) => future.as_mut().poll(cx),
        }
    }
}
