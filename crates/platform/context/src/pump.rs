//! Work that becomes due: it runs in the background, or, in tests and drills, one round at a time.

use async_trait::async_trait;
use pulse_kernel::Error;
use pulse_store::TimerPump;

/// Work that becomes due.
#[async_trait]
pub trait Pump: Send + 'static {
    /// Runs until the future is dropped, which is safe at any point.
    async fn run(self: Box<Self>);

    /// Does everything that is due now and returns the number of items done.
    ///
    /// # Errors
    /// Those of the store.
    async fn run_due(&mut self) -> Result<usize, Error>;
}

#[async_trait]
impl Pump for TimerPump {
    async fn run(self: Box<Self>) {
        TimerPump::run(*self).await;
    }

    async fn run_due(&mut self) -> Result<usize, Error> {
        Ok(TimerPump::run_due(self).await?)
    }
}
