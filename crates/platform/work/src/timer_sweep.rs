//! Work that repeats by a timer of the store: on one node of several, and continued where it was after a restart.

use std::time::Duration;

use pulse_kernel::{Cx, Error, Timestamp};
use pulse_store::{Commit, DueTimer, Store, StoreError, Timer};

/// Walks over rows page by page, each page a firing of one timer. The position is the payload of the timer.
#[derive(Clone, Copy, Debug)]
pub struct TimerSweep {
    kind: &'static str,
    every: Duration,
    first_after: Duration,
    page_pause: Duration,
}

/// One page of a [`TimerSweep`].
#[derive(Debug, Default)]
pub struct SweepPage {
    /// Writes that become durable together with the position.
    pub commit: Commit,
    /// Position of the next page; `None` when the walk is complete and starts again from 0 after the interval.
    pub next: Option<i64>,
}

impl TimerSweep {
    /// A sweep with a timer of this kind that starts every `every`, pages following each other without a pause.
    #[must_use]
    pub const fn every(kind: &'static str, every: Duration) -> Self {
        Self { kind, every, first_after: every, page_pause: Duration::ZERO }
    }

    /// Sets the time between [`TimerSweep::first`] and the first page. Default: the interval.
    #[must_use]
    pub const fn first_after(self, first_after: Duration) -> Self {
        Self { first_after, ..self }
    }

    /// Sets the pause between pages, which leaves room for other commits. Default: none.
    #[must_use]
    pub const fn page_pause(self, page_pause: Duration) -> Self {
        Self { page_pause, ..self }
    }

    /// Kind of the timer.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// The timer of the first page. To set it again restarts the walk from its beginning.
    #[must_use]
    pub fn first(&self, now: Timestamp) -> Timer {
        self.timer(now.plus(self.first_after), 0)
    }

    /// Sets the timer of the first page; to be called when the process starts.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub async fn start(&self, store: &Store) -> Result<(), Error> {
        let now = store.clock().now();
        Ok(store.commit(&Cx::system(self.kind, now), Commit::new().timer(self.first(now))).await?)
    }

    /// Runs the page of a timer that is due: `page` gets the context and the position, 0 at the beginning.
    ///
    /// # Errors
    /// Those of `page`, after which the same page is tried again; `STORE_UNAVAILABLE`.
    pub async fn fire<F>(&self, store: &Store, due: &DueTimer, page: impl FnOnce(Cx, i64) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<SweepPage, Error>>,
    {
        let cx = Cx::system(self.kind, store.clock().now());
        let position = due.payload.as_ref().try_into().map_or(0, i64::from_be_bytes);
        let SweepPage { commit, next } = page(cx.clone(), position).await?;
        let timer = match next {
            Some(position) => self.timer(cx.now.plus(self.page_pause), position),
            None => self.timer(cx.now.plus(self.every), 0),
        };
        match store.commit(&cx, commit.fired(due).timer(timer)).await {
            Ok(()) | Err(StoreError::AlreadyDone) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn timer(&self, due_at: Timestamp, position: i64) -> Timer {
        Timer { kind: self.kind, key: 0, due_at, payload: position.to_be_bytes().to_vec().into() }
    }
}
