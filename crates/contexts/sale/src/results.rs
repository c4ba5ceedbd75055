//! Who waits in this process for what becomes of their admission.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::store::admissions::AdmissionRow;

/// Waiting buyers, by sale and account. Each is woken alone, so that a batch of orders wakes as many as it has.
#[derive(Debug, Default)]
pub(crate) struct Results {
    waiting: Mutex<HashMap<(i64, i64), Arc<Notify>>>,
}

/// Somebody who waits; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    results: &'a Results,
    key: (i64, i64),
    bell: Arc<Notify>,
}

impl Results {
    /// Begins to wait: whatever is told from here on is heard.
    pub(crate) fn wait(&self, sale: i64, account: i64) -> Waiting<'_> {
        let key = (sale, account);
        let bell = Arc::clone(self.waiting.lock().entry(key).or_default());
        Waiting { results: self, key, bell }
    }

    /// Wakes whoever waits for this admission.
    pub(crate) fn tell(&self, row: &AdmissionRow) {
        if let Some(bell) = self.waiting.lock().get(&(row.sale, row.account)) {
            bell.notify_waiters();
        }
    }
}

impl Waiting<'_> {
    /// What is heard; make it before looking, and await it after.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.results.waiting.lock();
        // Here, in the map, and nobody else.
        if Arc::strong_count(&self.bell) <= 2 {
            waiting.remove(&self.key);
        }
    }
}
