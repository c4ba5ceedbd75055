//! Work that repeats in this process.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pulse_kernel::{Clock, Error};
use tokio::sync::Notify;

/// When a sweep continues after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: the step filled its batch, so there may be more.
    AtOnce,
    /// After the pause.
    AfterPause,
}

impl Next {
    /// `AtOnce` when `is_full`.
    #[must_use]
    pub const fn at_once_if(is_full: bool) -> Self {
        if is_full { Self::AtOnce } else { Self::AfterPause }
    }
}

/// One step of a [`Sweep`]. Every `FnMut() -> Future` is one; a type that keeps state between steps implements it.
pub trait Step {
    /// Handles one batch.
    fn step(&mut self) -> impl Future<Output = Result<Next, Error>> + Send;
}

impl<F, Work> Step for F
where
    F: FnMut() -> Work,
    Work: Future<Output = Result<Next, Error>> + Send,
{
    fn step(&mut self) -> impl Future<Output = Result<Next, Error>> + Send {
        self()
    }
}

/// Repeats a step: at once while its batches are full, otherwise after a pause.
///
/// Failures and panics are logged; the next step follows after the pause.
#[derive(Clone, Debug)]
pub struct Sweep {
    name: Cow<'static, str>,
    clock: Clock,
    pause: Duration,
    wake: Option<Arc<Notify>>,
    is_delayed: bool,
}

impl Sweep {
    /// A sweep that pauses for `pause` on `clock`. `name` is the value of the field `sweep` in log lines.
    #[must_use]
    pub fn every(name: impl Into<Cow<'static, str>>, clock: Clock, pause: Duration) -> Self {
        Self { name: name.into(), clock, pause, wake: None, is_delayed: false }
    }

    /// Pauses before the first step. Default: the first step follows at once.
    #[must_use]
    pub fn delayed(self) -> Self {
        Self { is_delayed: true, ..self }
    }

    /// Ends a pause early when `wake` is notified. A notification during a step is kept when it comes from
    /// [`Notify::notify_one`].
    #[must_use]
    pub fn woken_by(self, wake: Arc<Notify>) -> Self {
        Self { wake: Some(wake), ..self }
    }

    /// Repeats the step until the future is dropped.
    pub async fn run(self, mut step: impl Step) {
        if self.is_delayed {
            self.pause().await;
        }
        loop {
            match AssertUnwindSafe(step.step()).catch_unwind().await {
                Ok(Ok(Next::AtOnce)) => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok(Ok(Next::AfterPause)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = error.report(), sweep = %self.name, "sweep failed; retrying after the pause");
                }
                Err(_panic) => tracing::error!(sweep = %self.name, "sweep panicked; retrying after the pause"),
            }
            self.pause().await;
        }
    }

    async fn pause(&self) {
        let pause = self.clock.sleep_until(self.clock.now().plus(self.pause));
        match &self.wake {
            Some(wake) => tokio::select! {
                () = pause => {}
                () = wake.notified() => {}
            },
            None => pause.await,
        }
    }
}
