//! What a cache did, as numbers: readable here and exported to the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a cache did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Answers from a fresh entry, absent ones included.
    pub hits: u64,
    /// Those of the hits that said "there is no such thing".
    pub null_hits: u64,
    /// Answers from an entry past its time, while it was refreshed.
    pub stale_served: u64,
    /// Questions that no entry could answer.
    pub misses: u64,
    /// Those of the misses that joined a load under way.
    pub coalesced: u64,
    /// Loads begun, for misses and for refreshes.
    pub loads: u64,
    /// Those of the loads that failed.
    pub load_failures: u64,
    /// Loads whose result was not stored, because their key was written meanwhile.
    pub outdated_loads: u64,
    /// Values that weighed too much to be stored.
    pub oversized: u64,
    /// Entries that had to make room for others.
    pub evictions: u64,
    /// Entries that are held now, expired ones included.
    pub entries: u64,
    /// Their weight.
    pub weight: u64,
}

/// One counter, kept here for [`CacheStats`] and exported under its name.
pub(crate) struct Meter {
    total: AtomicU64,
    exported: metrics::Counter,
}

impl Meter {
    fn new(exported: metrics::Counter) -> Self {
        Self { total: AtomicU64::new(0), exported }
    }

    pub(crate) fn count(&self) {
        // Counters order nothing, so they may be relaxed.
        self.total.fetch_add(1, Ordering::Relaxed);
        self.exported.increment(1);
    }

    fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// The counters of one cache, labelled with its name.
pub(crate) struct Meters {
    pub(crate) hits: Meter,
    pub(crate) null_hits: Meter,
    pub(crate) stale_served: Meter,
    pub(crate) misses: Meter,
    pub(crate) coalesced: Meter,
    pub(crate) loads: Meter,
    pub(crate) load_failures: Meter,
    pub(crate) outdated_loads: Meter,
    pub(crate) oversized: Meter,
    pub(crate) evictions: Meter,
    pub(crate) load_seconds: metrics::Histogram,
}

impl Meters {
    pub(crate) fn of(cache: &'static str) -> Self {
        describe();
        let meter = |name: &'static str| Meter::new(metrics::counter!(name, "cache" => cache));
        Self {
            hits: meter("pulse_cache_hits_total"),
            null_hits: meter("pulse_cache_null_hits_total"),
            stale_served: meter("pulse_cache_stale_served_total"),
            misses: meter("pulse_cache_misses_total"),
            coalesced: meter("pulse_cache_coalesced_total"),
            loads: meter("pulse_cache_loads_total"),
            load_failures: meter("pulse_cache_load_failures_total"),
            outdated_loads: meter("pulse_cache_outdated_loads_total"),
            oversized: meter("pulse_cache_oversized_total"),
            evictions: meter("pulse_cache_evictions_total"),
            load_seconds: metrics::histogram!("pulse_cache_load_duration_seconds", "cache" => cache),
        }
    }

    pub(crate) fn read(&self, entries: u64, weight: u64) -> CacheStats {
        CacheStats {
            hits: self.hits.total(),
            null_hits: self.null_hits.total(),
            stale_served: self.stale_served.total(),
            misses: self.misses.total(),
            coalesced: self.coalesced.total(),
            loads: self.loads.total(),
            load_failures: self.load_failures.total(),
            outdated_loads: self.outdated_loads.total(),
            oversized: self.oversized.total(),
            evictions: self.evictions.total(),
            entries,
            weight,
        }
    }
}

fn describe() {
    let texts = [
        ("pulse_cache_hits_total", "Answers from a fresh entry."),
        ("pulse_cache_null_hits_total", "Answers from an entry that remembers that there is nothing."),
        ("pulse_cache_stale_served_total", "Answers from an entry past its time, while it is refreshed."),
        ("pulse_cache_misses_total", "Questions that no entry could answer."),
        ("pulse_cache_coalesced_total", "Misses that joined a load under way."),
        ("pulse_cache_loads_total", "Loads begun, for misses and for refreshes."),
        ("pulse_cache_load_failures_total", "Loads that failed."),
        ("pulse_cache_outdated_loads_total", "Loads that were not stored, because their key was written meanwhile."),
        ("pulse_cache_oversized_total", "Values that weighed too much to be stored."),
        ("pulse_cache_evictions_total", "Entries that had to make room for others."),
    ];
    for (name, text) in texts {
        metrics::describe_counter!(name, text);
    }
    metrics::describe_histogram!("pulse_cache_load_duration_seconds", metrics::Unit::Seconds, "How long loads take.");
}
