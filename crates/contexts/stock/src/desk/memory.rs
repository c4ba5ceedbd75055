//! Rows that were written lately, so that a hot one need not be read for every batch.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::domain::resource::{Resource, ResourceRef};

/// How many rows are remembered at most.
const ROWS_MAX: usize = 65_536;

/// What the rows of resources were when this process wrote them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    rows: Mutex<HashMap<ResourceRef, Resource>>,
}

impl Memory {
    /// Those of the wanted rows that are remembered.
    pub(super) fn recall(&self, wanted: &BTreeSet<ResourceRef>) -> Vec<(ResourceRef, Resource)> {
        let rows = self.rows.lock();
        wanted.iter().filter_map(|resource| Some((*resource, rows.get(resource)?.clone()))).collect()
    }

    /// Remembers rows as they are now.
    pub(super) fn keep(&self, written: impl IntoIterator<Item = (ResourceRef, Resource)>) {
        let mut rows = self.rows.lock();
        if rows.len() >= ROWS_MAX {
            rows.clear();
        }
        rows.extend(written);
    }

    /// Forgets some rows.
    pub(super) fn forget(&self, resources: &BTreeSet<ResourceRef>) {
        let mut rows = self.rows.lock();
        resources.iter().for_each(|resource| {
            rows.remove(resource);
        });
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.rows.lock().clear();
    }
}
