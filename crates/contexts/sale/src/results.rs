//! Who waits in this process for what becomes of their admission.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::store::admissions::AdmissionRow;

/// Waiting buyers, by sale and account. Each is woken alone, so that a batch of orders wakes as many as it has.
#[derive(Debug, Default)]
pub(crate) struct Results {
    waiting: Mutex<HashMap<(i64, i64), Bell>>,
}

/// What rings, and how many wait for it.
type Bell = (Arc<Notify>, usize);

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
        let mut waiting = self.waiting.lock();
        let (bell, count) = waiting.entry(key).or_default();
        *count += 1;
        let bell = Arc::clone(bell);
        Waiting { results: self, key, bell }
    }

    /// Wakes whoever waits for this admission.
    pub(crate) fn tell(&self, row: &AdmissionRow) {
        if let Some((bell, _)) = self.waiting.lock().get(&(row.sale, row.account)) {
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
        if let Entry::Occupied(mut place) = waiting.entry(self.key) {
            place.get_mut().1 -= 1;
            if place.get().1 == 0 {
                place.remove();
            }
        }
    }
}
