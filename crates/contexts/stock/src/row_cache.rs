//! Rows of resources as this node wrote them last, so that a hot row is not read for every batch.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::domain::resource::{Resource, ResourceRef};

/// Maximum number of rows. At the maximum the cache is cleared.
const ROWS_MAX: usize = 65_536;

/// The cache. Its rows may be old: other nodes write too.
#[derive(Debug, Default)]
pub(crate) struct RowCache {
    rows: Mutex<HashMap<ResourceRef, Resource>>,
}

impl RowCache {
    /// Returns the cached rows among the wanted ones.
    pub(crate) fn get(&self, wanted: &BTreeSet<ResourceRef>) -> Vec<(ResourceRef, Resource)> {
        let rows = self.rows.lock();
        wanted.iter().filter_map(|resource| Some((*resource, rows.get(resource)?.clone()))).collect()
    }

    /// Adds or replaces rows.
    pub(crate) fn put(&self, written: impl IntoIterator<Item = (ResourceRef, Resource)>) {
        let mut rows = self.rows.lock();
        if rows.len() >= ROWS_MAX {
            rows.clear();
        }
        rows.extend(written);
    }

    /// Removes some rows.
    pub(crate) fn remove(&self, resources: &BTreeSet<ResourceRef>) {
        let mut rows = self.rows.lock();
        resources.iter().for_each(|resource| {
            rows.remove(resource);
        });
    }

    /// Removes all rows.
    pub(crate) fn clear(&self) {
        self.rows.lock().clear();
    }
}
