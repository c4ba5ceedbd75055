//! The result of a limiter: a future that a limiter in memory returns without an allocation.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use pulse_kernel::Error;

/// The result of a [`crate::Limiter`], available immediately or after a round trip. Await it in both cases.
#[must_use = "the decision is made when the result is awaited"]
pub struct Answer<'a, T>(State<'a, T>);

enum State<'a, T> {
    Now(Ready<Result<T, Error>>),
    Later(Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>),
}

impl<'a, T> Answer<'a, T> {
    /// A result that is available.
    pub fn ready(value: T) -> Self {
        Self(State::Now(ready(Ok(value))))
    }

    /// A result after a round trip.
    pub fn later(future: impl Future<Output = Result<T, Error>> + Send + 'a) -> Self {
        Self(State::Later(Box::pin(future)))
    }

    /// The result if it is available, for callers that cannot wait.
    ///
    /// # Errors
    /// Returns the future if it takes a round trip.
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
        // Both states are `Unpin`: `Ready` always is, and the box pins its content.
        match &mut self.get_mut().0 {
            State::Now(known) => Pin::new(known).poll(cx),
            State::Later(future) => future.as_mut().poll(cx),
        }
    }
}
